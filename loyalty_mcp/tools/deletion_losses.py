"""What members lose through a deletion, as a warning in its preview."""

from collections.abc import Mapping
from typing import Any

from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.reports.balance_pages import BalancePages

UNCOUNTED = "How many members would lose what they have cannot be read now."


async def deletion_losses(
    context: Context, operation: str, arguments: Mapping[str, Any]
) -> tuple[str, ...]:
    """Count the members of a program or balance that is about to be deleted.

    Args:
        context: the clients, the journal and the settings that tools use.
        operation: the name of the operation.
        arguments: of the operation, with ids.

    Returns:
        one warning, or none if the deletion takes nothing from members.
    """
    program = arguments.get("program")
    if operation == "delete_balance_definition":
        held = await _holders(context, program, arguments["balance"])
        return (
            UNCOUNTED if held is None else f"{_members(held)} lose what they have of this balance.",
        )
    if operation != "delete_program":
        return ()
    try:
        live = await context.references.balances(str(program))
    except LoyaltyError:
        return (UNCOUNTED,)
    if not live:
        return ()
    held = await _holders(context, program, live[0].id)
    if held is None:
        return (UNCOUNTED,)
    return (f"{_members(held)} lose their points, tiers and vouchers.",)


async def _holders(context: Context, program: Any, balance: str) -> int | None:
    try:
        return await BalancePages(context, program, balance).count()
    except LoyaltyError:
        return None


def _members(count: int) -> str:
    return "1 member would" if count == 1 else f"{count:,} members would"
