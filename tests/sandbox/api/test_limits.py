from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import NO_ID, MakeSandbox, Sandbox


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def test_a_limit_reads_back_what_was_written(club: Club) -> None:
    """A limit is created, read, replaced and deleted by its id (documented)."""
    made = await club.limit(value=3, slidingSchedule=True)
    path = f"{club.balance}/balance-definitions/{club.points}/limits/{made['id']}"

    assert made["slidingSchedule"] is True
    assert await club.sandbox.get(path) == made

    body = {
        "constraintType": "amount",
        "transactionType": "debit",
        "durationValue": 2,
        "durationUnit": "week",
        "value": 50,
    }
    status, changed = await club.sandbox.call("PUT", path, body)

    assert status == 200
    assert body.items() <= changed.items()
    assert changed["slidingSchedule"] is False
    assert (await club.sandbox.call("DELETE", path)).status == 204
    assert (await club.sandbox.call("GET", path)).status == 404


async def test_a_limit_waits_for_publication(club: Club) -> None:
    """A draft limit caps nothing until it is published (documented)."""
    made = await club.limit()
    path = f"{club.balance}/balance-definitions/{club.points}/limits/{made['id']}"
    contact = await club.join()
    await club.move(contact, 5)
    await club.move(contact, 5)

    assert (await club.sandbox.call("GET", path, version="active")).status == 404

    await club.publish()

    assert (await club.sandbox.get(path, version="active"))["id"] == made["id"]
    assert (await club.try_move(contact, 5)).status == 422


async def test_a_deleted_limit_holds_until_publication(club: Club) -> None:
    """Deleting a limit is a draft change like any other."""
    made = await club.limit()
    await club.publish()
    contact = await club.join()
    await club.move(contact, 5)
    path = f"{club.balance}/balance-definitions/{club.points}/limits/{made['id']}"
    await club.sandbox.call("DELETE", path)

    assert (await club.try_move(contact, 5)).status == 422

    await club.publish()

    assert (await club.try_move(contact, 5)).status == 200


async def test_a_breach_is_rejected_and_announced(club: Club) -> None:
    """A movement beyond a limit answers 422, is rejected for good and announced (our choice)."""
    await club.limit()
    await club.publish()
    contact = await club.join()
    await club.move(contact, 5)
    status, problem = await club.try_move(contact, 7)
    history = await club.sandbox.get(
        f"{club.balance}/transaction-history", contactId=contact, balanceDefinitionId=club.points
    )

    assert status == 422
    assert "limit" in problem["message"]
    assert history["transactionHistory"][0]["status"] == "rejected"
    assert history["transactionHistory"][0]["rejectReason"] == problem["message"]
    assert "balance_transaction_unauthorized" in await club.sandbox.events()
    assert await club.value(contact) == 5


async def test_transaction_counts_movements_and_amount_sums_them(club: Club) -> None:
    """`transaction` caps the number of movements, `amount` their sum (documented)."""
    await club.limit(transactionType="debit", constraintType="amount", value=10)
    await club.limit(transactionType="credit", value=2)
    await club.publish()
    contact = await club.join()
    await club.move(contact, 100)
    await club.move(contact, 100)

    assert (await club.try_move(contact, 1)).status == 422
    await club.move(contact, -6)
    assert (await club.try_move(contact, -5)).status == 422
    await club.move(contact, -4)
    assert await club.value(contact) == 190


async def test_a_calendar_window_resets(club: Club) -> None:
    """Without slidingSchedule the window resets with the calendar (documented by name)."""
    await club.limit()
    await club.publish()
    contact = await club.join()
    await club.move(contact, 1)
    await club.sandbox.advance(hours=11)

    assert (await club.try_move(contact, 1)).status == 422

    await club.sandbox.advance(hours=1)

    assert (await club.try_move(contact, 1)).status == 200


async def test_a_sliding_window_rolls(club: Club) -> None:
    """With slidingSchedule the window is that long and ends now (documented)."""
    await club.limit(slidingSchedule=True)
    await club.publish()
    contact = await club.join()
    await club.move(contact, 1)
    await club.sandbox.advance(hours=23)

    assert (await club.try_move(contact, 1)).status == 422

    await club.sandbox.advance(hours=1)

    assert (await club.try_move(contact, 1)).status == 200


async def test_limits_are_each_members_own(club: Club) -> None:
    """What one member moves leaves another member's room alone."""
    await club.limit()
    await club.publish()
    one, other = await club.join("one"), await club.join("other")
    await club.move(one, 1)

    assert (await club.try_move(other, 1)).status == 200


async def test_drafts_do_not_count(club: Club) -> None:
    """Only what entered the balance counts against a limit (our choice)."""
    await club.limit()
    await club.publish()
    contact = await club.join()
    draft = await club.move(contact, 1, autoComplete=False)
    cancelled = await club.move(contact, 1, autoComplete=False)
    await club.sandbox.post(f"{club.balance}/transactions/{cancelled['id']}/cancel")
    path = f"{club.balance}/transactions/{draft['id']}/complete"

    assert (await club.sandbox.call("POST", path)).status == 200
    assert (await club.try_move(contact, 1)).status == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"constraintType": "count"},
        {"transactionType": "both"},
        {"durationUnit": "hour"},
        {"durationValue": 0},
        {"durationValue": 10**6},
        {"durationValue": 1.5},
        {"value": -1},
        {"value": "3"},
        {"slidingSchedule": "yes"},
        {"surprise": 1},
    ],
    ids=str,
)
async def test_wrong_fields_are_refused(club: Club, wrong: dict[str, Any]) -> None:
    """A limit with a field that does not fit is a 422 and changes nothing."""
    path = f"{club.balance}/balance-definitions/{club.points}/limits"
    body = {
        "constraintType": "transaction",
        "transactionType": "credit",
        "durationValue": 1,
        "durationUnit": "day",
        "value": 1,
        **wrong,
    }

    assert await club.sandbox.refused("POST", path, body) == 422


async def test_a_limit_needs_its_definition(club: Club) -> None:
    """Creating under an unknown definition is a 424, reading under another one a 404."""
    made = await club.limit()
    other = await club.sandbox.define(club.program, name="Other")
    body = {
        "constraintType": "transaction",
        "transactionType": "credit",
        "durationValue": 1,
        "durationUnit": "day",
        "value": 1,
    }
    unknown = f"{club.balance}/balance-definitions/{NO_ID}/limits"
    elsewhere = f"{club.balance}/balance-definitions/{other}/limits/{made['id']}"

    assert await club.sandbox.refused("POST", unknown, body) == 424
    assert await club.sandbox.refused("GET", elsewhere) == 404


async def test_a_deleted_definition_takes_its_limits_along(club: Club) -> None:
    """A limit belongs to its definition: with it, it goes."""
    made = await club.limit()
    path = f"{club.balance}/balance-definitions/{club.points}"
    await club.sandbox.call("DELETE", path)

    assert await club.sandbox.refused("GET", f"{path}/limits/{made['id']}") == 404


async def test_rejected_movements_may_answer_200(make_sandbox: MakeSandbox) -> None:
    """A switch answers a breach with 200 and the status `rejected` (behaviour 16.1)."""
    club = await open_club(await make_sandbox(rejected_answer_status=200))
    await club.limit()
    await club.publish()
    contact = await club.join()
    await club.move(contact, 1)
    status, movement = await club.try_move(contact, 1)

    assert (status, movement["status"]) == (200, "rejected")
    assert "balance" not in movement
