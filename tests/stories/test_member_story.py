"""A member joins, earns, climbs a tier, redeems, returns a purchase, and is away for a year."""

from typing import Any

from mcp import Client

from tests.conftest import Connect, SandboxControl, text_of

EMAIL = "nora.lind@example.com"
DAY = 86_400


class CallerSession:
    """A support desk whose assistant shows each preview, and whose person agrees."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.previews: list[str] = []

    async def read(self, tool: str, **arguments: Any) -> Any:
        """Ask something."""
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        return result.structured_content

    async def change(self, tool: str, **arguments: Any) -> Any:
        """Have a change previewed, agree to it, and give back its result."""
        preview = await self.read(tool, **arguments)
        assert preview["status"] == "confirmation_required"
        self.previews.append(text_of(await self._client.call_tool(tool, arguments)))
        done = await self.read(tool, **arguments, confirmation=preview["confirmation"])
        assert done["status"] == "applied", done
        return done["result"]

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Ask for a change that cannot be."""
        result = await self._client.call_tool(tool, arguments)
        assert result.is_error
        return text_of(result)

    async def overview(self) -> Any:
        """The member as a whole."""
        return await self.read("get_member_overview", member=EMAIL, include=["movements"])

    async def points(self) -> float:
        """The member's points."""
        (balance,) = (await self.overview())["balances"]
        return float(balance["value"])

    async def tier(self) -> str:
        """The member's tier."""
        (found,) = (await self.overview())["tiers"]
        return str(found["tier"])


async def test_a_year_of_a_member(connect: Connect, control: SandboxControl) -> None:
    """What a member has at each step is what was earned, spent, given back and lost."""
    async with connect(confirm="token") as client:
        session = CallerSession(client)

        # joins
        assert "No contact has" in await session.refused("find_member", member=EMAIL)
        joined = await session.change("enroll_member", contact=EMAIL, create_contact=True)
        assert joined["balances"][0]["value"] == 0
        assert "a member already" in await session.refused("enroll_member", contact=EMAIL)
        found = await session.read("find_member", member=EMAIL)
        assert found["enrolled"]
        assert found["contact_id"] == joined["member"]
        assert await session.tier() == "Bronze"

        # earns
        earned = {"member": EMAIL, "reason": "Purchase"}
        first = await session.change("credit_points", amount=200, order_id="A-1", **earned)
        assert (first["new_balance"], await session.tier()) == (200, "Bronze")
        (status,) = (await session.overview())["tiers"]
        assert (status["next_tier"], status["missing"]) == ("Silver", {"Purchase Points": 100})

        # climbs a tier, as the preview said
        second = await session.change("credit_points", amount=150, order_id="A-2", **earned)
        assert '"Bronze" becomes "Silver"' in session.previews[-1]
        assert (second["new_balance"], await session.tier()) == (350, "Silver")

        # redeems a reward that costs 40 points
        voucher = await session.change("create_voucher", member=EMAIL, reward="free-coffee")
        (usable,) = (await session.overview())["vouchers"]
        assert (usable["voucher_id"], usable["reward"]) == (voucher["id"], "free-coffee")
        redeemed = await session.change("redeem_for_member", member=EMAIL, voucher_id=voucher["id"])
        assert "40 points" in session.previews[-1]
        assert redeemed["voucher_id"] == voucher["id"]
        assert (await session.points(), (await session.overview())["vouchers"]) == (310, [])
        used = {"member": EMAIL, "voucher_id": voucher["id"]}
        assert "was used on" in await session.refused("redeem_for_member", **used)

        # returns the second purchase, once; the tier stays until the anniversary
        back = {"member": EMAIL, "transaction_id": second["transaction_id"], "reason": "Returned"}
        await session.change("reverse_transaction", **back)
        assert (await session.points(), await session.tier()) == (160, "Silver")
        assert "reversed" in await session.refused("reverse_transaction", **back)

        # cannot spend more than there is
        much = {"member": EMAIL, "amount": 161, "reason": "Gift"}
        assert "at most 160 points" in await session.refused("debit_points", **much)
        amounts = [movement["amount"] for movement in (await session.overview())["movements"]]
        assert sorted(amounts) == [-150, -40, 150, 200]
        assert (await session.overview())["drafts"] == []

        # is away for a year: points lapse, and on the anniversary the tier does
        await control.post("/sandbox/clock", {"advance_seconds": 366 * DAY})
        assert (await session.points(), await session.tier()) == (0, "Bronze")

    member = found["contact_id"]
    assert await control.balance(member) == 0
