"""Completion: the names that fit what was typed so far."""

from typing import Final

from loyalty_mcp.brevo.quoting import FENCE_LENGTH, cleaned
from loyalty_mcp.brevo.types import ReferenceKind
from loyalty_mcp.server.resources import Scope
from loyalty_mcp.tools.context import Context

MOST: Final = 100
IN_PROGRAM: Final[tuple[ReferenceKind, ...]] = ("balance", "tier", "reward", "tier_group")


async def completed(
    context: Context, scope: Scope, kind: str, typed: str, program: str | None
) -> list[str]:
    """The names of a kind that begin as typed, within the scope; none for a member.

    Args:
        context: what tools work with.
        scope: what the caller may see.
        kind: `program`, `balance`, `tier`, `tier_group` or `reward`; anything else has no names.
        typed: what is there so far, compared without case.
        program: the program in which names are looked up, as far as it is known.
    """
    names: list[str] = []
    if kind == "program":
        names = [item.name for item in await context.references.programs()]
        if scope.program is not None:
            only = await context.references.program(scope.program)
            names = [item.name for item in await context.references.programs() if item.id == only]
    for one in IN_PROGRAM:
        if one == kind:
            found = await context.references.program(scope.program or program)
            names = await context.references.names(one, found)
    begins = typed.strip().casefold()
    return [name for name in names if name.casefold().startswith(begins) and _offered(name)][:MOST]


def _offered(name: str) -> bool:
    """A name that hides something, or is no name but a speech, is not put into anyone's mouth."""
    return name == cleaned(name) and len(name) <= FENCE_LENGTH
