"""An operation as a tool: one request, previewed from what is there, sent at most once."""

import contextlib
import typing
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo, get_account_info
from loyalty_mcp.brevo.types import Done, Reply, plain
from loyalty_mcp.errors import JournalUnavailable, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.intents.exact_json import exact_json
from loyalty_mcp.intents.lifecycle import MARKER, Intent
from loyalty_mcp.tools.answers.change_sentences import RESULT_TEXTS
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.effects import EFFECT_CHECKS
from loyalty_mcp.tools.members.account import no_member
from loyalty_mcp.tools.operation_preview import preview_operation
from loyalty_mcp.tools.operation_request import (
    chosen_object,
    current_object,
    object_facts,
    request_of,
)
from loyalty_mcp.tools.send_window import (
    DOUBTFUL,
    DidNotHappen,
    NoReadCanTell,
    effect_after,
    send_change,
)
from loyalty_mcp.tools.tool import Tool

CHANGE_REQUESTS: Final = 12
"""At most: names looked up, two reads before the preview and after it, the change, one check."""

AFTER_AGREEMENT: Final = 4
"""The reads made again, the change, and one check."""

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
        run=partial(run_change if changes else send_read, operation),
        prepare=partial(preview_operation, operation) if changes else None,
        reconcile=partial(reconcile_operation, operation) if changes else None,
        text=RESULT_TEXTS.get(operation.name),
        requests=CHANGE_REQUESTS if changes else 1,
        after_agreement=AFTER_AGREEMENT if changes else None,
        versioned=operation.versioned,
        group=operation.describe.__module__.rpartition(".")[2],
    )


async def send_read(operation: Operation[..., Any], context: Context, **arguments: Any) -> Reply:
    """Send a read.

    Raises:
        NotFound: it is about the account of a contact who is no member.
        LoyaltyError: it failed.
    """
    try:
        reply: Reply = await context.brevo.send(request_of(operation, arguments))
    except (NotFound, Refused):
        if operation.name == get_account_info.name:
            raise no_member(arguments["member"]) from None
        raise
    if isinstance(reply, AccountInfo) and reply.membership is None:
        raise no_member(arguments["member"])
    return reply


async def run_change(
    operation: Operation[..., Any], context: Context, intent: Intent, **arguments: Any
) -> Reply:
    """Send a change, once, marked with its intent where the API keeps a mark.

    After a lost answer, and after a refusal, its effect is looked for wherever a read can tell; an
    effect that is not there may still arrive.

    Raises:
        LoyaltyError: it was refused, and not done.
        OutcomeUnknown: its answer was lost, and its effect is not to be seen.
    """
    check = EFFECT_CHECKS.get(operation.name)
    request = request_of(operation, _marked(operation, intent, arguments))
    try:
        reply: Reply = await send_change(context, intent, request)
    except DOUBTFUL as failure:
        reply = await effect_after(
            context, failure, lambda: _effect_or_absence(operation, context, intent, arguments)
        )
    if check is not None and check.require_effect is not None:
        check.require_effect(reply, arguments)
    if check is not None and check.draft is not None:
        # It has happened; that its id cannot be written must not say otherwise.
        with contextlib.suppress(JournalUnavailable):
            journal = context.journal.open()
            await journal.set_transaction(intent, check.draft(reply), context.now())
    return _with_id(reply, arguments) if isinstance(reply, Done) else reply


def _marked(
    operation: Operation[..., Any], intent: Intent, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments with the mark of the intent, where what is created has a `meta` for it."""
    creates = operation.risk == "moves_value" or operation.name.startswith("create_")
    if "meta" not in operation.parameters or not creates:
        return dict(arguments)
    return {**arguments, "meta": {**(arguments["meta"] or {}), MARKER: intent.id}}


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
    found = await _effect_or_absence(operation, context, intent, arguments)
    check = EFFECT_CHECKS.get(operation.name)
    if found is not None and check is not None and check.require_effect is not None:
        try:
            check.require_effect(found, arguments)
        except Refused as rejected:
            raise DidNotHappen(str(rejected)) from None
    if found is not None:
        return found
    if may_come:
        raise OutcomeUnknown("Its effect is not to be seen yet, and it may still arrive.")
    raise DidNotHappen("It did not take effect.")


async def _effect_or_absence(
    operation: Operation[..., Any], context: Context, intent: Intent, arguments: Mapping[str, Any]
) -> Reply | None:
    """What a change left behind, or None if it is proven that there is nothing.

    Raises:
        OutcomeUnknown: there is something that could be it, or the API has no read that could tell.
    """
    found = await _effect(operation, context, intent, arguments)
    check = EFFECT_CHECKS.get(operation.name)
    if found is None and check is not None and check.require_absence is not None:
        await check.require_absence(context, intent, arguments)
    return found


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
        raise NoReadCanTell(f"No read can tell whether {operation.name} took effect.")
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
    current = chosen_object(current, arguments)
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
    current = chosen_object(await current_object(operation, context, arguments), arguments)
    given = plain(request_of(operation, arguments).body or {})
    if not given or not isinstance(current, Reply):
        raise NoReadCanTell(f"No read can tell whether {operation.name} took effect.")
    before = intent.facts.get("object")
    if before is not None and exact_json(before) == exact_json(object_facts(current)):
        return None
    if _holds_all(given, current.model_dump(mode="json", by_alias=True)):
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
