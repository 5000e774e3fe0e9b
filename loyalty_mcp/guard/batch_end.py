"""The end of a batch: no row is left, or the time to continue it is over."""

from typing import Any, Final, Literal

from loyalty_mcp.guard.confirmation import Envelope
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.tools.bulk.batch_result import BatchResult, read_batch_result
from loyalty_mcp.tools.context import Context

NOTHING_DONE: Final = "None of the rows could be done; nothing was changed."


async def finish_batch(context: Context, batch: Intent, result: BatchResult) -> Envelope:
    """Record and answer the outcome of a batch with no row left.

    Raises:
        JournalUnavailable: it cannot be written.
    """
    target: Literal["applied", "not_applied"] = "applied" if result.done else "not_applied"
    reason, data = None if result.done else NOTHING_DONE, batch_data(result)
    batches, now = context.journal.open().batches, context.now()
    await batches.finish(batch.id, target, now, result=data, reason=reason)
    return Envelope(target, batch.id, result=data, reason=reason)


async def end_lapsed_batch(context: Context, batch: Intent) -> None:
    """End an agreed batch whose time is over, with the outcome of its rows.

    Raises:
        JournalUnavailable: it cannot be written.
    """
    result = await read_batch_result(context, batch)
    if result.finished:
        await finish_batch(context, batch, result)
        return
    reason = (
        f"Its time ran out: {result.done} of {len(result.rows)} rows were done, {result.left} were "
        "not. Call again with those for a new preview."
    )
    batches, now = context.journal.open().batches, context.now()
    await batches.finish(batch.id, "expired", now, result=batch_data(result), reason=reason)


def batch_data(result: BatchResult) -> dict[str, Any]:
    """The result of a batch as structured content."""
    return result.model_dump(mode="json", exclude_none=True)
