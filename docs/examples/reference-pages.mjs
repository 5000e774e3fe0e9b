// The calls of four reference pages, in the form of the current Node SDK, against a sandbox:
// get the balance definitions, create a limit, create a member's balance, list all balances.
//
//   npm i @getbrevo/brevo@6.0.3
//   loyalty-mcp sandbox --empty
//   node reference-pages.mjs http://127.0.0.1:8585
//
// It ends with 1 if a call fails or an answer lacks a field that its page shows.
import assert from "node:assert/strict";
import { BrevoClient } from "@getbrevo/brevo";

const sandbox = process.argv[2] ?? "http://127.0.0.1:8585";
const client = new BrevoClient({ apiKey: "any", baseUrl: `${sandbox}/v3`, maxRetries: 0 });
const shows = (answer, ...fields) => {
  for (const field of fields) assert.ok(field in answer, `${field} is missing`);
};

// What the pages take for granted: a program, a definition, a member.
const { id: pid } = await client.program.createNewLp({ name: "Pages" });
const { id: bdid } = await client.balance.createBalanceDefinition({ pid, name: "P", unit: "POINTS" });
await client.program.publishLoyaltyProgram({ pid });
const { id: contactId } = await client.contacts.createContact({ email: "pages@example.com" });
await client.program.subscribeToLoyaltyProgram({ pid, contactId });

const { items } = await client.balance.getBalanceDefinitionList({ pid });
shows(items[0], "id", "name", "unit", "maxAmount", "balanceExpirationDate", "createdAt");

const limit = await client.balance.createBalanceLimit({
  pid,
  bdid,
  constraintType: "transaction",
  durationUnit: "day",
  durationValue: 1,
  transactionType: "credit",
  value: 1,
});
shows(limit, "id", "balanceDefinitionId", "slidingSchedule", "createdAt", "updatedAt");

const balance = await client.balance.createSubscriptionBalances({
  pid,
  cid: String(contactId),
  balanceDefinitionId: bdid,
});
shows(balance, "id", "amount", "organizationId", "contactId", "expiresAt", "consumedAt");

const { balances, count } = await client.balance.getContactBalances({
  pid,
  balanceDefinitionId: bdid,
});
assert.equal(count, 1);
shows(balances[0], "contactId", "loyaltySubscriptionId", "updatedAt", "value");

console.log("4 of 4 pages");
