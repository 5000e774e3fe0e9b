"""The program of Brevo's set-up guide by one call, and a year of a member in it."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.sandbox.conftest import StillClock
from tests.tools.programs.conftest import CallerSession, client_on

MEMBER: Final = "ann@example.com"


def guide_program(expiry: dict[str, Any]) -> dict[str, Any]:
    """The guide's four steps as one description."""
    return {
        "program": {
            "name": "VIP Club",
            "description": "Earn points on every purchase and unlock exclusive rewards.",
        },
        "balances": [
            {
                "name": "Purchase Points",
                "unit": "points",
                "expiry": expiry,
                "credit_rounding": "nearest",
                "debit_rounding": "nearest",
            }
        ],
        "tier_groups": [
            {
                "name": "VIP Levels",
                "upgrade": "real_time",
                "downgrade": "membership_anniversary",
                "tiers": [
                    {"name": name, "minimum": {"Purchase Points": least}}
                    for name, least in (("Bronze", 0), ("Silver", 300), ("Gold", 500))
                ],
            }
        ],
    }


class Membership:
    """One member of the guide's program, by the tools alone; the sandbox's clock is moved."""

    def __init__(self, session: CallerSession) -> None:
        self.session = session

    async def join(self, expiry: dict[str, Any]) -> None:
        """Apply the program and enrol the member, on 10 March 2026."""
        await self.session.call("apply_program", spec=guide_program(expiry), publish=True)
        await self.session.control.post("/v3/contacts", {"email": MEMBER})
        await self.session.call("enroll_member", contact=MEMBER)

    async def until(self, moment: str) -> None:
        """Move the clock."""
        await self.session.control.post("/sandbox/clock", {"now": moment})

    async def move(self, tool: str, amount: float) -> None:
        """Credit or debit points."""
        await self.session.call(tool, member=MEMBER, amount=amount, reason="Purchase")

    async def position(self) -> tuple[float, str]:
        """The points and the tier that the overview tells."""
        overview = await self.session.call("get_member_overview", member=MEMBER)
        (balance,), (tier,) = overview["balances"], overview["tiers"]
        return balance["value"], tier["tier"]


@pytest.fixture
async def membership() -> AsyncIterator[Membership]:
    """A member to be of an empty sandbox whose clock stands at noon of 10 March 2026."""
    app = create_app(SandboxSettings(empty=True), clock=StillClock())
    async with client_on(app) as session:
        yield Membership(session)
    app.state.store.close()


async def test_a_member_reaches_silver_and_keeps_it_until_the_anniversary(
    membership: Membership,
) -> None:
    """Silver from 300 on; fewer points take it a year after the enrolment, not before."""
    await membership.join({"kind": "rolling", "value": 12, "unit": "month"})
    assert await membership.position() == (0, "Bronze")
    await membership.move("credit_points", 298.6)
    assert await membership.position() == (299, "Bronze")
    await membership.move("credit_points", 1)
    assert await membership.position() == (300, "Silver")

    await membership.until("2026-06-10T12:00:00Z")
    await membership.move("debit_points", 200)
    assert await membership.position() == (100, "Silver")
    await membership.until("2027-03-10T11:59:59Z")
    assert await membership.position() == (100, "Silver")
    await membership.until("2027-03-10T12:00:00Z")
    assert await membership.position() == (100, "Bronze")


@pytest.mark.parametrize(
    ("expiry", "before", "end"),
    [
        (
            {"kind": "rolling", "value": 12, "unit": "month"},
            "2027-10-01T11:59:59Z",
            "2027-10-01T12:00:00Z",
        ),
        (
            {"kind": "inactivity", "value": 12, "unit": "month"},
            "2027-07-01T11:59:59Z",
            "2027-07-01T12:00:00Z",
        ),
        ({"kind": "fixed", "day": "31/12"}, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        (
            {"kind": "after", "value": 12, "unit": "month"},
            "2027-07-01T11:59:59Z",
            "2027-07-01T12:00:00Z",
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
async def test_points_expire_on_the_day_their_expiry_says(
    membership: Membership, expiry: dict[str, Any], before: str, end: str
) -> None:
    """A credit in July and a debit in October; the rest is there until the end, and then gone."""
    await membership.join(expiry)
    await membership.until("2026-07-01T12:00:00Z")
    await membership.move("credit_points", 80)
    await membership.until("2026-10-01T12:00:00Z")
    await membership.move("debit_points", 30)

    await membership.until(before)
    assert await membership.position() == (50, "Bronze")
    await membership.until(end)
    assert await membership.position() == (0, "Bronze")


async def test_points_that_never_expire_are_there_after_a_century(membership: Membership) -> None:
    """The kind `never` takes nothing."""
    await membership.join({"kind": "never"})
    await membership.move("credit_points", 320)

    await membership.until("2126-01-01T00:00:00Z")
    assert (await membership.position())[0] == 320
