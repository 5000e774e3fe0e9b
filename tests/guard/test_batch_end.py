"""How a batch ends: what is written down, and what is answered."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.guard.batch_end import NOTHING_DONE, batch_data, end_lapsed_batch, finish_batch
from loyalty_mcp.guard.confirmation import Envelope
from loyalty_mcp.intents.lifecycle import Intent, Preview
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.bulk.batch_result import BatchResult, RowOutcome
from tests.bulk_caller import BulkCaller, credit_each
from tests.intents.journal.test_journal import NOW, ONE, an_intent

Make = Callable[..., Runtime]
DONE = RowOutcome(row=1, member="101", status="done", transaction_id="t-1", new_balance=105)
REFUSED = RowOutcome(row=2, member="no one", status="refused", reason="No such member.")


def result_of(*rows: RowOutcome) -> BatchResult:
    """What became of rows of which none is left."""
    done = sum(row.status == "done" for row in rows)
    return BatchResult(done=done, refused=len(rows) - done, unknown=0, left=0, rows=rows)


@pytest.mark.parametrize(
    ("rows", "status", "reason"),
    [
        ((DONE, REFUSED), "applied", None),
        ((DONE,), "applied", None),
        ((REFUSED,), "not_applied", NOTHING_DONE),
        ((), "not_applied", NOTHING_DONE),
    ],
)
async def test_a_batch_is_applied_if_any_row_was_done(
    make_runtime: Make, rows: tuple[RowOutcome, ...], status: Any, reason: str | None
) -> None:
    """The answer and the journal say the same, row by row."""
    context = make_runtime().context
    journal = context.journal.open()
    batch = an_intent(preview=Preview("Credit two."), kept={"rows": []}, account=context.account)
    await journal.add(batch)
    await journal.move(ONE, "proposed", "approved", NOW)
    result = result_of(*rows)

    envelope = await finish_batch(context, batch, result)
    stored = await journal.get(ONE)

    assert envelope == Envelope(status, ONE, result=batch_data(result), reason=reason)
    assert stored is not None
    assert (stored.state, stored.reason) == (status, reason)
    assert stored.result == batch_data(result)


def test_the_result_of_a_batch_is_plain_json() -> None:
    """What is not known of a row is left out, and a moved row has numbers."""
    assert batch_data(result_of(DONE, REFUSED)) == {
        "done": 1,
        "refused": 1,
        "unknown": 0,
        "left": 0,
        "rows": [
            {
                "row": 1,
                "member": "101",
                "status": "done",
                "transaction_id": "t-1",
                "new_balance": 105,
            },
            {"row": 2, "member": "no one", "status": "refused", "reason": "No such member."},
        ],
    }


async def test_a_batch_whose_day_is_over_says_how_much_of_it_was_done(make_runtime: Make) -> None:
    """What was not done can be asked for again."""
    caller = BulkCaller(make_runtime(confirm="token"))
    context = caller.runtime.context
    found = await caller.preview(**credit_each([101, 102]))
    journal = context.journal.open()
    await journal.move(found["intent"], "proposed", "approved", context.now())
    batch = await journal.get(found["intent"])
    assert isinstance(batch, Intent)

    await end_lapsed_batch(context, batch)
    ended = await journal.get(batch.id)

    assert ended is not None
    assert ended.state == "expired"
    assert ended.reason == (
        "Its time ran out: 0 of 2 rows were done, 2 were not. Call again with those for a new "
        "preview."
    )
    assert ended.result is not None
    assert ended.result["left"] == 2
