"""Reports the outcome of an intent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from loyalty_mcp.brevo.types import Moment, Reply
from loyalty_mcp.errors import UnknownReference
from loyalty_mcp.intents.lifecycle import Intent, is_batch, lapsed
from loyalty_mcp.tools.bulk.batch_result import BatchResult, batch_text, read_batch_result
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.render import moment_text, value_text
from loyalty_mcp.tools.task import reads

IntentId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    Field(description="Id from the answer to the change"),
]

IntentStatus = Literal[
    "confirmation_required",
    "waiting_for_operator",
    "in_progress",
    "applied",
    "partly_applied",
    "not_applied",
    "unknown",
    "declined",
    "expired",
]

IN_CARD: Final = "The person has not decided in the card yet; wait for them, and do not call again."


STATUS_WORDS: Final[Mapping[IntentStatus, str]] = {
    "confirmation_required": "Waits for a confirmation; nothing has changed yet:",
    "waiting_for_operator": "Waits for an operator; nothing has changed yet:",
    "partly_applied": "Partly done:",
    "in_progress": "Is being carried out; ask again in a moment:",
    "applied": "Done:",
    "not_applied": "Not done:",
    "unknown": "Unknown outcome; do not repeat it as a new call:",
    "declined": "Declined; nothing was changed:",
    "expired": "Expired; nothing was changed:",
}

RESULT_IDS: Final[Mapping[str, str]] = {
    "code": "Code",
    "transaction_id": "Transaction",
    "redemption_id": "Redemption",
    "id": "Id",
}
"""Ids in a result that the next call may need, the most important first."""


class IntentView(Reply):
    """An intent, with the fields of the envelope."""

    status: IntentStatus
    intent: str
    tool: str
    summary: str
    created_at: Moment
    expires_at: Moment
    agreed_by: str | None = None
    result: dict[str, Any] | None = None
    reason: str | None = None


def intent_status(intent: Intent) -> IntentStatus:
    """The status of an intent, as in the envelope."""
    match intent.state:
        case "proposed":
            return "waiting_for_operator" if intent.route == "operator" else "confirmation_required"
        case "approved" | "sent":
            return "in_progress"
        case ended:
            return ended


def intent_view(intent: Intent) -> IntentView:
    """An intent as `check_intent` returns it."""
    undecided_in_card = intent.state == "proposed" and intent.route == "card"
    return IntentView(
        status=intent_status(intent),
        intent=intent.id,
        tool=intent.tool,
        summary=intent.preview.summary,
        created_at=intent.created_at,
        expires_at=intent.expires_at,
        agreed_by=intent.agreed_by,
        result=None if intent.result is None else dict(intent.result),
        reason=IN_CARD if undecided_in_card else intent.reason,
    )


def intent_text(view: IntentView, now: datetime) -> str:
    """An intent in words."""
    lines = [f"{STATUS_WORDS[view.status]} {view.summary}"]
    if view.reason:
        lines.append(view.reason)
    if view.result and {"left", "rows"} <= view.result.keys():
        lines.append(batch_text(BatchResult.model_validate(view.result), now))
    lines += [
        f"{word}: {value_text((view.result or {})[name])}."
        for name, word in RESULT_IDS.items()
        if (view.result or {}).get(name)
    ][:1]
    if view.status in {"confirmation_required", "waiting_for_operator"}:
        lines.append(f"The preview lapses {moment_text(view.expires_at, now)}.")
    return "\n".join(lines)


@reads(text=intent_text)
async def check_intent(context: Context, intent: IntentId) -> IntentView:
    """Find out what became of a change; resolves an unknown outcome where a read can tell."""
    found = await context.journal.open().get(intent)
    if found is None or not (context.operator or found.caller == context.caller):
        raise UnknownReference(
            "There is no such intent of yours. Its id is in the answer to the change."
        )
    if found.state == "unknown" or lapsed(found, context.now()):
        found = await context.reconciler.reconcile(context, found)
    if found.state == "approved" and is_batch(found):
        return await _unfinished_batch(context, found)
    return intent_view(found)


async def _unfinished_batch(context: Context, batch: Intent) -> IntentView:
    """An agreed batch that is not finished: what was done, and how to continue it."""
    rows = await context.journal.open().batches.rows(batch.id)
    for row in rows:
        if row.state == "unknown" or context.reconciler.is_orphaned(context, row):
            await context.reconciler.reconcile(context, row, close=True)
    result = await read_batch_result(context, batch)
    reason = (
        f"{result.left} of {len(result.rows)} rows are left. To go on, repeat the same call with "
        f'confirmation "{batch.id}".'
    )
    view = intent_view(batch)
    data = result.model_dump(mode="json", exclude_none=True)
    return view.model_copy(update={"status": "partly_applied", "result": data, "reason": reason})
