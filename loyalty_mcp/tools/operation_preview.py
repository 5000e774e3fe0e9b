"""The preview of an operation: its sentence, and the values before and after."""

from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.quoting import cleaned
from loyalty_mcp.errors import NotFound
from loyalty_mcp.intents.lifecycle import Preparation, Preview
from loyalty_mcp.tools.answers.change_sentences import SENTENCES
from loyalty_mcp.tools.answers.operation_words import (
    HELD_TIER,
    held_text,
    price_text,
    words_of_arguments,
)
from loyalty_mcp.tools.answers.setting_details import details_text, setting_details
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.deletion_losses import deletion_losses
from loyalty_mcp.tools.effects import EFFECT_CHECKS
from loyalty_mcp.tools.impossible_changes import CHECKS
from loyalty_mcp.tools.operation_request import (
    chosen_object,
    current_object,
    object_facts,
    request_of,
)
from loyalty_mcp.tools.points.raw_movements import with_movement

IRREVERSIBLE: Final = "This cannot be undone."
NAME_TYPED: Final = frozenset({"delete_program", "delete_subscription"})
"""Deletions of what members have: the person types the name instead of only ticking a box."""


async def preview_operation(
    operation: Operation[..., Any], context: Context, **arguments: Any
) -> Preparation:
    """The preview of an operation: its sentence and the current state.

    Raises:
        InvalidArgument: the arguments contradict one another.
        Refused: it cannot succeed, so nobody needs to be asked.
        LoyaltyError: the current state cannot be read.
    """
    request_of(operation, arguments)
    current = chosen_object(await current_object(operation, context, arguments), arguments)
    if operation.before is not None and current is None:
        raise NotFound("There is no such tier in the draft; list_tiers shows what there is.")
    facts = _facts_of(current)
    details = await setting_details(operation, context, arguments)
    words = await words_of_arguments(operation, context, arguments, current)
    check, movement = EFFECT_CHECKS.get(operation.name), None
    if check is not None and check.moves is not None and isinstance(current, AccountInfo):
        moved = await check.moves(context, arguments, current)
        movement = moved.movement
        if moved.worth:
            words["reward"] += f" ({moved.worth})"
            details.pop("value", None)
    summary = operation.preview.format_map(words) + details_text(details)
    before, after = {}, dict[str, Any](details)
    if HELD_TIER in words:
        summary += f" Tier: {words[HELD_TIER]} → {words['tier']}, by hand."
        before, after = {"tier": words[HELD_TIER]}, {"tier": words["tier"]}
    if operation.name == "delete_subscription" and isinstance(current, AccountInfo):
        before = {"held": await held_text(context, arguments["program"], current)}
        summary += f" They lose {before['held']}."
    warnings: tuple[str, ...] = ()
    if operation.name in CHECKS:
        found = await CHECKS[operation.name](context, arguments, current)
        facts, warnings = {**facts, **found.facts}, found.warnings
    if operation.risk == "destructive":
        losses = await deletion_losses(context, operation.name, arguments)
        warnings = (*warnings, *losses, IRREVERSIBLE)
    if movement is not None and "amount" not in arguments:
        summary += f" It takes {await price_text(context, arguments['program'], movement)}."
        facts = {**facts, "cost": movement.amount}
    done = SENTENCES.get(operation.name, "").format_map(words)
    preview = Preview(summary, before, after, warnings, _typed(operation, current), done)
    subject = None if movement is None else f"{arguments['program']} member {movement.member}"
    preparation = Preparation(preview, facts, movement, subject)
    if operation.name in ("create_transaction", "create_balance_order"):
        return await with_movement(context, arguments, preparation)
    return preparation


def _typed(operation: Operation[..., Any], current: BaseModel | None) -> str | None:
    """What a person types before a deletion that cannot be undone."""
    if operation.name not in NAME_TYPED or current is None:
        return None
    if isinstance(current, AccountInfo):
        membership = current.membership
        return None if membership is None else membership.loyalty_subscription_id
    return cleaned(str(getattr(current, "name", ""))) or None


def _facts_of(current: BaseModel | None) -> dict[str, Any]:
    """The facts that must stay the same until the object is changed."""
    if current is None:
        return {}
    if not isinstance(current, AccountInfo):
        return {"object": object_facts(current)}
    held = current.balance.balances if current.balance is not None else ()
    return {
        "balances": {b.balance_definition_name or b.balance_definition_id: b.value for b in held},
        "tiers": {t.group_name or t.group_id or "": t.tier_name or t.tier_id for t in current.tier},
        "vouchers": sorted(voucher.id for voucher in current.reward),
    }
