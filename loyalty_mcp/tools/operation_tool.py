"""An operation as a tool: one request, previewed from what is there, sent at most once."""

import contextlib
import inspect
import string
import typing
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.programs import get_program
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.tiers import Tiers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import LIVE_FIRST, Done, Reply, Version, plain
from loyalty_mcp.errors import (
    InvalidArgument,
    JournalUnavailable,
    NotFound,
    OutcomeUnknown,
    Refused,
)
from loyalty_mcp.intents.lifecycle import MARKER, Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.effects import EFFECT_CHECKS
from loyalty_mcp.tools.render import NOISE, label, value_text
from loyalty_mcp.tools.rewards.member_vouchers import can_be_redeemed
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, effect_after, require_time
from loyalty_mcp.tools.tool import Tool, reference_in

CHANGE_REQUESTS: Final = 3
"""The object looked at before the preview, and again before it is changed."""

DRAFT: Final[tuple[Version, ...]] = ("draft",)
IRREVERSIBLE: Final = "This cannot be undone."
ID_ARGUMENTS: Final = (
    *("transaction_id", "redemption_id", "limit_id"),
    *("balance", "tier", "tier_group", "program"),
)


def tool_of(
    operation: Operation[..., Any],
    pinned: Mapping[str, str],
    twin: Operation[..., Any] | None = None,
) -> Tool:
    """The tool that an operation is.

    Args:
        operation: what it sends.
        pinned: arguments that are not the assistant's to give.
        twin: the operation that creates what this one replaces, with the same arguments.
    """
    hints = typing.get_type_hints(operation.describe)
    (answer,) = typing.get_args(hints["return"])
    names = set(operation.parameters)
    changes = operation.risk != "read"
    return Tool(
        name=operation.name,
        risk=operation.risk,
        function=operation.describe,
        answer=answer,
        run=partial(change if changes else look, operation),
        prepare=partial(prepare, operation) if changes else None,
        reconcile=partial(reconcile, operation) if changes else None,
        requests=CHANGE_REQUESTS if changes else 1,
        pinned={name: value for name, value in pinned.items() if name in names},
        described=frozenset() if twin is None else frozenset(twin.parameters),
        versioned=operation.versioned,
    )


def described(operation: Operation[..., Any], arguments: Mapping[str, Any]) -> Request[Any]:
    """The request of an operation.

    Raises:
        InvalidArgument: the arguments contradict one another.
    """
    try:
        return operation(**arguments)
    except ValueError as error:
        raise InvalidArgument(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


async def look(operation: Operation[..., Any], context: Context, **arguments: Any) -> Reply:
    """Send a read."""
    reply: Reply = await context.brevo.send(described(operation, arguments))
    return reply


async def prepare(
    operation: Operation[..., Any], context: Context, **arguments: Any
) -> Preparation:
    """What a person agrees to: the sentence of the operation, and what is there now."""
    described(operation, arguments)
    there = await _there(operation, context, arguments)
    before, facts = _shown(there, arguments)
    given = {
        name: value
        for name, value in arguments.items()
        if value is not None and reference_in(_hints(operation)[name]) is None
    }
    if operation.risk == "write" and there is not None:
        before = {name: before[name] for name in given if name in before}
    summary = await _sentence(operation, context, arguments)
    summary += _changes(operation, before, given)
    warnings = (IRREVERSIBLE,) if operation.risk == "destructive" else ()
    if operation.name == "revoke_vouchers":
        facts = {"redeemable": await _redeemable(context, arguments)}
    check, movement = EFFECT_CHECKS.get(operation.name), None
    if check is not None and check.movement is not None and isinstance(there, AccountInfo):
        movement = await check.movement(context, arguments, there)
    if movement is not None and "amount" not in arguments:
        summary += f" It takes {value_text(plain(movement.amount))} points."
        facts = {**facts, "cost": movement.amount}
    return Preparation(Preview(summary, before, given, warnings), facts, movement)


async def change(
    operation: Operation[..., Any], context: Context, intent: Intent, **arguments: Any
) -> Reply:
    """Send a change, once, marked with its intent where the API keeps a mark.

    After a lost answer the effect is looked for at once; what is not there may still come. So it
    is after a refusal, where the effect would carry the intent.

    Raises:
        LoyaltyError: it was refused, and not done.
        OutcomeUnknown: its answer was lost, and its effect is not to be seen.
    """
    check = EFFECT_CHECKS.get(operation.name)
    doubtful = DOUBTFUL if check is not None and check.marked else (OutcomeUnknown,)
    require_time(context, intent)
    try:
        reply = await _sent(operation, context, intent, arguments)
    except doubtful as failure:
        reply = await effect_after(failure, lambda: _effect(operation, context, intent, arguments))
    if check is not None and check.draft is not None:
        # It has happened; that its id cannot be written must not say otherwise.
        with contextlib.suppress(JournalUnavailable):
            journal = context.journal.open()
            await journal.set_transaction(intent, check.draft(reply), context.now())
    return _named(reply, arguments) if isinstance(reply, Done) else reply


async def _sent(
    operation: Operation[..., Any], context: Context, intent: Intent, arguments: Mapping[str, Any]
) -> Reply:
    marked = dict(arguments)
    if "meta" in operation.parameters and operation.risk == "moves_value":
        marked["meta"] = {**(arguments["meta"] or {}), MARKER: intent.id}
    reply: Reply = await context.brevo.send(described(operation, marked))
    return reply


async def reconcile(
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
        return await _gone(operation, context, arguments)
    return await _as_given(operation, context, intent, arguments)


async def _gone(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> Reply | None:
    """A deletion took effect when its object is not there; deleting twice is refused."""
    try:
        there = await _there(operation, context, arguments)
    except (NotFound, Refused):
        there = None
    if isinstance(there, Tiers):
        there = next((t for t in there.items if t.tier_id == arguments["tier"]), None)
    return None if there is not None else _named(Done(), arguments)


async def _as_given(
    operation: Operation[..., Any],
    context: Context,
    intent: Intent,
    arguments: Mapping[str, Any],
) -> Reply | None:
    """A replacement took effect when its object changed and is as it was given.

    Where a part of what was given is not shown, or another change came after it, nothing tells.
    Twice is the same as once.

    Raises:
        OutcomeUnknown: the object changed, and it cannot be told by what.
    """
    there = await _there(operation, context, arguments)
    if isinstance(there, Tiers):
        there = next((tier for tier in there.items if tier.tier_id == arguments["tier"]), None)
    given = plain(described(operation, arguments).body or {})
    if not given or not isinstance(there, Reply):
        raise OutcomeUnknown(f"No read can tell whether {operation.name} took effect.")
    shown = there.model_dump(mode="json", by_alias=True)
    untouched = intent.facts.get("last update")
    if untouched is not None and untouched == shown.get("updatedAt"):
        return None
    if _fits(given, shown):
        return there
    raise OutcomeUnknown("It was changed, and no read can tell by what.")


def _fits(given: Any, shown: Any) -> bool:
    """Whether what is shown holds what was given; the API may add to it."""
    if isinstance(given, dict) and isinstance(shown, dict):
        return all(name in shown and _fits(given[name], shown[name]) for name in given)
    if isinstance(given, list) and isinstance(shown, list):
        return len(given) == len(shown) and all(map(_fits, given, shown))
    return bool(given == shown)


async def _redeemable(context: Context, arguments: Mapping[str, Any]) -> list[str]:
    """The vouchers of a revocation that could be redeemed now; an id of none is none of them."""
    found = []
    for voucher_id in arguments["voucher_ids"]:
        with contextlib.suppress(Refused):
            if await can_be_redeemed(context, arguments["program"], voucher_id):
                found.append(voucher_id)
    return found


def _hints(operation: Operation[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(operation.describe, include_extras=True)


async def _there(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> BaseModel | None:
    """The object that the operation changes, as it is."""
    if operation.before is None:
        return None
    if operation.before is get_program:
        return await context.references.program_now(arguments["program"])
    names = inspect.signature(operation.before.describe).parameters
    given = {name: value for name, value in arguments.items() if name in names}
    if operation.versioned and "version" in names:
        # Said, it is the request by which the names were looked up: one call makes it once.
        given["version"] = "draft"
    reply: BaseModel = await context.brevo.send(described(operation.before, given))
    if isinstance(reply, AccountInfo) and reply.membership is None:
        raise NotFound("That contact is no member of this program; enroll_member makes one.")
    return reply


def _shown(
    there: BaseModel | None, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is shown of the object, and the facts that must not move before it is changed."""
    if there is None:
        return {}, {}
    if isinstance(there, AccountInfo):
        return _account(there)
    if isinstance(there, Tiers):
        there = next((tier for tier in there.items if tier.tier_id == arguments["tier"]), there)
    values = there.model_dump(mode="json", exclude_none=True)
    plain = {name: value for name, value in values.items() if not isinstance(value, list | dict)}
    shown = {name: value for name, value in plain.items() if name not in NOISE}
    return shown, {"last update": plain.get("updated_at")}


def _account(info: AccountInfo) -> tuple[dict[str, Any], dict[str, Any]]:
    held = info.balance.balances if info.balance is not None else ()
    balances = {b.balance_definition_name or b.balance_definition_id: b.value for b in held}
    tiers = {t.group_name or t.group_id or "": t.tier_name or t.tier_id for t in info.tier}
    facts = {
        "balances": balances,
        "tiers": tiers,
        "vouchers": sorted(voucher.id for voucher in info.reward),
    }
    return {"balances": balances, "tiers": tiers, "vouchers": len(info.reward)}, facts


async def _sentence(
    operation: Operation[..., Any], context: Context, arguments: Mapping[str, Any]
) -> str:
    """The preview's sentence, with names for ids; whatever comes from outside is quoted."""
    hints, program = _hints(operation), arguments.get("program")
    versions = DRAFT if operation.versioned else LIVE_FIRST
    values: dict[str, str] = {}
    for _, name, _, _ in string.Formatter().parse(operation.preview):
        if name is None:
            continue
        value, reference = arguments[name], reference_in(hints[name])
        if reference is not None and value is not None:
            named = await context.references.name_of(reference.kind, value, program, versions)
            value = named or value
        values[name] = _spelled(value)
    return operation.preview.format(**values)


def _changes(
    operation: Operation[..., Any], before: Mapping[str, Any], given: Mapping[str, Any]
) -> str:
    """What is there and what will be, as far as the sentence does not say it, in words."""
    said = {name for _, name, _, _ in string.Formatter().parse(operation.preview)}
    shown = {name: plain(value) for name, value in (given or before).items() if name not in said}
    parts = [
        f"{label(name)}: {value_text(before[name])} → {value_text(value)}"
        if given and name in before
        else f"{label(name)}: {value_text(value)}"
        for name, value in shown.items()
    ]
    return f" {'; '.join(parts)}." if parts else ""


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return ", ".join(_spelled(item) for item in value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _named(reply: Done, arguments: Mapping[str, Any]) -> Done:
    """Say what was done to which, where the API answers nothing."""
    found = next((arguments[name] for name in ID_ARGUMENTS if arguments.get(name)), None)
    return reply if found is None else reply.model_copy(update={"id": str(found)})
