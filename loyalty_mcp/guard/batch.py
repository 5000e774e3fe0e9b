"""Batches: many rows with one agreement, each row a separate intent. A batch can be continued.

Each row is carried out like a change of its own: in its turn, from a fresh read, within the caps,
and at most once. Its intent has the same id in every process, so several processes that work on one
batch never carry out a row twice.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from anyio.lowlevel import checkpoint

from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.errors import CallerError, LoyaltyError, OperatorError, Refused, TemporaryError
from loyalty_mcp.guard.batch_end import batch_data, finish_batch
from loyalty_mcp.guard.confirmation import Envelope
from loyalty_mcp.guard.outcome_elsewhere import outcome_elsewhere, settled_elsewhere
from loyalty_mcp.guard.reconciliation import ending
from loyalty_mcp.guard.turn import take_turn, to_the_end
from loyalty_mcp.intents.lifecycle import (
    ENDED,
    Intent,
    changed_parts,
    is_batch,
    lapsed,
    row_intent_id,
)
from loyalty_mcp.intents.policy import ChangesUsedUp, Policy, check
from loyalty_mcp.tools.bulk.batch_preview import ROW_REQUESTS, most_requests_of
from loyalty_mcp.tools.bulk.batch_result import read_batch_result
from loyalty_mcp.tools.bulk.bulk_request import governing_tools
from loyalty_mcp.tools.bulk.planned_row import PlannedRow, planned_rows, row_intent
from loyalty_mcp.tools.bulk.published_rules import PublishedRules
from loyalty_mcp.tools.bulk.row_preparation import ENROL, prepare_row
from loyalty_mcp.tools.bulk.row_tools import ROW_TOOLS
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.progress import report
from loyalty_mcp.tools.send_window import new_deadline

VALID_FOR: Final = timedelta(days=1)
"""How long a batch can be continued after the agreement."""

LOOK_SECONDS: Final = 5.0
"""How long to wait for a row that another process is sending, before going on to the next."""

ROW_BUSY: Final = "Another change of this member was under way all the time; this row was not done."


class Stopped(Exception):
    """A batch cannot continue now; the rows that are left can be carried out later.

    Args:
        why: the cause, as shown in the answer.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def carry_out_batch(
    context: Context, policy: Policy, batch: Intent, *, agreed_by: str
) -> Envelope:
    """Carry out the remaining rows of a batch in order, as far as possible.

    Args:
        context: the clients, the journal and the settings that tools use.
        policy: its caps apply to each row.
        batch: agreed to now, or before.
        agreed_by: how it was agreed to, if now.

    Returns:
        `applied` if no row is left; otherwise `partly_applied` with the confirmation to continue.

    Raises:
        JournalUnavailable: an outcome cannot be written; the rows carried out so far remain.
    """
    journal, now = context.journal.open(), context.now()
    if batch.state == "proposed":
        agreed = {"agreed_by": agreed_by, "expires_at": now + VALID_FOR}
        await journal.move(batch.id, "proposed", "approved", now, **agreed)
    elif not await journal.batches.rows(batch.id):
        await journal.batches.extend(batch.id, now + VALID_FOR)
    stored = await journal.get(batch.id)
    if stored is None or stored.state != "approved":
        return await outcome_elsewhere(context, batch.id)
    why = await _carry_out_rows(context, policy, stored)
    return await _envelope(context, stored, why)


async def _carry_out_rows(context: Context, policy: Policy, batch: Intent) -> str | None:
    """Carry out the remaining rows; what stopped the batch, or None if it is complete."""
    found = {row.id: row for row in await context.journal.open().batches.rows(batch.id)}
    rows = [row for row in planned_rows(batch) if row.refused is None]
    rules = PublishedRules(context, str(rows[0].resolved[0]))
    try:
        for tool in (batch.tool, *governing_tools(batch.arguments)):
            check(policy, tool, None)
        # This also updates the remaining hourly budget.
        await rules.look()
    except LoyaltyError as error:
        return error.cause
    for done, row in enumerate(rows):
        known = found.get(row_intent_id(batch.id, row.number))
        if known is not None and known.state in ENDED:
            continue
        await report(done, len(rows), f"Row {row.number}")
        # A batch is cancelled only between two rows, so that no row is left half done.
        await checkpoint()
        if lapsed(batch, context.now()):
            return "The day in which it can be continued is over."
        try:
            await to_the_end(_carry_out_row(context, policy, batch, row, rules))
        except Stopped as stop:
            return stop.why
    await report(len(rows), len(rows), "Done")
    return None


async def _envelope(context: Context, batch: Intent, why: str | None) -> Envelope:
    """The answer for a batch; if no row is left, its end is written to the journal."""
    result = await read_batch_result(context, batch)
    if result.finished:
        return await finish_batch(context, batch, result)
    reason = why or "Some rows are still under way, or their outcome is unknown."
    return Envelope(
        "partly_applied",
        batch.id,
        confirmation=batch.id,
        expires_at=batch.expires_at,
        result=batch_data(result),
        reason=reason,
    )


async def _carry_out_row(
    context: Context, policy: Policy, batch: Intent, row: PlannedRow, rules: PublishedRules
) -> None:
    """Carry out one row, unless another process has.

    Raises:
        Stopped: the batch cannot continue now.
    """
    journal = context.journal.open()
    try:
        context.brevo.require(most_requests_of(row.tool, 1))
        intent = await journal.batches.add_row(row_intent(batch, row, context.now()))
        if intent.state == "approved":
            await _send_row(context, policy, intent, row, rules)
        elif intent.state not in ENDED:
            await settled_elsewhere(context, intent.id, LOOK_SECONDS, close=True)
    except (TemporaryError, OperatorError, ChangesUsedUp) as error:
        raise Stopped(error.cause) from None


async def _send_row(
    context: Context, policy: Policy, intent: Intent, row: PlannedRow, rules: PublishedRules
) -> None:
    """Send a row in its turn, if its effect is still the agreed one.

    Raises:
        TemporaryError: it cannot be read now; the row is left.
        ChangesUsedUp: no more changes are allowed now; the row is left.
    """
    journal = context.journal.open()
    if not await take_turn(context, intent):
        await _refuse(context, intent, ROW_BUSY)
        return
    try:
        if row.tool != ENROL:
            await rules.before_row()
        context.brevo.read_members_afresh()
        preparation = await prepare_row(context, row)
        changed = changed_parts(intent, preparation)
        if changed:
            raise Refused(f"Changed since the preview: {', '.join(changed)}. It was not done.")
        context.brevo.require(ROW_REQUESTS[row.tool] - 1)
        tool = ROW_TOOLS[row.tool]
        recorded = CallReferences(context.references, recorded=intent.resolved)
        arguments = await tool.received(tool.validated(intent.arguments), recorded)
        now, deadline = context.now(), new_deadline(context)
        if not await journal.send(intent, policy, now, deadline=deadline):
            await settled_elsewhere(context, intent.id, LOOK_SECONDS, close=True)
            return
    except ChangesUsedUp:
        await journal.release_subject(intent)
        raise
    except CallerError as error:
        await _refuse(context, intent, str(error))
        return
    except LoyaltyError:
        await journal.release_subject(intent)
        raise
    sent = replace(intent, state="sent", sent_at=now, deadline=deadline)
    await ending(context, sent, tool.run(context, sent, **arguments))


async def _refuse(context: Context, intent: Intent, reason: str) -> None:
    journal = context.journal.open()
    refused = await journal.move(intent.id, "approved", "not_applied", context.now(), reason=reason)
    if not refused:
        # Another process is carrying it out; what looked like a change may be its effect.
        await settled_elsewhere(context, intent.id, LOOK_SECONDS, close=True)


def can_be_continued(intent: Intent) -> bool:
    """Whether the intent's id serves as its confirmation: it is a batch that was agreed to."""
    return is_batch(intent) and intent.state != "proposed"
