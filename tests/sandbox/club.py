"""A program with tiers and rewards, as the tests of tiers, rewards and vouchers need it."""

from dataclasses import dataclass
from typing import Any

from tests.sandbox.conftest import CONFIG, Answer, Json, Sandbox


@dataclass
class Club:
    """A published program with one balance of points."""

    sandbox: Sandbox
    program: str
    points: str

    @property
    def balance(self) -> str:
        """Where its balances live."""
        return f"/v3/loyalty/balance/programs/{self.program}"

    @property
    def tier(self) -> str:
        """Where its tiers live."""
        return f"/v3/loyalty/tier/programs/{self.program}"

    @property
    def offer(self) -> str:
        """Where its rewards and vouchers live."""
        return f"/v3/loyalty/offer/programs/{self.program}"

    async def publish(self) -> None:
        """Put the draft into force."""
        await self.sandbox.publish(self.program)

    async def group(self, **fields: Any) -> str:
        """Make a tier group in the draft and return its id."""
        made: str = (
            await self.sandbox.post(f"{self.tier}/tier-groups", {"name": "Status", **fields})
        )["id"]
        return made

    async def add_tier(self, group: str, name: str, minimum: int, *rewards: str) -> str:
        """Add a tier to the draft and return its id."""
        body = {
            "name": name,
            "accessConditions": [{"balanceDefinitionId": self.points, "minimumValue": minimum}],
            "tierRewards": [{"rewardId": reward} for reward in rewards],
        }
        path = f"{self.tier}/tier-groups/{group}/tiers"
        made: str = (await self.sandbox.post(path, body))["tierId"]
        return made

    async def ladder(self, *rewards: str, **strategies: str) -> tuple[str, str, str, str]:
        """Publish Bronze 0, Silver 300 and Gold 500 (with these rewards); group and tier ids."""
        group = await self.group(**strategies)
        bronze = await self.add_tier(group, "Bronze", 0)
        silver = await self.add_tier(group, "Silver", 300)
        gold = await self.add_tier(group, "Gold", 500, *rewards)
        await self.publish()
        return group, bronze, silver, gold

    async def reward(self, name: str = "coffee", **settings: Any) -> str:
        """Publish a reward with these settings and return its id."""
        made: str = (await self.sandbox.post(f"{self.offer}/offers", {"name": name}))["id"]
        await self.publish()
        if settings:
            await self.configure(made, **settings)
        return made

    async def configure(self, reward: str, **settings: Any) -> Json:
        """Set what Brevo's app sets."""
        answer = await self.sandbox.call("PATCH", f"/sandbox/rewards/{reward}", settings)
        assert answer.status == 200, answer
        found: Json = answer.body
        return found

    async def limit(self, definition: str | None = None, **fields: Any) -> Json:
        """Add a limit to the draft: one credit a calendar day, unless said otherwise."""
        body = {
            "constraintType": "transaction",
            "transactionType": "credit",
            "durationValue": 1,
            "durationUnit": "day",
            "value": 1,
            **fields,
        }
        path = f"{self.balance}/balance-definitions/{definition or self.points}/limits"
        made: Json = await self.sandbox.post(path, body)
        return made

    async def join(self, name: str = "a", **fields: Any) -> int:
        """Make a contact, enrol it and return its id."""
        contact = await self.sandbox.contact(name)
        await self.sandbox.enrol(self.program, contact, **fields)
        return contact

    async def try_move(self, contact: int, amount: float, **fields: Any) -> Answer:
        """Credit or debit at once; it may be refused."""
        body = {
            "amount": amount,
            "balanceDefinitionId": self.points,
            "contactId": contact,
            "autoComplete": True,
            **fields,
        }
        return await self.sandbox.call("POST", f"{self.balance}/transactions", body)

    async def move(self, contact: int, amount: float, **fields: Any) -> Json:
        """Credit or debit at once."""
        answer = await self.try_move(contact, amount, **fields)
        assert answer.status == 200, answer
        found: Json = answer.body
        return found

    async def account(self, contact: int, **query: Any) -> Json:
        """Read all about a member."""
        path = f"{CONFIG}/{self.program}/account-info"
        found: Json = await self.sandbox.get(path, contactId=contact, **query)
        return found

    async def value(self, contact: int) -> float:
        """Read a member's points."""
        found: float = (await self.account(contact))["balance"]["balances"][0]["value"]
        return found

    async def tier_of(self, contact: int) -> str | None:
        """Read the name of the tier a member is on."""
        tiers = (await self.account(contact))["tier"]
        return tiers[0]["tierName"] if tiers else None

    async def assign(self, contact: int, tier: str) -> Answer:
        """Put a member on a tier by hand."""
        return await self.sandbox.call("POST", f"{self.tier}/contacts/{contact}/tiers/{tier}")

    async def try_issue(self, reward: str, contact: int, **fields: Any) -> Answer:
        """Issue a voucher; it may be refused."""
        body = {"rewardId": reward, "contactId": contact, **fields}
        return await self.sandbox.call("POST", f"{self.offer}/rewards/attribute", body)

    async def issue(self, reward: str, contact: int, **fields: Any) -> Json:
        """Issue a voucher."""
        answer = await self.try_issue(reward, contact, **fields)
        assert answer.status == 200, answer
        found: Json = answer.body
        return found

    async def redeem(self, voucher: Json, **fields: Any) -> Answer:
        """Open a redemption; it may be refused."""
        body = {"attributedRewardId": voucher["id"], **fields}
        return await self.sandbox.call("POST", f"{self.offer}/rewards/redeem", body)

    async def complete(self, redemption: Json) -> Answer:
        """Complete a redemption; it may be refused."""
        path = f"{self.offer}/rewards/redeem/{redemption['id']}/complete"
        return await self.sandbox.call("POST", path)

    async def authorized(self, voucher: Json) -> bool:
        """Ask whether a voucher could be redeemed now."""
        path = f"{self.offer}/rewards/validate"
        answer = await self.sandbox.post(path, {"attributedRewardId": voucher["id"]})
        found: bool = answer["authorize"]
        return found

    async def revoke(self, *vouchers: Json) -> Answer:
        """Take vouchers away; it may be refused."""
        ids = ",".join(voucher["id"] for voucher in vouchers)
        path = f"{self.offer}/rewards/revoke"
        return await self.sandbox.call("DELETE", path, attributedRewardIds=ids)

    async def vouchers(self, contact: int, **query: Any) -> list[Json]:
        """List a member's vouchers."""
        answer = await self.sandbox.get(f"{self.offer}/vouchers", contactId=contact, **query)
        found: list[Json] = answer["contactRewards"]
        return found


async def open_club(sandbox: Sandbox, **definition: Any) -> Club:
    """Publish a program with one balance of points."""
    program = await sandbox.program()
    points = await sandbox.define(program, **definition)
    await sandbox.publish(program)
    return Club(sandbox, program, points)
