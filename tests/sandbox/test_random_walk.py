"""Random sequences of everything that changes something, with steps of the clock."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.sandbox.conftest import StillClock

Json = dict[str, Any]

CONFIG = "/v3/loyalty/config/programs"
FLOOR = {"Points": 0, "Credit": -50}
STRATEGIES = ("real_time", "membership_anniversary", "tier_anniversary")
MEMBERS = st.integers(0, 2)
PICKS = st.integers(0, 10**6)
AMOUNTS = st.one_of(
    st.sampled_from([299, 300, 200, 100, -100, 1, 0.5, -0.25, 1000, -1000]), st.integers(-400, 400)
)
SECONDS = st.sampled_from([1, 30, 3600, 86_400, 7 * 86_400, 40 * 86_400, 400 * 86_400])
CEILINGS = st.sampled_from([None, 2, 1, 0])


class Walk(RuleBasedStateMachine):
    """One program, three contacts, and what must hold whatever happens to them."""

    def __init__(self) -> None:
        super().__init__()
        self.app = create_app(SandboxSettings(empty=True, rate_limit=0), clock=StillClock())
        self.runner = asyncio.Runner()
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://sandbox",
            headers={"api-key": "any"},
        )
        self.contacts: list[int] = []
        self.transactions: list[str] = []
        self.redemptions: list[str] = []
        self.vouchers: list[str] = []
        self.ended: Counter[str] = Counter()
        self.used: Counter[str] = Counter()
        self.ceilings: dict[str, int | None] = {"totalRedeem": None, "redeemPerConsumer": None}
        self.highest: dict[tuple[int, str], float] = {}
        self.tiers_seen: dict[int, str | None] = {}
        self.by_hand: tuple[int, str] | None = None
        self.seen_events = 0

    def teardown(self) -> None:
        """Let everything go."""
        self.runner.run(self.http.aclose())
        self.runner.close()
        self.app.state.store.close()

    def call(self, method: str, path: str, body: Json | None = None, **query: Any) -> Any:
        """Send a request; give the reply, or None when it was refused."""
        request = self.http.request(method, path, json=body, params=query)
        answer = self.runner.run(request)
        assert answer.status_code < 500, (method, path, body, answer.text)
        if answer.status_code < 300:
            return answer.json() if answer.content else {}
        assert answer.json().keys() == {"code", "message"}
        return None

    @initialize()
    def found(self) -> None:
        """Set a program up and publish it."""
        self.pid = self.call("POST", CONFIG, {"name": "Club"})["id"]
        self.balance = f"/v3/loyalty/balance/programs/{self.pid}"
        self.tier = f"/v3/loyalty/tier/programs/{self.pid}"
        self.offer = f"/v3/loyalty/offer/programs/{self.pid}"
        definitions = f"{self.balance}/balance-definitions"
        self.definitions = {
            "Points": self.call(
                "POST", definitions, {"name": "Points", "unit": "POINTS", "maxAmount": 5000}
            )["id"],
            "Credit": self.call(
                "POST",
                definitions,
                {
                    "name": "Credit",
                    "unit": "EUR",
                    "minAmount": FLOOR["Credit"],
                    "balanceAvailabilityDurationValue": 2,
                    "balanceAvailabilityDurationUnit": "month",
                },
            )["id"],
        }
        self.reward = self.call("POST", f"{self.offer}/offers", {"name": "gift"})["id"]
        self.group = self.call("POST", f"{self.tier}/tier-groups", {"name": "Status"})["id"]
        self.minimums: dict[str, int] = {}
        for name, minimum in (("Bronze", 0), ("Silver", 300), ("Gold", 500)):
            self.add_tier(name, minimum)
        self.call("POST", f"{CONFIG}/{self.pid}/publish")
        for name in "abc":
            made = self.call("POST", "/v3/contacts", {"email": f"{name}@example.com"})
            self.contacts.append(made["id"])
            self.call("POST", f"{CONFIG}/{self.pid}/subscriptions", {"contactId": made["id"]})

    def add_tier(self, name: str, minimum: int) -> None:
        """Add a tier that hands out the reward."""
        body = {
            "name": name,
            "accessConditions": [
                {"balanceDefinitionId": self.definitions["Points"], "minimumValue": minimum}
            ],
            "tierRewards": [{"rewardId": self.reward}] if minimum else [],
        }
        self.call("POST", f"{self.tier}/tier-groups/{self.group}/tiers", body)

    @rule(
        member=MEMBERS,
        amount=AMOUNTS,
        name=st.sampled_from(["Points", "Credit"]),
        complete=st.booleans(),
        minutes=st.sampled_from([None, 30, 60 * 24 * 10]),
    )
    def move(
        self, member: int, amount: float, name: str, complete: bool, minutes: int | None
    ) -> None:
        """Credit or debit, at once or in a draft."""
        body: Json = {
            "amount": amount,
            "balanceDefinitionId": self.definitions[name],
            "contactId": self.contacts[member],
            "autoComplete": complete,
        }
        if complete and minutes and amount > 0:
            body["balanceExpiryInMinutes"] = minutes
        elif not complete:
            body["ttl"] = 3600
        made = self.call("POST", f"{self.balance}/transactions", body)
        if made is not None:
            self.transactions.append(made["id"])
            if made["status"] == "completed":
                self.end("transaction", made["id"])

    @rule(member=MEMBERS, amount=AMOUNTS)
    def order(self, member: int, amount: float) -> None:
        """Open an order that falls due in two days."""
        now = self.call("GET", "/sandbox/clock")["now"]
        body = {
            "amount": amount,
            "balanceDefinitionId": self.definitions["Points"],
            "contactId": self.contacts[member],
            "source": "user",
            "dueAt": now,
        }
        made = self.call("POST", f"{self.balance}/create-order", body)
        if made is not None:
            self.transactions.append(made["transactionid"])

    @precondition(lambda self: self.transactions)
    @rule(pick=PICKS, how=st.sampled_from(["complete", "cancel"]))
    def resolve_transaction(self, pick: int, how: str) -> None:
        """Complete or cancel any transaction there ever was."""
        chosen = self.transactions[pick % len(self.transactions)]
        if self.call("POST", f"{self.balance}/transactions/{chosen}/{how}") is not None:
            self.end("transaction", chosen)

    @rule(member=MEMBERS, code=st.sampled_from([None, "A", "B"]))
    def issue(self, member: int, code: str | None) -> None:
        """Issue a voucher."""
        body: Json = {"rewardId": self.reward, "contactId": self.contacts[member]}
        if code is not None:
            body["code"] = code
        made = self.call("POST", f"{self.offer}/rewards/attribute", body)
        if made is not None:
            self.vouchers.append(made["id"])

    @precondition(lambda self: self.vouchers)
    @rule(pick=PICKS, complete=st.booleans(), ttl=st.sampled_from([None, 0, 60]))
    def redeem(self, pick: int, complete: bool, ttl: int | None) -> None:
        """Redeem any voucher there ever was, at once or in two phases."""
        chosen = self.vouchers[pick % len(self.vouchers)]
        body: Json = {"attributedRewardId": chosen, "autoComplete": complete}
        if ttl is not None:
            body["ttl"] = ttl
        made = self.call("POST", f"{self.offer}/rewards/redeem", body)
        if made is not None:
            self.redemptions.append(made["id"])
            if made["status"] == "completed":
                self.use(made)

    @rule(member=MEMBERS)
    def issue_and_redeem(self, member: int) -> None:
        """Issue a voucher and use one of the member's at once."""
        self.issue(member, None)
        self.redeem_for(member)

    @rule(member=MEMBERS)
    def redeem_for(self, member: int) -> None:
        """Redeem whatever voucher of the reward the member has."""
        body = {
            "rewardId": self.reward,
            "contactId": self.contacts[member],
            "autoComplete": True,
        }
        made = self.call("POST", f"{self.offer}/rewards/redeem", body)
        if made is not None:
            self.redemptions.append(made["id"])
            self.use(made)

    @precondition(lambda self: self.redemptions)
    @rule(pick=PICKS)
    def complete_redemption(self, pick: int) -> None:
        """Complete any redemption there ever was."""
        chosen = self.redemptions[pick % len(self.redemptions)]
        made = self.call("POST", f"{self.offer}/rewards/redeem/{chosen}/complete")
        if made is not None:
            self.use(made)

    @precondition(lambda self: self.vouchers)
    @rule(pick=PICKS)
    def revoke(self, pick: int) -> None:
        """Revoke any voucher there ever was."""
        chosen = self.vouchers[pick % len(self.vouchers)]
        path = f"{self.offer}/rewards/revoke"
        if self.call("DELETE", path, attributedRewardIds=chosen) is not None:
            self.end("voucher", chosen)

    @rule(
        totals=st.tuples(CEILINGS, CEILINGS, CEILINGS),
        price=st.sampled_from([None, 10, 100]),
        strategy=st.sampled_from([None, "partial", "attribution"]),
        everything=st.sampled_from([False, False, True]),
    )
    def configure_reward(
        self,
        totals: tuple[int | None, int | None, int | None],
        price: int | None,
        strategy: str | None,
        everything: bool,
    ) -> None:
        """Set the ceilings and the price of the reward."""
        self.ceilings = {"totalRedeem": totals[0], "redeemPerConsumer": totals[1]}
        settings_ = {
            **self.ceilings,
            "attributionPerConsumer": totals[2],
            "subtractBalanceDefinitionId": self.definitions["Points"],
            "subtractBalanceValue": price,
            "subtractBalanceStrategy": strategy,
            "subtractTotalBalance": everything,
            "expirationValue": 1,
            "expirationUnit": "month",
        }
        assert self.call("PATCH", f"/sandbox/rewards/{self.reward}", settings_) is not None

    @rule(member=MEMBERS, pick=PICKS)
    def assign(self, member: int, pick: int) -> None:
        """Put a member on a tier by hand."""
        tiers = self.call("GET", f"{self.tier}/tiers")["items"]
        if not tiers:
            return
        tier = tiers[pick % len(tiers)]["tierId"]
        contact = self.contacts[member]
        if self.call("POST", f"{self.tier}/contacts/{contact}/tiers/{tier}") is not None:
            self.by_hand = (member, tier)

    @rule(minimum=st.integers(0, 800))
    def new_tier(self, minimum: int) -> None:
        """Add a tier to the draft."""
        self.add_tier(f"From {minimum}", minimum)

    @rule(pick=PICKS, minimum=st.integers(0, 800))
    def change_tier(self, pick: int, minimum: int) -> None:
        """Give a tier another threshold, or delete it, in the draft."""
        tiers = self.call("GET", f"{self.tier}/tiers")["items"]
        if not tiers:
            return
        tier = tiers[pick % len(tiers)]
        path = f"{self.tier}/tiers/{tier['tierId']}"
        if minimum > 700:
            self.call("DELETE", path)
            return
        condition = {"balanceDefinitionId": self.definitions["Points"], "minimumValue": minimum}
        self.call(
            "PUT", path, {"name": "Other", "accessConditions": [condition], "tierRewards": []}
        )

    @rule(upgrade=st.sampled_from(STRATEGIES), downgrade=st.sampled_from(STRATEGIES))
    def change_group(self, upgrade: str, downgrade: str) -> None:
        """Give the group other strategies, in the draft."""
        body = {
            "name": "Status",
            "tierOrder": [],
            "upgradeStrategy": upgrade,
            "downgradeStrategy": downgrade,
        }
        self.call("PUT", f"{self.tier}/tier-groups/{self.group}", body)

    @rule(
        name=st.sampled_from(["Points", "Credit"]),
        kind=st.sampled_from(["credit", "debit"]),
        what=st.sampled_from(["transaction", "amount"]),
        value=st.integers(0, 500),
        sliding=st.booleans(),
    )
    def new_limit(self, name: str, kind: str, what: str, value: int, sliding: bool) -> None:
        """Add a limit to the draft."""
        body = {
            "constraintType": what,
            "transactionType": kind,
            "durationValue": 1,
            "durationUnit": "week",
            "value": value,
            "slidingSchedule": sliding,
        }
        self.call(
            "POST", f"{self.balance}/balance-definitions/{self.definitions[name]}/limits", body
        )

    @rule()
    def publish(self) -> None:
        """Put the draft into force."""
        self.call("POST", f"{CONFIG}/{self.pid}/publish")

    @rule(member=MEMBERS)
    def leave_and_return(self, member: int) -> None:
        """End a membership, and enrol the contact again."""
        contact = self.contacts[member]
        self.call("DELETE", f"{CONFIG}/{self.pid}/contact/{contact}")
        self.call("POST", f"{CONFIG}/{self.pid}/subscriptions", {"contactId": contact})
        self.tiers_seen.pop(member, None)
        self.used = Counter({key: n for key, n in self.used.items() if key != str(contact)})

    @rule(seconds=SECONDS)
    def advance(self, seconds: int) -> None:
        """Step the clock ahead."""
        assert self.call("POST", "/sandbox/clock", {"advance_seconds": seconds}) is not None

    def end(self, kind: str, subject: str) -> None:
        """Note that something was resolved: it may happen once."""
        self.ended[f"{kind} {subject}"] += 1

        assert self.ended[f"{kind} {subject}"] == 1

    def use(self, redemption: Json) -> None:
        """Note that a redemption was completed: within the ceilings, and each voucher once."""
        self.end("redemption", redemption["id"])
        self.end("voucher", redemption["rewardAttributionId"])
        self.used["all"] += 1
        self.used[str(redemption["contactId"])] += 1
        within: Callable[[str, str], bool] = lambda key, name: (  # noqa: E731 - a word, not a step
            self.ceilings[name] is None or self.used[key] <= (self.ceilings[name] or 0)
        )

        assert within("all", "totalRedeem")
        assert within(str(redemption["contactId"]), "redeemPerConsumer")

    @invariant()
    def nothing_is_wrong(self) -> None:
        """No balance below its floor, and nobody on a tier whose condition never held."""
        self._note_highest_balances()
        minimums = {
            tier["tierId"]: tier["accessConditions"][0]["minimumValue"]
            for tier in self.call("GET", f"{self.tier}/tiers", version="active")["items"]
        }
        for member, contact in enumerate(self.contacts):
            account = self.call("GET", f"{CONFIG}/{self.pid}/account-info", contactId=contact)
            for each in account["balance"]["balances"]:
                name = each["balanceDefinitionName"]
                assert each["value"] >= FLOOR[name], (name, each["value"])
                key = (contact, each["balanceDefinitionId"])
                self.highest[key] = max(self.highest.get(key, 0), each["value"])
            tiers = account["tier"]
            tier = tiers[0]["tierId"] if tiers else None
            if tier is not None and tier != self.tiers_seen.get(member):
                held = self.highest.get((contact, self.definitions["Points"]), 0)
                assert minimums[tier] <= held or self.by_hand == (member, tier)
            self.tiers_seen[member] = tier
        self.by_hand = None

    def _note_highest_balances(self) -> None:
        # A balance may rise and fall again within one step of the clock; its events tell.
        events = self.call("GET", "/sandbox/events")["events"]
        for event in events[self.seen_events :]:
            if event["event_name"] == "balance_value_updated":
                key = (event["contact_id"], event["balance_definition"]["id"])
                self.highest[key] = max(self.highest.get(key, 0), event["value"])
        self.seen_events = len(events)


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
