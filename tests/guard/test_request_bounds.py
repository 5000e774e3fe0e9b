"""No guarded tool takes more requests than it declares, whatever happens on the way."""

import pytest

from docs.request_costs import PAGE, row_of
from loyalty_mcp.tools.registry import TOOLS
from tests.conftest import SandboxControl
from tests.guard.request_counts import GUARDED, Account, an_account, counts_of, declared

REVERSAL = "reverse_transaction"
MOST_OF_A_DEBIT, MOST_OF_A_REVERSAL = 12, 14


@pytest.mark.parametrize("tool", GUARDED)
async def test_a_tool_takes_what_it_declares_at_most(tool: str) -> None:
    """With nothing known before, a lost answer, a drift, a second confirmation, a dead process."""
    counts, (whole, after) = await counts_of(tool), await declared(tool)

    assert counts.before + counts.after <= whole
    assert counts.after <= after
    assert counts.drift <= whole
    assert counts.repeated == 0
    assert counts.reconciled <= after
    assert row_of(tool, counts, (whole, after)) in PAGE.read_text("utf-8").splitlines(), (
        "python -m docs.request_costs writes the table anew"
    )


def test_the_page_has_every_guarded_tool() -> None:
    """And no other."""
    lines = PAGE.read_text("utf-8").splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == list(GUARDED)


def test_what_is_promised_of_debits_and_reversals() -> None:
    """They declare no more than is promised, and so they take no more."""
    assert TOOLS["debit_points"].requests <= MOST_OF_A_DEBIT
    assert TOOLS["credit_points"].requests <= MOST_OF_A_DEBIT
    assert TOOLS[REVERSAL].requests <= MOST_OF_A_REVERSAL


async def add_movements(control: SandboxControl, number: int) -> str:
    """Add movements of member 101; gives the id of the first."""
    program = await control.program()
    base = f"/v3/loyalty/balance/programs/{program}"
    balance = (await control.get(f"{base}/balance-definitions"))["items"][0]["id"]
    movement = {"contactId": 101, "balanceDefinitionId": balance, "amount": 1, "autoComplete": True}
    made = [await control.post(f"{base}/transactions", movement) for _ in range(number)]
    return str(made[0]["id"])


async def reversed_cold(account: Account, transaction: str, lost: int | None) -> tuple[str, int]:
    """Reverse a transaction, each step in a new process; gives how it ended, and the requests."""
    arguments = {"member": "101", "transaction_id": transaction, "reason": "Mistake"}
    agreed, before = await account.preview(account.server(), REVERSAL, arguments)
    account.upstream.writes, account.upstream.lost_write = 0, lost
    answer, after = await account.call(account.server(), REVERSAL, agreed)
    return str((answer.structured or {})["status"]), before + after


@pytest.mark.parametrize("lost", [None, 1, 2])
async def test_a_reversal_reads_two_pages_of_a_history_at_most(lost: int | None) -> None:
    """What is on the second page is undone within the bound, also if an answer is lost."""
    async with an_account(REVERSAL) as account:
        first = await add_movements(account.control, 150)
        status, took = await reversed_cold(account, first, lost)

    assert (status, took <= TOOLS[REVERSAL].requests) == ("applied", True)


async def test_a_reversal_of_an_older_movement_ends_within_its_bound() -> None:
    """What is behind the pages that are read is refused; the history is not read to its end."""
    async with an_account(REVERSAL) as account:
        first = await add_movements(account.control, 250)
        arguments = {"member": "101", "transaction_id": first, "reason": "Mistake"}
        answer, took = await account.call(account.server(), REVERSAL, arguments)

    assert answer.failed
    assert "among the newest 200" in answer.text
    assert took <= TOOLS[REVERSAL].requests
