"""An operation as a tool: one request, previewed from the current state, sent at most once."""

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

CHANGE_REQUESTS: Final = 13
"""Maximum: the lookup of names, the reads of the preview, and the requests after the agreement."""

AFTER_AGREEMENT: Final = 7
"""Maximum: the repeated reads of the preview, the change, and a check after a lost answer."""

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
        NotFound: it concerns the account of a contact who is not a member.
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
    """Send a change once, with the intent's mark if the API stores one.

    After a lost answer or a refusal, its effect is looked up if a read can show it. A missing
    effect may still arrive.

    Raises:
        LoyaltyError: it was refused and not carried out.
        OutcomeUnknown: its answer was lost, and its effect is not visible.
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
        # The change has happened; a failure to write its id must not hide that.
        with contextlib.suppress(JournalUnavailable):
            journal = context.journal.open()
            await journal.set_transaction(intent, check.draft(reply), context.now())
    return _with_id(reply, arguments) if isinstance(reply, Done) else reply


def _marked(
    operation: Operation[..., Any], intent: Intent, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments with the intent's mark, if the created object has a `meta`."""
    creates = operation.risk == "moves_value" or operation.name.startswith("create_")
    if "meta" not in operation.parameters or not creates:
        return dict(arguments)
    return {**arguments, "meta": {**(arguments["meta"] or {}), MARKER: intent.id}}


async def reconcile_operation(
    operation: Operation[..., Any],
    context: Context,
    intent: Intent,
    *,
    close: bool,  # noqa: ARG001 - a single request leaves nothing open to close
    may_come: bool,
    **arguments: Any,
) -> Reply:
    """Determine the outcome of a change by reading.

    Raises:
        DidNotHappen: it did not take effect, and no longer can.
        OutcomeUnknown: it may still take effect, or no read can show it.
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
    """The effect of a change, or None if it is proven that there is none.

    Raises:
        OutcomeUnknown: something could be its effect, or the API has no read that shows it.
    """
    found = await _effect(operation, context, intent, arguments)
    check = EFFECT_CHECKS.get(operation.name)
    if found is None and check is not None and check.require_absence is not None:
        await check.require_absence(context, intent, arguments)
    return found


async def _effect(
    operation: Operation[..., Any], context: Context, intent: Intent, arguments: Mapping[str, Any]
) -> Reply | None:
    """The effect of a change, or None if there is none.

    Raises:
        OutcomeUnknown: the API has no read that shows it.
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
    """A deletion took effect if its object is gone; a second deletion is refused."""
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
    """A replacement took effect if its object changed and is now as given.

    If a part of the given values is not readable, or another change followed, no read can tell.
    Replacing twice has the same effect as once.

    Raises:
        OutcomeUnknown: the object changed, and no read shows why.
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
    """Whether the object has all given values; the API may add others."""
    if isinstance(given, dict) and isinstance(shown, dict):
        return all(name in shown and _holds_all(given[name], shown[name]) for name in given)
    if isinstance(given, list) and isinstance(shown, list):
        return len(given) == len(shown) and all(map(_holds_all, given, shown))
    return bool(given == shown)


def _with_id(reply: Done, arguments: Mapping[str, Any]) -> Done:
    """The reply with the id of the changed object, if the API returns no body."""
    found = next((arguments[name] for name in ID_ARGUMENTS if arguments.get(name)), None)
    return reply if found is None else reply.model_copy(update={"id": str(found)})
