from typing import get_args

import pytest

from loyalty_mcp.sandbox.records.events import EventName
from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import CONFIG, Json, Sandbox

COMMON = {
    "contact_id",
    "contact_properties",
    "event_date",
    "event_id",
    "event_name",
    "identifiers",
    "source",
}
"""What every payload carries (documented on 2026-10-29)."""


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def recorded(club: Club, name: str | None = None) -> list[Json]:
    """The events of a name, or all of them."""
    events: list[Json] = (await club.sandbox.get("/sandbox/events"))["events"]
    return [event for event in events if name in (None, event["event_name"])]


async def test_all_24_events_occur(sandbox: Sandbox) -> None:
    """Each of the 24 events has a cause in the engine, and carries the common fields."""
    club = await open_club(sandbox, minAmount=10, maxAmount=1000)
    reward = await club.reward(expirationValue=20, expirationUnit="day", attributionPerConsumer=3)
    await club.ladder()
    contact = await club.join()
    guest = await sandbox.contact("guest")
    members = f"{CONFIG}/{club.program}/subscription-members"
    await sandbox.post(members, {"contactId": contact, "memberContactIds": [guest]})
    await sandbox.call("DELETE", members, memberContactIds=guest)
    await club.move(contact, 400, balanceExpiryInMinutes=60 * 24 * 30)
    await club.try_move(contact, -500)
    await club.try_move(contact, 700)
    used, revoked, _ = [await club.issue(reward, contact) for _ in range(3)]
    await club.try_issue(reward, contact)
    await club.redeem(used, autoComplete=True)
    await club.redeem(used)
    await club.revoke(revoked)
    await sandbox.advance(days=800)
    await sandbox.call("DELETE", f"{CONFIG}/{club.program}/contact/{contact}")
    events = await recorded(club)

    assert {event["event_name"] for event in events} == set(get_args(EventName))
    assert len(get_args(EventName)) == 24
    assert all(event.keys() >= COMMON for event in events)
    assert len({event["event_id"] for event in events}) == len(events)


async def test_tier_events_name_the_move(club: Club) -> None:
    """A tier event names the group, the tier and the tier before."""
    await club.ladder()
    await club.move(await club.join(), 300)
    entered, raised = await recorded(club, "tier_association_updated")

    assert (entered["tier"]["name"], entered["previous_tier"]) == ("Bronze", None)
    assert (raised["tier"]["name"], raised["previous_tier"]["name"]) == ("Silver", "Bronze")
    assert raised["tier_group"]["name"] == "Status"


async def test_voucher_events_name_voucher_and_reward(club: Club) -> None:
    """A voucher event names the voucher, its code and its reward."""
    reward = await club.reward()
    voucher = await club.issue(reward, await club.join(), code="MINE")
    (event,) = await recorded(club, "voucher_created")

    assert (event["voucher"]["id"], event["voucher"]["code"]) == (voucher["id"], "MINE")
    assert event["reward"] == {"id": reward, "name": "coffee"}


async def test_anniversaries_come_monthly_and_yearly(club: Club) -> None:
    """Each month is announced, and each twelfth as a year instead (our choice)."""
    await club.join()
    await club.sandbox.advance(days=366)

    assert len(await recorded(club, "subscription_month_anniversary")) == 11
    assert len(await recorded(club, "subscription_year_anniversary")) == 1


async def test_events_carry_the_time_of_their_cause(club: Club) -> None:
    """What fell due while the clock stepped ahead is dated when it fell due."""
    await club.join()
    await club.sandbox.advance(days=100)
    dates = [
        event["event_date"] for event in await recorded(club, "subscription_month_anniversary")
    ]

    assert dates == [
        "2026-04-10T12:00:00.000Z",
        "2026-05-10T12:00:00.000Z",
        "2026-06-10T12:00:00.000Z",
    ]


async def test_reminders_come_a_week_ahead(club: Club) -> None:
    """A voucher, points and a yearly anniversary are announced seven days ahead (our choice)."""
    reward = await club.reward()
    contact = await club.join()
    await club.issue(reward, contact, expirationDate="2026-04-09T12:00:00Z")
    await club.move(contact, 5, balanceExpiryInMinutes=60 * 24 * 30)
    await club.sandbox.advance(days=22)

    assert await recorded(club, "voucher_expiration_reminder") == []
    assert await recorded(club, "balance_expiration_reminder") == []

    await club.sandbox.advance(days=1)

    assert len(await recorded(club, "voucher_expiration_reminder")) == 1
    assert len(await recorded(club, "balance_expiration_reminder")) == 1

    await club.sandbox.advance(days=335)

    (reminder,) = await recorded(club, "membership_anniversary_reminder")
    assert reminder["event_date"] == "2027-03-03T12:00:00.000Z"


async def test_a_used_voucher_is_not_announced(club: Club) -> None:
    """Nothing is said about the expiry of a voucher that was redeemed or revoked."""
    reward = await club.reward(expirationValue=1, expirationUnit="month")
    contact = await club.join()
    used, revoked = [await club.issue(reward, contact) for _ in range(2)]
    await club.redeem(used, autoComplete=True)
    await club.revoke(revoked)
    await club.sandbox.advance(days=60)

    assert await recorded(club, "voucher_expired") == []
    assert await recorded(club, "voucher_expiration_reminder") == []


async def test_who_has_left_has_no_anniversaries(club: Club) -> None:
    """Anniversaries end with the membership, and with the program."""
    await club.ladder()
    contact = await club.join()
    await club.join("other")
    await club.sandbox.call("DELETE", f"{CONFIG}/{club.program}/contact/{contact}")
    await club.sandbox.call("DELETE", f"{CONFIG}/{club.program}")
    await club.sandbox.advance(days=900)

    assert await recorded(club, "subscription_month_anniversary") == []
    assert await recorded(club, "tier_association_month_anniversary") == []


async def test_a_tier_that_was_left_has_no_anniversaries(club: Club) -> None:
    """Only the tier a member is on has anniversaries, counted from its entry."""
    await club.ladder()
    contact = await club.join()
    await club.sandbox.advance(days=10)
    await club.move(contact, 300)
    await club.sandbox.advance(days=31)
    (event,) = await recorded(club, "tier_association_month_anniversary")

    assert event["tier"]["name"] == "Silver"
    assert event["event_date"] == "2026-04-20T12:00:00.000Z"


async def test_what_falls_due_changes_no_state_by_a_read(club: Club) -> None:
    """After a step of the clock all that was due has happened: reads change nothing."""
    await club.ladder(downgradeStrategy="membership_anniversary")
    reward = await club.reward(expirationValue=1, expirationUnit="month")
    contact = await club.join()
    await club.move(contact, 600, balanceExpiryInMinutes=10)
    await club.issue(reward, contact)
    await club.sandbox.advance(days=400)
    before = await club.sandbox.state()
    reads: list[tuple[str, Json]] = [
        (f"{CONFIG}/{club.program}/account-info", {"contactId": contact}),
        (f"{club.offer}/vouchers", {"contactId": contact}),
        (f"{club.offer}/offers", {}),
        (f"{club.tier}/tiers", {}),
        ("/sandbox/events", {}),
    ]
    for path, query in reads:
        await club.sandbox.get(path, **query)

        assert await club.sandbox.state() == before


async def test_a_long_leap_announces_the_last_two_years(club: Club) -> None:
    """A leap of decades does not announce every month of them (our choice)."""
    await club.join()
    await club.sandbox.post("/sandbox/clock", {"now": "2099-01-01T00:00:00Z"})

    assert 20 < len(await recorded(club, "subscription_month_anniversary")) < 25
