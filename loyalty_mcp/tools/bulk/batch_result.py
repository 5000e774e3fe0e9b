"""The outcome of a batch, with a line for each row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, Number, Reply
from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.intents.lifecycle import Intent, row_intent_id
from loyalty_mcp.tools.bulk.planned_row import PlannedRow, planned_rows
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.credit_and_debit import other_amount_text

RowStatus = Literal["done", "refused", "unknown", "left"]
LISTED: Final = 20
"""Rows in the text; the structured content has all of them."""


class RowOutcome(Reply):
    """One row of a batch, and what became of it."""

    row: int
    member: str
    status: RowStatus
    reason: str | None = None
    transaction_id: str | None = None
    new_balance: Number | None = None


class BatchResult(Reply):
    """What became of a batch; `left` counts the rows that are still to be done."""

    done: int
    refused: int
    unknown: int
    left: int
    rows: Items[RowOutcome] = ()

    @property
    def finished(self) -> bool:
        """Whether no row is left or unknown."""
        return self.left == 0 and self.unknown == 0


async def reconcile_batch(context: Context, batch: Intent) -> BatchResult:
    """The outcome of a batch, with each row reconciled separately.

    Raises:
        OutcomeUnknown: rows are left or unknown.
    """
    result = await read_batch_result(context, batch)
    if not result.finished:
        raise OutcomeUnknown("Some rows are left, or their outcome is unknown.")
    return result


async def read_batch_result(context: Context, batch: Intent) -> BatchResult:
    """The outcome of a batch so far, according to the journal.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    found = await context.journal.open().batches.rows(batch.id)
    return batch_result(batch, {intent.id: intent for intent in found})


def batch_result(batch: Intent, intents: Mapping[str, Intent]) -> BatchResult:
    """The outcome of a batch.

    Args:
        batch: its intent.
        intents: the intents of its rows, by id.
    """
    rows = tuple(
        row_outcome(row, intents.get(row_intent_id(batch.id, row.number)))
        for row in planned_rows(batch)
    )
    count = Counter(row.status for row in rows)
    return BatchResult(
        done=count["done"],
        refused=count["refused"],
        unknown=count["unknown"],
        left=count["left"],
        rows=rows,
    )


def row_outcome(row: PlannedRow, intent: Intent | None) -> RowOutcome:
    """The outcome of one row."""
    if row.refused is not None:
        return _outcome(row, "refused", reason=row.refused)
    if intent is None or intent.state in {"proposed", "approved", "expired"}:
        return _outcome(row, "left")
    if intent.state == "applied":
        result: Mapping[str, Any] = intent.result or {}
        return _outcome(
            row,
            "done",
            reason=_moved_otherwise(result),
            transaction_id=intent.transaction_id,
            new_balance=result.get("new_balance"),
        )
    if intent.state in {"sent", "unknown"}:
        reason = intent.reason or "It is still under way."
        return _outcome(row, "unknown", reason=f"{reason} Intent {intent.id}.")
    return _outcome(row, "refused", reason=intent.reason)


def _moved_otherwise(result: Mapping[str, Any]) -> str | None:
    """What is said of a row that moved another amount than was agreed to; None for all others."""
    if result.get("agreed_amount") is None:
        return None
    amount, agreed = Decimal(str(result["amount"])), Decimal(str(result["agreed_amount"]))
    return other_amount_text(amount, agreed, str(result["unit"]))


def _outcome(row: PlannedRow, status: RowStatus, **more: Any) -> RowOutcome:
    return RowOutcome(row=row.number, member=row.member, status=status, **more)


def batch_text(result: BatchResult, _now: datetime) -> str:
    """The outcome of a batch in words; only rows that did not work as agreed are listed."""
    counts = [f"{result.done} of {len(result.rows)} rows done"]
    counts += [
        f"{number} {word}"
        for number, word in (
            (result.refused, "refused"),
            (result.unknown, "of unknown outcome"),
            (result.left, "left"),
        )
        if number
    ]
    noted = [row for row in result.rows if row.status in {"refused", "unknown"} or row.reason]
    return "\n".join([f"{', '.join(counts)}.", *row_lines(noted)])


def row_lines(rows: Sequence[RowOutcome]) -> list[str]:
    """A line for each of the first rows, and the number of the others."""
    lines = [
        f"- Row {row.row}, {quoted(row.member)}, {row.status}: {row.reason or 'no reason known.'}"
        for row in rows[:LISTED]
    ]
    if len(rows) > LISTED:
        lines.append(f"- {len(rows) - LISTED} more are in the structured content.")
    return lines
