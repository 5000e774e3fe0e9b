"""Balance definitions through the door of the setup guide."""

from typing import Any

import pytest

from tests.sandbox.conftest import CONFIG, NO_ID, Account, Json, Sandbox

WHOLE: Json = {
    "name": "Purchase Points",
    "unit": "points",
    "expiryPolicy": {"type": "rolling", "duration": 12, "unit": "month"},
    "roundingPolicy": "round_half_up",
    "maxBalance": 1000,
    "minBalance": 50,
    "maxCreditPerOperation": 400,
    "maxDebitPerOperation": 300,
    "creditFrequencyLimit": {"value": 2, "duration": 1, "unit": "day"},
    "debitFrequencyLimit": {"value": 1, "duration": 1, "unit": "week"},
    "meta": {"isInternal": False, "team": "shop"},
}


def guide(program: str) -> str:
    """Where the guide puts balance definitions."""
    return f"{CONFIG}/{program}/balance-definitions"


async def open_guide_account(sandbox: Sandbox, **fields: Any) -> Account:
    """Make a member of a program whose balance was defined through the guide's door."""
    program = await sandbox.program()
    body = {"name": "Points", "unit": "points", **fields}
    definition = (await sandbox.post(guide(program), body))["id"]
    await sandbox.publish(program)
    contact = await sandbox.contact()
    await sandbox.enrol(program, contact)
    return Account(sandbox, program, definition, contact)


async def test_a_definition_is_answered_in_the_words_of_the_guide(sandbox: Sandbox) -> None:
    """Every parameter of the guide comes back, with the id and the dates."""
    program = await sandbox.program()

    made = await sandbox.post(guide(program), WHOLE)

    for kind in ("credit", "debit"):
        assert made[f"{kind}FrequencyLimit"].pop("id")
    assert {name: made[name] for name in WHOLE} == WHOLE
    assert made["createdAt"] == made["updatedAt"]
    assert made.keys() - WHOLE.keys() == {"id", "createdAt", "updatedAt"}


async def test_the_reference_shows_what_the_guide_made(sandbox: Sandbox) -> None:
    """The same definition stands behind the other path, in its own words."""
    program = await sandbox.program()
    made = await sandbox.post(guide(program), WHOLE)
    path = f"{sandbox.balance(program)}/balance-definitions/{made['id']}"

    shown = await sandbox.get(path)
    limit = await sandbox.get(f"{path}/limits/{made['creditFrequencyLimit']['id']}")

    assert (shown["unit"], shown["maxAmount"], shown["minAmount"]) == ("POINTS", 1000, None)
    assert (shown["maxCreditAmountLimit"], shown["maxDebitAmountLimit"]) == (400, 300)
    assert shown["balanceOptionCreditRounding"] == shown["balanceOptionDebitRounding"] == "natural"
    assert (
        shown["balanceAvailabilityDurationValue"],
        shown["balanceAvailabilityDurationUnit"],
    ) == (12, "month")
    assert shown["meta"] == WHOLE["meta"]
    assert shown["expiryPolicy"] == WHOLE["expiryPolicy"]
    assert shown["minBalance"] == 50
    assert (limit["constraintType"], limit["transactionType"]) == ("transaction", "credit")
    assert (limit["value"], limit["durationValue"], limit["durationUnit"]) == (2, 1, "day")


async def test_the_guide_shows_what_the_reference_made(sandbox: Sandbox) -> None:
    """What the guide has no words for is null."""
    program = await sandbox.program()
    await sandbox.define(
        program,
        unit="EUR",
        minAmount=-20,
        maxAmount=500,
        balanceOptionCreditRounding="lower",
        balanceOptionDebitRounding="upper",
        balanceAvailabilityDurationValue=6,
        balanceAvailabilityDurationUnit="month",
    )
    await sandbox.define(program, name="Plain", balanceExpirationDate="31/12")

    plain, euros = (await sandbox.get(guide(program)))["items"][::-1]

    assert (euros["unit"], euros["minBalance"], euros["maxBalance"]) == ("EUR", -20, 500)
    assert (euros["expiryPolicy"], euros["roundingPolicy"]) == (None, None)
    assert plain["expiryPolicy"] == {"type": "fixed", "date": "31/12"}
    assert plain["roundingPolicy"] == "none"
    assert plain["creditFrequencyLimit"] is None


@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("points", "POINTS"),
        ("Points", "POINTS"),
        ("pts", "POINTS"),
        ("€", "EUR"),
        ("eur", "EUR"),
        ("Chf", "CHF"),
        ("£", "GBP"),
    ],
)
async def test_a_unit_is_an_enum_value_in_any_case_or_a_known_label(
    sandbox: Sandbox, label: str, unit: str
) -> None:
    """The guide shows the label, the reference the unit it means."""
    program = await sandbox.program()
    made = await sandbox.post(guide(program), {"name": "A", "unit": label})
    shown = await sandbox.get(f"{sandbox.balance(program)}/balance-definitions/{made['id']}")

    assert (made["unit"], shown["unit"]) == (label, unit)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"unit": "stars"}, "unit: must be one of POINTS, EUR"),
        ({"unit": "$"}, "unit: must be one of POINTS, EUR"),
        ({"unit": 5}, "unit: must be one of POINTS, EUR"),
        ({"expiryPolicy": {"type": "rolling"}}, "expiryPolicy.duration and unit: are required"),
        (
            {"expiryPolicy": {"type": "inactivity", "duration": 3}},
            "expiryPolicy.duration and unit: are required",
        ),
        ({"expiryPolicy": {"type": "fixed"}}, "expiryPolicy.date: is required for fixed"),
        ({"expiryPolicy": {"type": "fixed", "date": ""}}, "expiryPolicy.date: is required"),
        (
            {"expiryPolicy": {"type": "never", "duration": 3, "unit": "day"}},
            "expiryPolicy.duration: is not given with the type never",
        ),
        (
            {"expiryPolicy": {"type": "never", "date": "31/12"}},
            "expiryPolicy.date: is not given with the type never",
        ),
        (
            {"expiryPolicy": {"type": "fixed", "date": "31/12", "unit": "day"}},
            "expiryPolicy.unit: is not given with the type fixed",
        ),
        (
            {"expiryPolicy": {"type": "rolling", "duration": 3, "unit": "day", "date": "31/12"}},
            "expiryPolicy.date: is not given with the type rolling",
        ),
        (
            {"expiryPolicy": {"type": "rolling", "duration": 101, "unit": "year"}},
            "expiryPolicy.duration: must not be above a hundred years",
        ),
        (
            {"expiryPolicy": {"type": "sometimes"}},
            "expiryPolicy.type: must be one of 'never', 'rolling'",
        ),
        ({"expiryPolicy": {"type": "fixed", "date": "31/02"}}, "expiryPolicy.date: must be a day"),
        ({"roundingPolicy": "natural"}, "use 'round_half_up'"),
        ({"maxBalance": 10, "minBalance": 20}, "minBalance: must not be above maxBalance"),
        ({"minBalance": -1}, "minBalance: must be 0 or more"),
        ({"maxBalance": -1}, "maxBalance: must not be below the floor"),
        ({"maxCreditPerOperation": 0}, "maxCreditPerOperation: must be above 0"),
        (
            {"creditFrequencyLimit": {"value": 1, "duration": 1, "unit": "hour"}},
            "creditFrequencyLimit.unit: must be one of 'day'",
        ),
        (
            {"debitFrequencyLimit": {"value": 1, "unit": "day"}},
            "debitFrequencyLimit.duration: is required",
        ),
        (
            {"debitFrequencyLimit": {"value": 1, "duration": 2000, "unit": "month"}},
            "debitFrequencyLimit.duration: must not be above a hundred years",
        ),
        ({"meta": {"isInternal": "yes"}}, "meta.isInternal: must be true or false"),
        ({"colour": "red"}, "colour: is not a field here"),
        ({"maxAmount": 5}, "maxAmount: is not a field here; use maxBalance"),
    ],
)
async def test_a_body_that_does_not_fit_leaves_nothing_behind(
    sandbox: Sandbox, wrong: Json, part: str
) -> None:
    """The message names the field and what would be right."""
    program = await sandbox.program()
    body = {"name": "A", "unit": "points", **wrong}
    before = await sandbox.state()

    status, problem = await sandbox.call("POST", guide(program), body)

    assert status == 422
    assert part in problem["message"]
    assert await sandbox.state() == before


async def test_an_unknown_program_is_not_found(sandbox: Sandbox) -> None:
    """The guide's door says so like the other."""
    assert await sandbox.refused("POST", guide(NO_ID), {"name": "A", "unit": "points"}) == 404


async def test_a_definition_of_the_guide_waits_for_publication(sandbox: Sandbox) -> None:
    """Through either door a change is made in the draft."""
    account = await open_guide_account(sandbox, maxBalance=100)
    changed = await sandbox.call(
        "PUT",
        f"{guide(account.program)}/{account.definition}",
        {"name": "Points", "unit": "points", "maxBalance": 1000},
    )

    assert changed.body["maxBalance"] == 1000
    assert (await account.try_move(150)).status == 422
    await sandbox.publish(account.program)
    assert (await account.try_move(150)).status == 200


async def test_replacing_a_definition_replaces_its_frequency_limits(sandbox: Sandbox) -> None:
    """A limit that stays keeps its id, one that is left out goes."""
    program = await sandbox.program()
    made = await sandbox.post(guide(program), WHOLE)
    body = {
        "name": "A",
        "unit": "EUR",
        "creditFrequencyLimit": {"value": 9, "duration": 1, "unit": "day"},
    }

    changed = (await sandbox.call("PUT", f"{guide(program)}/{made['id']}", body)).body

    assert changed["creditFrequencyLimit"] == {
        **made["creditFrequencyLimit"],
        "value": 9,
    }
    assert changed["debitFrequencyLimit"] is None
    assert (changed["unit"], changed["expiryPolicy"]) == ("EUR", {"type": "never"})


async def test_the_caps_of_the_guide_hold(sandbox: Sandbox) -> None:
    """Highest balance and largest movements refuse, and say so by an event."""
    account = await open_guide_account(
        sandbox, maxBalance=500, maxCreditPerOperation=300, maxDebitPerOperation=100
    )

    assert (await account.try_move(301)).status == 422
    assert (await account.try_move(300)).status == 200
    assert (await account.try_move(201)).status == 422
    assert (await account.try_move(-101)).status == 422
    assert (await account.try_move(-100)).status == 200
    assert (await sandbox.events()).count("balance_transaction_unauthorized") == 3


async def test_the_frequency_limits_of_the_guide_hold(sandbox: Sandbox) -> None:
    """So many operations of a kind in a period, whatever their size."""
    account = await open_guide_account(
        sandbox,
        creditFrequencyLimit={"value": 2, "duration": 1, "unit": "day"},
        debitFrequencyLimit={"value": 1, "duration": 1, "unit": "day"},
    )

    assert [(await account.try_move(5)).status for _ in range(3)] == [200, 200, 422]
    assert [(await account.try_move(-1)).status for _ in range(2)] == [200, 422]
    await sandbox.advance(days=1)
    assert (await account.try_move(5)).status == 200


@pytest.mark.parametrize(
    ("policy", "credited", "debited"),
    [
        ("none", 10.25, 1.75),
        ("round_half_up", 10, 2),
        ("floor", 10, 1),
        ("ceiling", 11, 2),
        (None, 10.25, 1.75),
    ],
)
async def test_the_rounding_policies_of_the_guide(
    sandbox: Sandbox, policy: str | None, credited: float, debited: float
) -> None:
    """None keeps decimals; the others give whole points, credits and debits alike."""
    fields = {} if policy is None else {"roundingPolicy": policy}
    account = await open_guide_account(sandbox, **fields)

    await account.move(10.25)
    assert await account.value() == credited
    await account.move(-1.75)
    assert await account.value() == credited - debited


async def test_an_internal_balance_of_the_guide_is_hidden(sandbox: Sandbox) -> None:
    """`meta.isInternal` hides it unless internal balances are asked for."""
    account = await open_guide_account(sandbox, meta={"isInternal": True})
    path = f"{account.path}/subscriptions/{account.contact}/balances"

    assert (await sandbox.get(path))["balance"] == []
    assert len((await sandbox.get(path, includeInternal="true"))["balance"]) == 1


async def test_falling_below_the_minimum_of_the_guide_is_announced_not_refused(
    sandbox: Sandbox,
) -> None:
    """One event for each crossing downwards, with the balance after it."""
    account = await open_guide_account(sandbox, minBalance=50)
    await account.move(60)
    await account.move(-10)
    assert "balance_minimum_value_reached" not in await sandbox.events()

    crossing = await account.move(-1)
    await account.move(-9)

    events = (await sandbox.get("/sandbox/events"))["events"]
    (reached,) = [each for each in events if each["event_name"] == "balance_minimum_value_reached"]
    assert (reached["value"], reached["source_event_id"]) == (49, crossing["id"])
    assert (await account.try_move(-41)).status == 422
    assert (await sandbox.events()).count("balance_minimum_value_reached") == 1


async def test_expiry_below_the_minimum_is_announced(sandbox: Sandbox) -> None:
    """Two lots that end at once cross the minimum once."""
    account = await open_guide_account(sandbox, minBalance=45)
    for minutes in (60, 60, 24 * 60):
        await account.move(20, balanceExpiryInMinutes=minutes)

    await sandbox.advance(hours=2)

    events = (await sandbox.get("/sandbox/events"))["events"]
    (reached,) = [each for each in events if each["event_name"] == "balance_minimum_value_reached"]
    assert reached["value"] == 20
    await sandbox.advance(days=1)
    assert (await sandbox.events()).count("balance_minimum_value_reached") == 1


async def test_an_update_by_the_reference_keeps_what_it_has_no_words_for(
    sandbox: Sandbox,
) -> None:
    """The kind of expiry and the threshold stay, unless their fields say something else."""
    program = await sandbox.program()
    made = await sandbox.post(guide(program), WHOLE)
    path = f"{sandbox.balance(program)}/balance-definitions/{made['id']}"
    whole = {
        "name": "Renamed",
        "unit": "POINTS",
        "balanceAvailabilityDurationValue": 12,
        "balanceAvailabilityDurationUnit": "month",
        "balanceAvailabilityDurationModifier": "noModification",
    }

    kept = (await sandbox.call("PUT", path, whole)).body
    (shown,) = (await sandbox.get(guide(program)))["items"]
    assert kept["expiryPolicy"] == shown["expiryPolicy"] == WHOLE["expiryPolicy"]
    assert (kept["minBalance"], shown["unit"]) == (50, "points")

    other = {**whole, "balanceAvailabilityDurationValue": 6, "minAmount": 1, "unit": "EUR"}
    replaced = (await sandbox.call("PUT", path, other)).body
    (shown,) = (await sandbox.get(guide(program)))["items"]
    assert "expiryPolicy" not in replaced
    assert "minBalance" not in replaced
    assert (shown["minBalance"], shown["unit"], shown["expiryPolicy"]) == (1, "EUR", None)
