"""An operation as a tool: one request, previewed from what is there, sent at most once."""

import contextlib
import typing
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.tiers import Tiers
from loyalty_mcp.brevo.types import Done, Reply, plain
from loyalty_mcp.errors import JournalUnavailable, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import MARKER, Intent
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.effects import EFFECT_CHECKS
from loyalty_mcp.tools.operation_preview import preview_operation
from loyalty_mcp.tools.operation_request import current_object, request_of
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, effect_after, require_time
from loyalty_mcp.tools.tool import Tool

CHANGE_REQUESTS: Final = 3
"""One read before the preview, one after agreement, and the change."""

ID_ARGUMENTS: Final = (
    *("transaction_id", "redemption_id", "limit_id"),
    *("balance", "tier", "tier_group", "program"),
)


def tool_of(operation: Operation[..., Any]) -> Tool:
    """The tool that sends an operation."""
    (answer,) = typing.get_args(typing.get_type_hints(operation.describe)["return"])
    changes = operation.risk != "read"
    return Tool(
        name=operation.name,
        risk=operation.risk,
        function=operation.describe,
        answer=answer,
        run=partial(send_change if changes else send_read, operation),
        prepare=partial(preview_operation, operation) if changes else None,
        reconcile=partial(reconcile_operation, operation) if changes else None,
        requests=CHANGE_REQUESTS if changes else 1,
        versioned=operation.versioned,
        group=operation.describe.__module__.rpartition(".")[2],
    )


async def send_read(operation: Operation[..., Any], context: Context, **arguments: Any) -> Reply:
    """Send a read."""
    reply: Reply = await context.brevo.send(request_of(operation, arguments))
    return reply


async def send_change(
    operation: Operation[..., Any], context: Context, intent: Intent, **arguments: Any
) -> Reply:
    """Send a change, once, marked with its intent where the API keeps a mark.

    After a lost answer its effect is looked for at once; an effect that is not there may still
    arrive. The same holds after a refusal, where the effect would carry the intent.

    Raises:
        LoyaltyError: it was refused, and not done.
        OutcomeUnknown: its answer was lost, and its effect is not to be seen.
    """
    check = EFFECT_CHECKS.get(operation.name)
    doubtful = DOUBTFUL if check is not None and check.marked else (OutcomeUnknown,)
    require_time(context, intent)
    try:
        reply = await _send_marked(operation, context, intent, arguments)
    except doubtful as failure:
        reply = await effect_after(failure, lambda: _effect(operation, context, intent, arguments))
    if check is not None and check.draft is not None:
        # It has happened; that its id cannot be written must not say otherwise.
        with contextlib.suppress(JournalUnavailable):
            journal = context.journal.open()
            await journal.set_transaction(intent, check.draft(reply), context.now())
    return _with_id(reply, arguments) if isinstance(reply, Done) else reply


async def _send_marked(
    operation: Operation[..., Any], context: Context, intent: Intent, arguments: Mapping[str, Any]
) -> Reply:
    marked = dict(arguments)
    if "meta" in operation.parameters and operation.risk == "moves_value":
        marked["meta"] = {**(arguments["meta"] or {}), MARKER: intent.id}
    reply: Reply = await context.brevo.send(request_of(operation, marked))
    return reply


async def reconcile_operation(
    operation: Operation[..., Any],
    context: Context,
    intent: Intent,
    *,
    close: bool,  # noqa: ARG001 - one request leaves nothing open that could be closed
    may_come: bool,
    **arguments: Any,
) -> Reply:
    """Find out by reading what became of a change.

    Raises:
        DidNotHappen: it did not take effect, and no longer can.
        OutcomeUnknown: it may still come, or no read can tell.
        LoyaltyError: the reads failed.
    """
    found = await _effect(operation, context, intent, arguments)
    if found is not None:
        return found
    if may_come:
        raise OutcomeUnknown("Its effect is not to be seen yet, and it may still arrive.")
    raise DidNotHappen("It did not take effect.")


async def _effect(
    operation: Operation[..., Any], context: Context, intent: Intent, arguments: Mapping[str, Any]
) -> Reply | None:
    """What a change left behind, or None if there is nothing.

    Raises:
        OutcomeUnknown: the API has no read that could tell.
    """
    check = EFFECT_CHECKS.get(operation.name)
    if check is not None:
        return await check.found(context, intent, arguments)
    if operation.before is None or operation.risk == "moves_value":
        raise OutcomeUnknown(f"No read can tell whether {operation.name} took effect.")
    if operation.risk == "destructive":
        return await _deletion(operation, context, arguments)
    return await _replacement(operation, context, intent, arguments)


async def _deletion(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> Reply | None:
    """A deletion took effect when its object is not there; deleting twice is refused."""
    try:
        current = await current_object(operation, context, arguments)
    except (NotFound, Refused):
        current = None
    if isinstance(current, Tiers):
        current = next((t for t in current.items if t.tier_id == arguments["tier"]), None)
    return None if current is not None else _with_id(Done(), arguments)


async def _replacement(
    operation: Operation[..., Any],
    context: Context,
    intent: Intent,
    arguments: Mapping[str, Any],
) -> Reply | None:
    """A replacement took effect when its object changed and is as it was given.

    Where a part of what was given is not shown, or another change came after it, no read can tell.
    Replacing twice is the same as once.

    Raises:
        OutcomeUnknown: the object changed, and no read can tell by what.
    """
    current = await current_object(operation, context, arguments)
    if isinstance(current, Tiers):
        current = next((tier for tier in current.items if tier.tier_id == arguments["tier"]), None)
    given = plain(request_of(operation, arguments).body or {})
    if not given or not isinstance(current, Reply):
        raise OutcomeUnknown(f"No read can tell whether {operation.name} took effect.")
    shown = current.model_dump(mode="json", by_alias=True)
    untouched = intent.facts.get("last update")
    if untouched is not None and untouched == shown.get("updatedAt"):
        return None
    if _holds_all(given, shown):
        return current
    raise OutcomeUnknown("It was changed, and no read can tell by what.")


def _holds_all(given: Any, shown: Any) -> bool:
    """Whether what is shown holds all that was given; the API may add to it."""
    if isinstance(given, dict) and isinstance(shown, dict):
        return all(name in shown and _holds_all(given[name], shown[name]) for name in given)
    if isinstance(given, list) and isinstance(shown, list):
        return len(given) == len(shown) and all(map(_holds_all, given, shown))
    return bool(given == shown)


def _with_id(reply: Done, arguments: Mapping[str, Any]) -> Done:
    """The reply with the id of what was changed, where the API answers nothing."""
    found = next((arguments[name] for name in ID_ARGUMENTS if arguments.get(name)), None)
    return reply if found is None else reply.model_copy(update={"id": str(found)})
