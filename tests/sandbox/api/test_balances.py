import pytest

from tests.sandbox.conftest import NO_ID, Account, Sandbox, open_account

pytestmark = pytest.mark.anyio


async def test_a_balance_is_the_sum_of_its_lots(account: Account) -> None:
    """Each credit is a lot; a debit takes from the oldest where none expires."""
    for amount in (10, 20.5, -5):
        await account.move(amount)

    lots = await account.lots()

    assert [lot["amount"] for lot in lots] == [5, 20.5]
    assert await account.value() == 25.5


async def test_lots_expire_by_themselves(sandbox: Sandbox) -> None:
    """A lot ends exactly at its expiry; no transaction is left, an event tells of it."""
    account = await open_account(
        sandbox, balanceAvailabilityDurationValue=10, balanceAvailabilityDurationUnit="day"
    )
    await account.move(10)
    sandbox.clock.pass_(days=1)
    await account.move(7)
    await account.move(3, balanceExpiryInMinutes=60)
    lots = await account.lots()
    assert [lot["expiresAt"] for lot in lots] == [
        "2026-03-20T12:00:00.000Z",
        "2026-03-21T12:00:00.000Z",
        "2026-03-11T13:00:00.000Z",
    ]

    await account.move(-2)
    assert [lot["amount"] for lot in await account.lots()] == [10, 7, 1]
    await sandbox.advance(minutes=60)
    assert await account.value() == 17
    await sandbox.advance(days=9)
    assert await account.value() == 7
    assert len(await account.lots()) == 1
    sandbox.clock.pass_(days=1)
    assert await account.value() == 0
    assert len(await account.history()) == 4
    assert (await sandbox.events()).count("balance_value_expired") == 3


async def test_an_expiry_is_announced_seven_days_ahead(sandbox: Sandbox) -> None:
    """Once, and not for what was spent before."""
    account = await open_account(
        sandbox, balanceAvailabilityDurationValue=10, balanceAvailabilityDurationUnit="day"
    )
    await account.move(10)
    await account.move(5)
    await account.move(-10)

    await sandbox.advance(days=4)

    assert (await sandbox.events()).count("balance_expiration_reminder") == 1


async def test_reading_changes_nothing(sandbox: Sandbox) -> None:
    """Expiry is seen when it is read, never written by a read."""
    account = await open_account(
        sandbox, balanceAvailabilityDurationValue=1, balanceAvailabilityDurationUnit="day"
    )
    await account.move(10)
    await account.draft(5, ttl=60)
    before = await sandbox.state()

    await sandbox.advance(days=30)
    await account.value()
    await account.lots()
    await account.history(status="expired")

    assert await sandbox.state() == before


async def test_a_balance_is_opened_once(account: Account) -> None:
    """Opening it again shows the one that is open."""
    path = f"{account.path}/subscriptions/{account.contact}/balances"
    await account.move(10)

    first = await account.sandbox.post(path, {"balanceDefinitionId": account.definition})
    again = await account.sandbox.post(path, {"balanceDefinitionId": account.definition})

    assert first == again
    assert first["amount"] == 10
    missing = {"balanceDefinitionId": NO_ID}
    assert await account.sandbox.refused("POST", path, missing) == 404
    nobody = f"{account.path}/subscriptions/999/balances"
    body = {"balanceDefinitionId": account.definition}
    assert await account.sandbox.refused("POST", nobody, body) == 404
    assert await account.sandbox.refused("GET", nobody) == 404
    nonsense = f"{account.path}/subscriptions/x/balances"
    assert await account.sandbox.refused("GET", nonsense) == 422


async def test_all_members_of_a_definition_are_listed(account: Account) -> None:
    """By value or by update, with a grand total."""
    sandbox = account.sandbox
    accounts = [account]
    for name in ("b", "c"):
        contact = await sandbox.contact(name)
        await sandbox.enrol(account.program, contact, loyaltySubscriptionId=f"own-{name}")
        accounts.append(Account(sandbox, account.program, account.definition, contact))
    for each, amount in zip(accounts, (20, 10, 30), strict=True):
        sandbox.clock.pass_(seconds=1)
        await each.move(amount)

    async def values(**query: object) -> list[int]:
        answer = await sandbox.get(
            f"{account.path}/contact-balances", balanceDefinitionId=account.definition, **query
        )
        assert answer["count"] == 3
        return [each["value"] for each in answer["balances"]]

    assert await values() == [30, 10, 20]
    assert await values(sortField="value", sort="asc") == [10, 20, 30]
    assert await values(sortField="updatedAt", sort="asc", limit=1, offset=1) == [10]
    await sandbox.call(
        "DELETE", f"/v3/loyalty/config/programs/{account.program}/contact/{account.contact}"
    )
    answer = await sandbox.get(
        f"{account.path}/contact-balances", balanceDefinitionId=account.definition
    )
    assert answer["count"] == 2


async def test_internal_balances_are_hidden_unless_asked_for(sandbox: Sandbox) -> None:
    """`meta.isInternal` hides a balance from reads unless includeInternal=true (GUIDE-SETUP)."""
    account = await open_account(sandbox, meta={"isInternal": True})
    await account.move(10)
    member = f"{account.path}/subscriptions/{account.contact}/balances"
    listed = {"balanceDefinitionId": account.definition}
    lots = {**listed, "contactId": account.contact}

    assert (await sandbox.get(member))["balance"] == []
    assert (await sandbox.get(member, includeInternal="true"))["balance"][0]["value"] == 10
    holders = f"{account.path}/contact-balances"
    assert (await sandbox.get(holders, **listed))["count"] == 0
    assert (await sandbox.get(holders, **listed, includeInternal="true"))["count"] == 1
    active = f"{account.path}/active-balance"
    assert (await sandbox.get(active, **lots))["activeBalances"] == []
    assert (await sandbox.get(active, **lots, includeInternal="true"))["count"] == 1


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "x"},
        {"limit": 1.5},
        {"limit": ""},
        {"offset": -1},
        {"sort": "up"},
        {"sortField": "amount"},
        {"contactId": 0},
        {"contactId": "a@b"},
        {"balanceDefinitionId": "x"},
        {"includeInternal": "1"},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_pages_that_do_not_exist_are_refused(
    account: Account, query: dict[str, object]
) -> None:
    """422 for each parameter out of its range, of the wrong type or unknown."""
    whole = {"contactId": account.contact, "balanceDefinitionId": account.definition, **query}

    for path in ("active-balance", "transaction-history"):
        answer = await account.sandbox.refused("GET", f"{account.path}/{path}", **whole)
        assert answer == 422


async def test_an_opened_balance_tells_its_next_expiry_and_its_last_debit(
    account: Account,
) -> None:
    """Both are null until there is something to tell."""
    path = f"{account.path}/subscriptions/{account.contact}/balances"
    body = {"balanceDefinitionId": account.definition}
    opened = await account.sandbox.post(path, body)
    assert (opened["expiresAt"], opened["consumedAt"]) == (None, None)

    await account.move(10)
    await account.move(10, balanceExpiryInMinutes=120)
    await account.move(10, balanceExpiryInMinutes=60)
    await account.sandbox.advance(minutes=30)
    await account.move(-15)

    opened = await account.sandbox.post(path, body)
    assert opened["amount"] == 15
    assert opened["expiresAt"] == "2026-03-10T14:00:00.000Z"
    assert opened["consumedAt"] == "2026-03-10T12:30:00.000Z"
