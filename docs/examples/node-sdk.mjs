// The official Node SDK runs all 50 operations against a sandbox, as a program lives.
//
//   npm i @getbrevo/brevo@6.0.3
//   loyalty-mcp sandbox --empty
//   node node-sdk.mjs http://127.0.0.1:8585
//
// It prints each method that succeeded, and ends with 1 if one did not.
import assert from "node:assert/strict";
import { BrevoClient } from "@getbrevo/brevo";

const sandbox = process.argv[2] ?? "http://127.0.0.1:8585";
const client = new BrevoClient({ apiKey: "any", baseUrl: `${sandbox}/v3`, maxRetries: 0 });

const succeeded = new Set();
const called = (group) =>
  new Proxy(client[group], {
    get: (target, method) => async (request) => {
      const answer = await target[method](request);
      succeeded.add(`${group}.${method}`);
      return answer;
    },
  });
const [program, balance, tier, reward] = ["program", "balance", "tier", "reward"].map(called);

// A program, its balances and a limit.
const { id: pid } = await program.createNewLp({ name: "VIP", meta: { a: 1 } });
await program.updateLoyaltyProgram({ pid, name: "VIP Club" });
await program.partiallyUpdateLoyaltyProgram({ pid, description: "For all" });
const { id: bdid } = await balance.createBalanceDefinition({ pid, name: "P", unit: "POINTS" });
await balance.updateBalanceDefinition({ pid, bdid, name: "Points", unit: "POINTS" });
const spare = await balance.createBalanceDefinition({ pid, name: "Spare", unit: "EUR" });
await balance.deleteBalanceDefinition({ pid, bdid: spare.id });
const cap = { constraintType: "amount", transactionType: "credit", durationValue: 1 };
const limit = await balance.createBalanceLimit({ pid, bdid, ...cap, durationUnit: "day", value: 500 });
const blid = limit.id;
await balance.updateBalanceLimit({ pid, bdid, blid, ...cap, durationUnit: "week", value: 1000 });
assert.equal((await balance.getBalanceLimit({ pid, bdid, blid })).value, 1000);

// A reward, with what Brevo's app sets and its API does not.
const { id: rid } = await reward.createReward({ pid, name: "gift", publicName: "Gift" });
await fetch(`${sandbox}/sandbox/rewards/${rid}`, {
  method: "PATCH",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ value: 5, unit: "EUR", codes: ["G-1", "G-2", "G-3", "G-4"] }),
});
const { codePoolId: cpid } = await reward.getRewardInformation({ pid, rid });

// Tiers, then live.
const { id: gid } = await tier.createTierGroup({ pid, name: "Levels" });
const entry = (minimumValue) => ({
  accessConditions: [{ balanceDefinitionId: bdid, minimumValue }],
});
const bronze = await tier.createTierForTierGroup({ pid, gid, name: "Bronze", ...entry(0) });
const silver = await tier.createTierForTierGroup({ pid, gid, name: "Silver", ...entry(150) });
const gifts = { tierRewards: [{ rewardId: rid }] };
await tier.updateTier({ pid, tid: silver.tierId, name: "Silver", ...entry(100), ...gifts });
const strategies = { upgradeStrategy: "real_time", downgradeStrategy: "membership_anniversary" };
const tierOrder = [bronze.tierId, silver.tierId];
await tier.updateTierGroup({ pid, gid, name: "Status", tierOrder, ...strategies });
await program.publishLoyaltyProgram({ pid });
assert.equal((await program.getLoyaltyProgramInfo({ pid })).state, "active");
assert.equal((await program.getLpList()).items.length, 1);
const version = "active";
assert.equal((await balance.getBalanceDefinitionList({ pid, version })).items.length, 1);
assert.equal((await balance.getBalanceDefinition({ pid, bdid })).name, "Points");
assert.equal((await tier.getListOfTierGroups({ pid, version })).items[0].name, "Status");
assert.deepEqual((await tier.getTierGroup({ pid, gid })).tierOrder, tierOrder);
assert.equal((await tier.getLoyaltyProgramTier({ pid, version })).items.length, 2);
assert.equal((await reward.getRewardPageApi({ pid, version })).totalCount, 1);

// Members, and what they earn.
const { id: anna } = await client.contacts.createContact({ email: "anna@example.com" });
const { id: bob } = await client.contacts.createContact({ email: "bob@example.com" });
await program.subscribeToLoyaltyProgram({ pid, contactId: anna, loyaltySubscriptionId: "OWN-1" });
await program.subscribeMemberToASubscription({ pid, contactId: anna, memberContactIds: [bob] });
const held = { pid, balanceDefinitionId: bdid };
await balance.createSubscriptionBalances({ ...held, cid: String(anna) });
const draft = await balance.beginTransaction({ ...held, amount: 120, LoyaltySubscriptionId: "OWN-1" });
const done = await balance.completeTransaction({ pid, tid: draft.id });
assert.equal(done.status, "completed");
const open = await balance.beginTransaction({ ...held, amount: -5, contactId: anna });
assert.equal((await balance.cancelTransaction({ pid, tid: open.id })).status, "cancelled");
const dueAt = new Date(Date.now() + 86_400_000).toISOString();
const order = { ...held, amount: 10, contactId: anna, source: "user", dueAt };
assert.ok((await balance.createBalanceOrder(order)).transactionid);
const info = await program.getParameterSubscriptionInfo({ pid, contactId: String(anna) });
assert.equal(info.tier[0].tierName, "Silver");
await tier.addSubscriptionToTier({ pid, cid: String(anna), tid: bronze.tierId });

// Vouchers.
const issued = await reward.createVoucher({ pid, rewardId: rid, contactId: anna });
const vouchers = await reward.getVoucherForAContact({ pid, contactId: anna, sort: "asc" });
const { code } = vouchers.contactRewards[0];
assert.equal((await reward.validateReward({ pid, code })).authorize, true);
const redemption = await reward.redeemVoucher({ pid, code, ttl: 600 });
const redeemed = await reward.completeRedeemTransaction({ pid, tid: redemption.id });
assert.equal(redeemed.status, "completed");
await reward.revokeVouchers({ pid, attributedRewardIds: issued.id });
assert.ok((await reward.getCodeCount({ pid, cpid })).count >= 1);

// What they have.
const totals = await balance.getSubscriptionBalances({ pid, cid: String(anna) });
assert.equal(totals.balance[0].value, 120);
assert.equal((await balance.getActiveBalancesApi({ ...held, contactId: anna })).count, 1);
assert.equal((await balance.getContactBalances(held)).balances[0].contactId, anna);
assert.equal((await balance.getTransactionHistoryApi({ ...held, contactId: anna })).count, 3);

// Away with it.
await program.deleteContactMembers({ pid, memberContactIds: String(bob) });
await balance.deleteBalanceLimit({ pid, bdid, blid });
for (const tid of tierOrder) await tier.deleteTier({ pid, tid });
await tier.deleteTierGroup({ pid, gid });
await program.publishLoyaltyProgram({ pid });
await program.deleteContactSubscription({ pid, cid: anna });
await program.deleteLoyaltyProgram({ pid });

console.log([...succeeded].sort().join("\n"));
console.log(`${succeeded.size} of 50 operations`);
process.exitCode = succeeded.size === 50 ? 0 : 1;
