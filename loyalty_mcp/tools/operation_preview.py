"""The preview of an operation: its sentence, what is there now, and what will be."""

import string
import typing
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.quoting import cleaned, quoted
from loyalty_mcp.brevo.types import LIVE_FIRST, Version, plain
from loyalty_mcp.errors import NotFound
from loyalty_mcp.intents.lifecycle import Preparation, Preview
from loyalty_mcp.tools.argument_model import reference_in
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.deletion_losses import deletion_losses
from loyalty_mcp.tools.effects import EFFECT_CHECKS
from loyalty_mcp.tools.impossible_changes import REFUSALS
from loyalty_mcp.tools.operation_request import (
    chosen_object,
    current_object,
    object_facts,
    request_of,
)
from loyalty_mcp.tools.points.raw_movements import with_movement
from loyalty_mcp.tools.render import NOISE, label, value_text

DRAFT: Final[tuple[Version, ...]] = ("draft",)
IRREVERSIBLE: Final = "This cannot be undone."
NAME_TYPED: Final = frozenset({"delete_program", "delete_subscription"})
"""Deletions that erase what members have: the name is typed, not only a box ticked."""


async def preview_operation(
    operation: Operation[..., Any], context: Context, **arguments: Any
) -> Preparation:
    """What a person agrees to: the sentence of the operation, and what is there now.

    Raises:
        InvalidArgument: the arguments contradict one another.
        Refused: it cannot succeed, so nobody need be asked.
        LoyaltyError: what is there cannot be read.
    """
    request_of(operation, arguments)
    current = chosen_object(await current_object(operation, context, arguments), arguments)
    if operation.before is not None and current is None:
        raise NotFound("There is no such tier in the draft; list_tiers shows what there is.")
    before, facts = _before_and_facts(current)
    hints = _hints(operation)
    given = {
        name: value
        for name, value in arguments.items()
        if value is not None and reference_in(hints[name]) is None
    }
    if operation.risk == "write" and current is not None:
        before = {name: before[name] for name in given if name in before}
    summary = await _summary(operation, context, arguments)
    summary += _change_list(operation, before, given)
    refused = REFUSALS.get(operation.name)
    if refused is not None:
        facts = {**facts, **await refused(context, arguments, current)}
    warnings: tuple[str, ...] = ()
    if operation.risk == "destructive":
        warnings = (*await deletion_losses(context, operation.name, arguments), IRREVERSIBLE)
    check, movement = EFFECT_CHECKS.get(operation.name), None
    if check is not None and check.movement is not None and isinstance(current, AccountInfo):
        movement = await check.movement(context, arguments, current)
    if movement is not None and "amount" not in arguments:
        summary += f" It takes {value_text(plain(movement.amount))} points."
        facts = {**facts, "cost": movement.amount}
    preview = Preview(summary, before, given, warnings, _typed(operation, current))
    subject = None if movement is None else f"{arguments['program']} member {movement.member}"
    preparation = Preparation(preview, facts, movement, subject)
    if operation.name in ("create_transaction", "create_balance_order"):
        return await with_movement(context, arguments, preparation)
    return preparation


def _typed(operation: Operation[..., Any], current: BaseModel | None) -> str | None:
    """What a person types before something is deleted that cannot be created again."""
    if operation.name not in NAME_TYPED or current is None:
        return None
    if isinstance(current, AccountInfo):
        membership = current.membership
        return None if membership is None else membership.loyalty_subscription_id
    return cleaned(str(getattr(current, "name", ""))) or None


def _hints(operation: Operation[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(operation.describe, include_extras=True)


def _before_and_facts(current: BaseModel | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is shown of the object, and the facts that must not change before it is changed."""
    if current is None:
        return {}, {}
    if isinstance(current, AccountInfo):
        return _account_before(current)
    values = current.model_dump(mode="json", exclude_none=True)
    flat = {name: value for name, value in values.items() if not isinstance(value, list | dict)}
    shown = {name: value for name, value in flat.items() if name not in NOISE}
    return shown, {"object": object_facts(current)}


def _account_before(info: AccountInfo) -> tuple[dict[str, Any], dict[str, Any]]:
    held = info.balance.balances if info.balance is not None else ()
    balances = {b.balance_definition_name or b.balance_definition_id: b.value for b in held}
    tiers = {t.group_name or t.group_id or "": t.tier_name or t.tier_id for t in info.tier}
    facts = {
        "balances": balances,
        "tiers": tiers,
        "vouchers": sorted(voucher.id for voucher in info.reward),
    }
    return {"balances": balances, "tiers": tiers, "vouchers": len(info.reward)}, facts


async def _summary(
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
        values[name] = _argument_text(value)
    return operation.preview.format(**values)


def _change_list(
    operation: Operation[..., Any], before: Mapping[str, Any], given: Mapping[str, Any]
) -> str:
    """What is there and what will be, as far as the sentence does not say it, in words."""
    in_sentence = {name for _, name, _, _ in string.Formatter().parse(operation.preview)}
    shown = {
        name: plain(value) for name, value in (given or before).items() if name not in in_sentence
    }
    parts = [
        f"{label(name)}: {value_text(before[name])} → {value_text(value)}"
        if given and name in before
        else f"{label(name)}: {value_text(value)}"
        for name, value in shown.items()
    ]
    return f" {'; '.join(parts)}." if parts else ""


def _argument_text(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return ", ".join(_argument_text(item) for item in value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
