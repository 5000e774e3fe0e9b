import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import (
    NO_ID,
    Account,
    MakeSandbox,
    Sandbox,
    open_account,
)

pytestmark = pytest.mark.anyio


async def test_a_draft_moves_nothing_until_it_is_completed(account: Account) -> None:
    """A transaction is created as draft; completion updates the balance (GUIDE-TX)."""
    draft = await account.draft(10)
    assert (draft["status"], await account.value()) == ("draft", 0)
    assert "balance" not in draft

    done = (await account.resolve(draft)).body

    assert (done["status"], done["balance"], await account.value()) == ("completed", 10, 10)
    assert done["completedAt"] is not None
    assert done["id"] == draft["id"]


async def test_auto_complete_applies_at_once(account: Account) -> None:
    """With autoComplete the movement counts at once, and the answer tells the balance (LOG)."""
    done = await account.move(10, meta={"orderId": "A-1"})

    assert (done["status"], done["balance"]) == ("completed", 10)
    assert (await account.history())[0]["meta"] == {"orderId": "A-1"}
    assert "balance_value_updated" in await account.sandbox.events()


async def test_a_transaction_resolves_once(account: Account) -> None:
    """Completing twice is refused with 422 (GUIDE-BEST); completed ones cannot be cancelled."""
    await account.move(10)
    completed, cancelled = await account.draft(5), await account.draft(5)
    await account.resolve(completed)
    assert (await account.resolve(cancelled, "cancel")).body["status"] == "cancelled"

    for transaction in (completed, cancelled):
        for how in ("complete", "cancel"):
            path = f"{account.path}/transactions/{transaction['id']}/{how}"
            assert await account.sandbox.refused("POST", path) == 422

    assert await account.value() == 15


async def test_a_draft_lapses_with_its_ttl(account: Account) -> None:
    """After its ttl a draft is expired, and the balance as it was (GUIDE-TX)."""
    draft = await account.draft(5, ttl=10)
    account.sandbox.clock.pass_(seconds=10)

    assert (await account.resolve(draft)).status == 422
    assert (await account.history())[0]["status"] == "expired"
    assert await account.value() == 0
    assert await account.history(status="draft") == []


async def test_the_member_is_named_by_either_id(account: Account) -> None:
    """LoyaltySubscriptionId with a capital L; the small one is read, too (conflict 35)."""
    contact = await account.sandbox.contact("b")
    await account.sandbox.enrol(account.program, contact, loyaltySubscriptionId="own-7")

    for name in ("LoyaltySubscriptionId", "loyaltySubscriptionId"):
        done = await account.move(5, contactId=None, **{name: "own-7"})
        assert done["contactId"] == contact
    assert (await account.try_move(1, LoyaltySubscriptionId="own-7")).status == 422
    assert (await account.try_move(1, contactId=None)).status == 422


@pytest.mark.parametrize(
    ("amount", "kind", "expected"),
    [(50, None, 50), (-20, None, -20), (20, "debit", -20), (-30, "credit", 30)],
)
async def test_the_type_wins_over_the_sign(
    account: Account, amount: int, kind: str | None, expected: int
) -> None:
    """Plus credits, minus debits, unless transactionType says otherwise (GUIDE-TX)."""
    await account.move(100)

    done = await account.move(amount, transactionType=kind)

    assert done["amount"] == expected
    assert done["transactionType"] == ("credit" if expected > 0 else "debit")
    assert done["balance"] == 100 + expected


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": 0},
        {"amount": "10"},
        {"amount": True},
        {"amount": None},
        {"amount": [1]},
        {"amount": 10**12},
        {"amount": -(10**30)},
        {"amount": 0.0000001},
        {"ttl": 9},
        {"ttl": 10.5},
        {"ttl": 10**18},
        {"balanceExpiryInMinutes": 0, "autoComplete": True},
        {"balanceExpiryInMinutes": 5},
        {"transactionType": "refund"},
        {"contactId": "1"},
        {"contactId": 0},
        {"contactId": 2**70},
        {"contactId": 999},
        {"contactId": None},
        {"LoyaltySubscriptionId": ""},
        {"LoyaltySubscriptionId": "x" * 65},
        {"balanceDefinitionId": "../"},
        {"balanceDefinitionId": None},
        {"autoComplete": "yes"},
        {"eventTime": "yesterday"},
        {"eventTime": "2026-01-01T00:00:00"},
        {"eventTime": 5},
        {"meta": "text"},
        {"expiryBalanceMinutes": 5},
        {"x" * 10_000: 1},
    ],
    ids=lambda fields: str(fields)[:60],
)
async def test_movements_that_do_not_fit_are_refused(
    account: Account, fields: dict[str, Any]
) -> None:
    """422, and nothing changes, not even the history."""
    body = {
        "amount": 5,
        "balanceDefinitionId": account.definition,
        "contactId": account.contact,
        **fields,
    }

    assert await account.sandbox.refused("POST", f"{account.path}/transactions", body) == 422


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1e400", "1e-400"])
async def test_amounts_that_are_no_amounts_are_refused(account: Account, amount: str) -> None:
    """NaN and infinity are no JSON; what is beyond any size is out of range."""
    text = (
        f'{{"amount": {amount}, "balanceDefinitionId": "{account.definition}",'
        f' "contactId": {account.contact}, "autoComplete": true}}'
    )
    before = await account.sandbox.state()

    answer = await account.sandbox.http.post(f"{account.path}/transactions", content=text)

    assert answer.status_code in {400, 422}
    assert answer.json().keys() == {"code", "message"}
    assert await account.sandbox.state() == before


async def test_a_debit_beyond_the_balance_is_rejected_for_good(account: Account) -> None:
    """422 at the moment of application, and a rejected entry in the history (design 10)."""
    await account.move(10)
    draft = await account.draft(-11)

    refused = await account.resolve(draft)

    assert refused.status == 422
    entry = (await account.history(status="rejected"))[0]
    assert entry["id"] == draft["id"]
    assert entry["rejectReason"] == refused.body["message"]
    assert entry["amount"] == -11
    assert (await account.resolve(draft)).status == 422
    assert await account.value() == 10
    await account.move(5)
    assert (await account.resolve(draft)).status == 422
    events = await account.sandbox.events()
    assert "balance_transaction_unauthorized" in events
    assert "balance_minimum_value_reached" not in events


async def test_a_rejection_may_be_answered_with_200(make_sandbox: MakeSandbox) -> None:
    """A switch answers 200 and a transaction whose status is rejected."""
    account = await open_account(await make_sandbox(rejected_answer_status=200))

    done = await account.move(-1)

    assert (done["status"], done["rejectReason"] is None) == ("rejected", False)


async def test_a_negative_floor_allows_overdraft(sandbox: Sandbox) -> None:
    """Credits repay the debt first."""
    account = await open_account(sandbox, minAmount=-50)
    await account.move(10)

    assert (await account.move(-40))["balance"] == -30
    assert (await account.try_move(-21)).status == 422
    assert (await account.move(20))["balance"] == -10
    assert (await account.move(30))["balance"] == 20
    assert [lot["amount"] for lot in await account.lots()] == [20]


async def test_a_ceiling_refuses_or_trims(sandbox: Sandbox) -> None:
    """`partial` credits what still fits, and the amount shows it (PY)."""
    account = await open_account(
        sandbox, maxAmount=100, balanceOptionAmountOvertakingStrategy="partial"
    )
    await account.move(90)

    done = await account.move(50)

    assert (done["amount"], done["balance"]) == (10, 100)
    assert (await account.history())[0]["amount"] == 10
    assert (await account.try_move(1)).status == 422
    assert "balance_maximum_value_reached" in await sandbox.events()


async def test_a_trimmed_credit_may_show_what_was_asked(make_sandbox: MakeSandbox) -> None:
    """That is a choice of the settings."""
    account = await open_account(
        await make_sandbox(partial_reports_requested=True),
        maxAmount=100,
        balanceOptionAmountOvertakingStrategy="partial",
    )

    done = await account.move(150)

    assert (done["amount"], done["balance"]) == (150, 100)


async def test_amounts_are_rounded_when_the_transaction_is_made(sandbox: Sandbox) -> None:
    """Credits down and debits up, as the definition says; exact decimals without a rule."""
    account = await open_account(
        sandbox, balanceOptionCreditRounding="lower", balanceOptionDebitRounding="upper"
    )

    assert (await account.draft(10.9))["amount"] == 10
    assert (await account.draft(-10.1))["amount"] == -11
    assert (await account.try_move(0.5)).status == 422


async def test_decimals_are_exact(account: Account) -> None:
    """Ten times a tenth is one."""
    for _ in range(10):
        await account.move(0.1)

    assert await account.value() == 1
    text = f'{{"amount":123456789012.123456,"balanceDefinitionId":"{account.definition}",'
    text += f'"contactId":{account.contact},"autoComplete":true}}'
    answer = await account.sandbox.http.post(f"{account.path}/transactions", content=text)
    assert '"balance":123456789013.123456' in answer.text


async def test_drafts_may_reserve_and_be_checked_at_creation(make_sandbox: MakeSandbox) -> None:
    """Two switches: open debits set funds aside, and creation looks at the balance."""
    account = await open_account(await make_sandbox(drafts_reserve=True, checks_at_creation=True))
    await account.move(10)
    first = await account.draft(-6)

    assert (await account.try_move(-5, autoComplete=False)).status == 422
    assert (await account.move(-4))["balance"] == 6
    assert (await account.resolve(first)).body["balance"] == 0


async def test_a_default_ttl_may_be_set(make_sandbox: MakeSandbox) -> None:
    """A transaction without a ttl then lapses, too."""
    account = await open_account(await make_sandbox(default_ttl=60))
    draft = await account.draft(5)

    await account.sandbox.advance(minutes=1)

    assert (await account.resolve(draft)).status == 422


async def test_an_order_is_a_draft_that_a_clock_step_processes(account: Account) -> None:
    """Nothing happens at dueAt by itself; a step of the clock processes it (behaviour 16.9)."""
    sandbox, path = account.sandbox, f"{account.path}/create-order"
    body = {
        "amount": 25,
        "balanceDefinitionId": account.definition,
        "contactId": account.contact,
        "source": "user",
        "dueAt": (sandbox.clock.now + timedelta(days=2)).isoformat(),
        "meta": {"orderId": "A-1"},
    }
    order = await sandbox.post(path, body)
    other = await sandbox.post(path, body)
    assert order["transactionid"] != order["id"]
    done = await account.resolve({"id": other["transactionid"]})
    assert done.body["balance"] == 25

    sandbox.clock.pass_(days=3)
    assert await account.value() == 25
    await sandbox.advance(seconds=1)
    assert await account.value() == 50


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": 0},
        {"dueAt": None},
        {"dueAt": "soon"},
        {"source": "me"},
        {"contactId": 999},
        {"balanceDefinitionId": NO_ID},
        {"note": "x"},
    ],
    ids=str,
)
async def test_orders_that_do_not_fit_are_refused(account: Account, fields: dict[str, Any]) -> None:
    """422 throughout: the operation declares no 404."""
    body = {
        "amount": 25,
        "balanceDefinitionId": account.definition,
        "contactId": account.contact,
        "source": "user",
        "dueAt": "2026-04-01T00:00:00Z",
        **fields,
    }

    assert await account.sandbox.refused("POST", f"{account.path}/create-order", body) == 422
    nowhere = f"{account.sandbox.balance(NO_ID)}/create-order"
    assert await account.sandbox.refused("POST", nowhere, body) == 422


async def test_the_history_is_filtered_and_paged(account: Account) -> None:
    """Newest first, 20 at a time, with a grand total."""
    for amount in range(1, 26):
        await account.move(amount)
    await account.move(-5)
    await account.draft(7)

    assert len(await account.history()) == 20
    assert [each["amount"] for each in await account.history(limit=2)] == [7, -5]
    assert len(await account.history(transactionType="credit", limit=100)) == 26
    assert [each["amount"] for each in await account.history(status="draft")] == [7]
    oldest = await account.history(sort="asc", limit=1, offset=1)
    assert [each["amount"] for each in oldest] == [2]
    whole = await account.sandbox.get(
        f"{account.path}/transaction-history",
        contactId=account.contact,
        balanceDefinitionId=account.definition,
        status="completed",
        limit=1,
    )
    assert whole["count"] == 26
    with_other_id = {
        "contactId": account.contact,
        "balanceDefinitionId": account.definition,
        "loyaltySubscriptionId": "other",
    }
    path = f"{account.path}/transaction-history"
    assert await account.sandbox.refused("GET", path, **with_other_id) == 404


async def test_unknown_transactions_are_not_found(account: Account) -> None:
    """404, also for a transaction of another program, and 422 for what is no id."""
    other = await account.sandbox.program("Other")
    await account.sandbox.publish(other)
    draft = await account.draft(5)

    for how in ("complete", "cancel"):
        at = f"/transactions/{NO_ID}/{how}"
        assert await account.sandbox.refused("POST", account.path + at) == 404
        foreign = f"{account.sandbox.balance(other)}/transactions/{draft['id']}/{how}"
        assert await account.sandbox.refused("POST", foreign) == 404
        nonsense = f"{account.path}/transactions/7/{how}"
        assert await account.sandbox.refused("POST", nonsense) == 422


async def test_64_debits_at_once_stay_above_the_floor_and_sum_exactly(account: Account) -> None:
    """Each of them counts wholly or not at all."""
    await account.move(100)

    answers = await asyncio.gather(*(account.try_move(-3.5) for _ in range(64)))

    applied = [answer for answer in answers if answer.status == 200]
    assert len(applied) == 28
    assert min(answer.body["balance"] for answer in applied) == 2
    assert await account.value() == 2
    assert all(answer.status in {200, 422} for answer in answers)
