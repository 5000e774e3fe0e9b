"""Frequency limits of a balance, if their ids are known, because the API lists none."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.limits import BalanceLimit, get_balance_limit
from loyalty_mcp.brevo.types import ID_PATTERN
from loyalty_mcp.errors import LoyaltyError, Refused
from loyalty_mcp.intents.lifecycle import Movement
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.points.history import Place
from loyalty_mcp.tools.programs.setting_words import limit_word
from loyalty_mcp.tools.render import amount_text

PROGRAM_LIMITS: Final = "loyaltyMcpLimits"
"""The key in a program's `meta` where apply_program stores the ids of its limits."""

MOST_READ: Final = 2
"""The number of limits that one preview reads."""


async def refuse_beyond_limits(
    context: Context, place: Place, movement: Movement, definition: BalanceDefinition
) -> list[str]:
    """A warning for each known limit that applies to the movement.

    Limits are not read again after the agreement: the API enforces them itself, and refuses the
    whole movement.

    Raises:
        Refused: the movement alone exceeds a limit.
    """
    if "limits" in context.kept:
        found: list[str] = list(context.kept["limits"])
        return found
    warnings = []
    for limit_id in (await _known_ids(context, place))[:MOST_READ]:
        try:
            request = get_balance_limit(place.program, place.balance, limit_id, version="active")
            limit = await context.brevo.send(request)
        except LoyaltyError:
            continue
        if limit.transaction_type == movement.kind:
            warnings.append(_warning(limit, movement, definition))
    return warnings


def _warning(limit: BalanceLimit, movement: Movement, definition: BalanceDefinition) -> str:
    unit = unit_of(definition)
    most = limit_word(limit.model_dump(mode="json", exclude_none=True), unit)
    if limit.constraint_type == "amount" and movement.amount > Decimal(limit.value or 0):
        raise Refused(
            f"A limit of this balance allows {most}, and this is "
            f"{amount_text(movement.amount, unit)}."
        )
    return f"A limit of this balance allows {most}; Brevo refuses what exceeds it."


async def _known_ids(context: Context, place: Place) -> list[str]:
    """Ids of this balance's limits: from the program's `meta`, and those created by this server."""
    program = await context.references.program_now(place.program)
    kept = (program.meta or {}).get(PROGRAM_LIMITS)
    entries = kept if isinstance(kept, list) else []
    ids = [
        entry["id"]
        for entry in entries
        if isinstance(entry, dict) and entry.get("balance") == place.balance and "id" in entry
    ]
    created = await context.journal.open().applied_by(context.account, "create_balance_limit")
    ids += [
        str(intent.result["id"])
        for intent in created
        if intent.result and intent.result.get("balance_definition_id") == place.balance
    ]
    return list(dict.fromkeys(_valid(ids)))


def _valid(ids: Iterable[object]) -> list[str]:
    return [item for item in ids if isinstance(item, str) and re.fullmatch(ID_PATTERN, item)]
