"""The set-up guide from its first step to a member's lost points, the clock moved."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.api.test_guide_definitions import guide, open_guide_account
from tests.sandbox.club import Club
from tests.sandbox.conftest import CONFIG, Account, Json, Sandbox


async def set_up(sandbox: Sandbox) -> Club:
    """Take the four steps of the guide with its own bodies."""
    program = await sandbox.post(
        CONFIG,
        {
            "name": "VIP Club",
            "description": "Earn points on every purchase and unlock exclusive rewards.",
        },
    )
    assert program["state"] == "inactive"
    definition = await sandbox.post(
        guide(program["id"]),
        {
            "name": "Purchase Points",
            "unit": "points",
            "expiryPolicy": {"type": "rolling", "duration": 12, "unit": "month"},
            "roundingPolicy": "round_half_up",
        },
    )
    await sandbox.post(
        f"{CONFIG}/{program['id']}/tier-groups",
        {
            "name": "VIP Levels",
            "balanceDefinitionId": definition["id"],
            "upgradeEvaluationTrigger": "real_time",
            "downgradeEvaluationTrigger": "membership_anniversary",
            "tiers": [
                {"name": "Bronze", "threshold": 0},
                {"name": "Silver", "threshold": 300},
                {"name": "Gold", "threshold": 500},
            ],
        },
    )
    published = await sandbox.post(f"{CONFIG}/{program['id']}/publish")
    assert (published["id"], published["state"]) == (program["id"], "active")
    return Club(sandbox, program["id"], definition["id"])


async def until(sandbox: Sandbox, moment: datetime) -> None:
    """Move the clock to a moment."""
    await sandbox.post("/sandbox/clock", {"now": moment.isoformat()})


async def test_a_member_reaches_silver_and_keeps_it_until_the_anniversary(
    sandbox: Sandbox,
) -> None:
    """299 points are Bronze, 300 are Silver; fewer points take Silver only after a year."""
    club = await set_up(sandbox)
    member = await club.join()
    assert await club.tier_of(member) == "Bronze"
    await club.move(member, 298.6)
    assert (await club.value(member), await club.tier_of(member)) == (299, "Bronze")
    await club.move(member, 1)
    assert await club.tier_of(member) == "Silver"

    await until(sandbox, datetime(2026, 6, 10, 12, tzinfo=UTC))
    await club.move(member, -200)
    assert await club.tier_of(member) == "Silver"
    await until(sandbox, datetime(2027, 3, 10, 11, 59, 59, tzinfo=UTC))
    assert await club.tier_of(member) == "Silver"
    await until(sandbox, datetime(2027, 3, 10, 12, tzinfo=UTC))
    assert (await club.value(member), await club.tier_of(member)) == (100, "Bronze")

    await until(sandbox, datetime(2027, 6, 10, 11, 59, 59, tzinfo=UTC))
    assert await club.value(member) == 100
    await until(sandbox, datetime(2027, 6, 10, 12, tzinfo=UTC))
    assert await club.value(member) == 0


async def move_at(account: Account, moment: datetime, amount: float, **fields: Any) -> None:
    """Credit or debit at a moment."""
    await until(account.sandbox, moment)
    await account.move(amount, **fields)


SPRING = datetime(2026, 4, 1, tzinfo=UTC)
SUMMER = datetime(2026, 7, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "end"),
    [
        ({"type": "never"}, None),
        ({"type": "rolling", "duration": 12, "unit": "month"}, "2027-10-01T00:00:00.000Z"),
        ({"type": "rolling", "duration": 52, "unit": "week"}, "2027-09-30T00:00:00.000Z"),
        ({"type": "inactivity", "duration": 12, "unit": "month"}, "2027-07-01T00:00:00.000Z"),
        ({"type": "inactivity-based", "duration": 1, "unit": "year"}, "2027-07-01T00:00:00.000Z"),
        ({"type": "fixed", "date": "31/03"}, "2027-04-01T00:00:00.000Z"),
    ],
)
async def test_points_expire_on_the_day_their_policy_says(
    sandbox: Sandbox, policy: Json, end: str | None
) -> None:
    """Credits in April and July and a debit in October: all points end together, and are shown to.

    Rolling counts from the last movement of any kind, inactivity from the last credit.
    """
    account = await open_guide_account(sandbox, expiryPolicy=policy)
    await move_at(account, SPRING, 100)
    await move_at(account, SUMMER, 50)
    await move_at(account, AUTUMN, -30)

    assert [(lot["amount"], lot["expiresAt"]) for lot in await account.lots()] == [
        (70, end),
        (50, end),
    ]
    history = await account.history()
    assert [each.get("balanceExpirationDate") for each in history] == [None, end, end]
    if end is None:
        await until(sandbox, datetime(2126, 1, 1, tzinfo=UTC))
        assert await account.value() == 120
        return
    moment = datetime.fromisoformat(end)
    await until(sandbox, moment.replace(year=moment.year - 1, month=11))
    assert await account.value() == 120
    await until(sandbox, datetime.fromtimestamp(moment.timestamp() - 0.001, UTC))
    assert await account.value() == 120
    await until(sandbox, moment)
    assert await account.value() == 0
    assert await account.lots() == []
    assert (await sandbox.events()).count("balance_value_expired") == 2
    assert (await sandbox.events()).count("balance_expiration_reminder") == 2


async def test_a_draft_or_a_refused_movement_keeps_nothing_alive(sandbox: Sandbox) -> None:
    """Only a completed movement is activity."""
    policy = {"type": "rolling", "duration": 1, "unit": "year"}
    account = await open_guide_account(sandbox, expiryPolicy=policy)
    await move_at(account, SPRING, 100)
    await until(sandbox, SUMMER)
    await account.draft(5)
    await account.resolve(await account.draft(5), "cancel")
    assert (await account.try_move(-500)).status == 422

    assert (await account.lots())[0]["expiresAt"] == "2027-04-01T00:00:00.000Z"


async def test_a_credit_with_an_end_of_its_own_keeps_it(sandbox: Sandbox) -> None:
    """Activity renews the lots of the policy only."""
    policy = {"type": "rolling", "duration": 1, "unit": "year"}
    account = await open_guide_account(sandbox, expiryPolicy=policy)
    await move_at(account, SPRING, 100, balanceExpiryInMinutes=60 * 24 * 365)
    await move_at(account, SUMMER, 50)

    assert [lot["expiresAt"] for lot in await account.lots()] == [
        "2027-04-01T00:00:00.000Z",
        "2027-07-01T00:00:00.000Z",
    ]


async def test_points_that_have_expired_stay_expired(sandbox: Sandbox) -> None:
    """A movement after the end brings nothing back."""
    policy = {"type": "inactivity", "duration": 1, "unit": "month"}
    account = await open_guide_account(sandbox, expiryPolicy=policy)
    await move_at(account, SPRING, 100)
    await move_at(account, SUMMER, 50)

    assert await account.value() == 50


async def test_a_policy_changed_by_a_publication_renews_what_was_there(sandbox: Sandbox) -> None:
    """From the next movement on; until then the lots keep their ends."""
    account = await open_guide_account(sandbox)
    await move_at(account, SPRING, 100)
    body = {
        "name": "Points",
        "unit": "points",
        "expiryPolicy": {"type": "rolling", "duration": 1, "unit": "year"},
    }
    await sandbox.call("PUT", f"{guide(account.program)}/{account.definition}", body)
    await sandbox.publish(account.program)
    assert (await account.lots())[0]["expiresAt"] is None

    await move_at(account, SUMMER, -1)

    assert (await account.lots())[0]["expiresAt"] == "2027-07-01T00:00:00.000Z"


async def test_a_renewed_lot_leaves_one_end_in_the_queue(sandbox: Sandbox) -> None:
    """Movements do not pile up what falls due."""
    policy = {"type": "rolling", "duration": 1, "unit": "year"}
    account = await open_guide_account(sandbox, expiryPolicy=policy)
    for _ in range(5):
        await account.move(10)
        await sandbox.advance(days=1)
    with sandbox.app.state.store.unit() as unit:
        ends = unit.all("SELECT at, subject FROM due WHERE kind = 'lot_expiry'")
        reminders = unit.number("SELECT COUNT(*) FROM due WHERE kind = 'lot_reminder'")

    assert len(ends) == len({row["subject"] for row in ends}) == reminders == 5
    assert len({row["at"] for row in ends}) == 1
