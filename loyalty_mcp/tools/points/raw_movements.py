"""The preview of a transaction or order that is created through the plain operation."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.intents.lifecycle import Preparation
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.history import NEWEST, Place, history_page, newest_of
from loyalty_mcp.tools.points.movement_preview import WantedMovement, preview_movement

STAYS_DRAFT: Final = "Nothing moves until complete_transaction."


async def with_movement(
    context: Context, arguments: Mapping[str, Any], preparation: Preparation
) -> Preparation:
    """The preview of an operation, with the effect of the movement if it is completed immediately.

    Args:
        context: the clients, the journal and the settings that tools use.
        arguments: of the operation, with resolved references.
        preparation: its preview as an operation.

    Raises:
        Refused: the balance cannot accept the movement.
        LoyaltyError: it cannot be read.
    """
    amount = Decimal(arguments["amount"])
    place = Place(arguments["program"], arguments["member"], arguments["balance"])
    if not arguments.get("auto_complete"):
        return await _as_draft(context, place, preparation)
    wanted = WantedMovement(
        "credit" if amount > 0 else "debit",
        place.program,
        place.member,
        abs(amount),
        reason="",
        balance=place.balance,
        expires_in_minutes=arguments.get("balance_expiry_in_minutes"),
        draft="",
    )
    movement = await preview_movement(context, wanted)
    summary = f"{preparation.preview.summary} {movement.preview.summary}"
    preview = replace(movement.preview, summary=summary, done=preparation.preview.done)
    facts = {**preparation.facts, **movement.facts}
    return replace(movement, preview=preview, facts=facts)


async def _as_draft(context: Context, place: Place, preparation: Preparation) -> Preparation:
    kept = context.kept
    if NEWEST not in kept:
        kept = {NEWEST: newest_of(await history_page(context, place))}
    preview = preparation.preview
    warnings = (*preview.warnings, STAYS_DRAFT)
    return replace(preparation, preview=replace(preview, warnings=warnings), kept=kept)
