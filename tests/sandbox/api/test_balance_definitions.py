from typing import Any

import pytest

from tests.sandbox.conftest import NO_ID, Account, Json, Sandbox

pytestmark = pytest.mark.anyio

WHOLE: Json = {
    "name": "Euros",
    "unit": "EUR",
    "description": "Cash back",
    "imageRef": "https://example.com/i.png",
    "minAmount": -5.5,
    "maxAmount": 1000.25,
    "maxCreditAmountLimit": 100,
    "maxDebitAmountLimit": 50.75,
    "balanceOptionAmountOvertakingStrategy": "partial",
    "balanceOptionCreditRounding": "natural",
    "balanceOptionDebitRounding": "upper",
    "balanceAvailabilityDurationValue": 12,
    "balanceAvailabilityDurationUnit": "month",
    "balanceAvailabilityDurationModifier": "endOfPeriod",
    "meta": {"isInternal": True},
}


async def test_every_setting_is_read_back(sandbox: Sandbox) -> None:
    """What was written is read, and a replacement clears what it leaves out."""
    program = await sandbox.program()
    path = f"{sandbox.balance(program)}/balance-definitions"

    created = await sandbox.post(path, WHOLE)
    assert WHOLE.items() <= created.items()
    assert await sandbox.get(f"{path}/{created['id']}") == created

    replaced = (
        await sandbox.call(
            "PUT",
            f"{path}/{created['id']}",
            {"name": "E", "unit": "EUR", "balanceExpirationDate": "31/12"},
        )
    ).body
    assert replaced["balanceExpirationDate"] == "31/12"
    assert replaced["maxAmount"] is None
    assert replaced["balanceAvailabilityDurationValue"] is None
    cleared = (
        await sandbox.call(
            "PUT",
            f"{path}/{created['id']}",
            {"name": "E", "unit": "EUR", "balanceExpirationDate": ""},
        )
    ).body
    assert cleared["balanceExpirationDate"] is None


async def test_changes_wait_for_publication(account: Account) -> None:
    """Later changes wait for another publish, deletions too (GUIDE-SETUP)."""
    sandbox, path = account.sandbox, f"{account.path}/balance-definitions/{account.definition}"

    await sandbox.call("PUT", path, {"name": "New", "unit": "POINTS", "maxAmount": 1})
    assert (await sandbox.get(path, version="active"))["name"] == "Points"
    await account.move(5)
    await sandbox.publish(account.program)
    assert (await sandbox.get(path, version="active"))["name"] == "New"
    assert (await account.try_move(5)).status == 422

    assert (await sandbox.call("DELETE", path)).status == 204
    assert await sandbox.refused("GET", path) == 404
    assert (await sandbox.get(path, version="active"))["name"] == "New"
    draft = await account.draft(-1)
    await sandbox.publish(account.program)
    assert await sandbox.refused("GET", path, version="active") == 404
    assert (await account.try_move(1)).status == 404
    assert (await account.resolve(draft)).status == 422
    assert (await account.resolve(draft)).status == 422


async def test_a_definition_that_is_not_live_takes_no_movement(account: Account) -> None:
    """A draft is answered 422: it exists, but does not rule yet."""
    later = await account.sandbox.define(account.program, name="Later")

    answer = await account.try_move(1, balanceDefinitionId=later)

    assert answer.status == 422
    assert "publish" in answer.body["message"]


async def test_definitions_are_paged_and_sorted(sandbox: Sandbox) -> None:
    """By name, creation or update, in both directions; draft and active apart."""
    program = await sandbox.program()
    path = f"{sandbox.balance(program)}/balance-definitions"
    ids = {}
    for name in ("b", "c", "a"):
        ids[name] = await sandbox.define(program, name=name)
        sandbox.clock.pass_(seconds=1)
    await sandbox.call("PUT", f"{path}/{ids['c']}", {"name": "c", "unit": "POINTS"})

    async def names(**query: object) -> list[str]:
        return [each["name"] for each in (await sandbox.get(path, **query))["items"]]

    assert await names() == ["c", "a", "b"]
    assert await names(sortField="name", sort="asc", limit=2) == ["a", "b"]
    assert await names(sortField="created_at", sort="asc", offset=1) == ["c", "a"]
    assert await names(version="active") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": "points"},
        {"unit": "Stars"},
        {"name": ""},
        {"name": "n" * 129},
        {"description": "d" * 257},
        {"maxCreditAmountLimit": 0},
        {"maxDebitAmountLimit": -1},
        {"minAmount": 10, "maxAmount": 5},
        {"maxAmount": -1},
        {"minAmount": "5"},
        {"minAmount": 10**15},
        {"balanceOptionCreditRounding": "floor"},
        {"balanceAvailabilityDurationValue": 1},
        {"balanceAvailabilityDurationUnit": "day"},
        {"balanceAvailabilityDurationModifier": "endOfPeriod"},
        {"balanceAvailabilityDurationValue": 0, "balanceAvailabilityDurationUnit": "day"},
        {"balanceAvailabilityDurationValue": 10**6, "balanceAvailabilityDurationUnit": "year"},
        {"balanceAvailabilityDurationValue": 1.5, "balanceAvailabilityDurationUnit": "day"},
        {
            "balanceAvailabilityDurationValue": 1,
            "balanceAvailabilityDurationUnit": "day",
            "balanceExpirationDate": "31/12",
        },
        {"balanceExpirationDate": "2026-12-31"},
        {"balanceExpirationDate": "31/02"},
        {"meta": {"isInternal": "yes"}},
        {"meta": []},
        {"maxBalance": 100},
    ],
    ids=str,
)
async def test_settings_that_do_not_fit_are_refused(
    sandbox: Sandbox, fields: dict[str, Any]
) -> None:
    """One clear error, and nothing changes."""
    program = await sandbox.program()
    path = f"{sandbox.balance(program)}/balance-definitions"
    made = await sandbox.define(program)
    body = {"name": "n", "unit": "POINTS", **fields}

    assert await sandbox.refused("POST", path, body) == 422
    assert await sandbox.refused("PUT", f"{path}/{made}", body) == 422


async def test_unknown_definitions_are_not_found(sandbox: Sandbox) -> None:
    """404 on each operation, also under another program."""
    program, other = await sandbox.program(), await sandbox.program("Other")
    foreign = await sandbox.define(other)

    for number in (NO_ID, foreign):
        path = f"{sandbox.balance(program)}/balance-definitions/{number}"
        assert await sandbox.refused("GET", path) == 404
        assert await sandbox.refused("PUT", path, {"name": "n", "unit": "EUR"}) == 404
        assert await sandbox.refused("DELETE", path) == 404
