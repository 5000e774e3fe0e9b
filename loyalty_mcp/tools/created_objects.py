"""Configuration objects created by an intent: recognised by mark, ruled out by name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Reply
from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.intents.lifecycle import MARKER, Intent
from loyalty_mcp.tools.context import Context

Arguments = Mapping[str, Any]
NAMESAKES: Final = "objects of that name"


async def created_object(
    kind: str, context: Context, intent: Intent, arguments: Arguments
) -> Reply | None:
    """The object with the mark of an intent; None if there is none, or the kind has no `meta`.

    Raises:
        LoyaltyError: the objects cannot be read.
    """
    for item in await _drafts_of(kind, context, arguments):
        meta = item.meta if isinstance(item, Program | BalanceDefinition) else None
        if (meta or {}).get(MARKER) == intent.id:
            return item
    return None


async def require_no_namesake(
    kind: str, context: Context, intent: Intent, arguments: Arguments
) -> None:
    """Check that an object was not created: there is no new object with its name.

    Raises:
        OutcomeUnknown: there is one, and no read shows who created it.
        LoyaltyError: the objects cannot be read.
    """
    known = intent.facts.get(NAMESAKES, [])
    if set(await namesakes(kind, context, arguments)) <= set(known):
        return
    raise OutcomeUnknown(
        f"There is a {kind.replace('_', ' ')} called {quoted(str(arguments['name']))} now. Whether "
        "this call created it or somebody else, no read can tell; an operator closes the intent."
    )


async def namesakes(kind: str, context: Context, arguments: Arguments) -> list[str]:
    """The ids of draft objects that have the name of the object to be created.

    Raises:
        LoyaltyError: the objects cannot be read.
    """
    name = str(arguments["name"]).strip().casefold()
    return [
        str(getattr(item, "tier_id", None) or getattr(item, "id", ""))
        for item in await _drafts_of(kind, context, arguments)
        if str(getattr(item, "name", "")).strip().casefold() == name
    ]


async def _drafts_of(kind: str, context: Context, arguments: Arguments) -> Sequence[Reply]:
    references, program = context.references, arguments.get("program", "")
    match kind:
        case "program":
            return await references.programs()
        case "balance":
            return await references.balances(program, "draft")
        case "tier_group":
            return await references.tier_groups(program, "draft")
        case "tier":
            return await references.tiers(program, "draft")
        case "reward":
            return await references.rewards(program, "draft")
    raise AssertionError(f"objects of kind {kind} cannot be listed")
