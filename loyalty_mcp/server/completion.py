"""Completion: names that begin with the typed text."""

from typing import Final

from loyalty_mcp.brevo.quoting import FENCE_LENGTH, cleaned
from loyalty_mcp.brevo.types import ReferenceKind
from loyalty_mcp.server.resources import Scope
from loyalty_mcp.tools.context import Context

MAX_COMPLETIONS: Final = 100
NAMED_IN_PROGRAM: Final[tuple[ReferenceKind, ...]] = ("balance", "tier", "reward", "tier_group")


async def complete_name(
    context: Context, scope: Scope, kind: str, typed: str, program: str | None
) -> list[str]:
    """The names of a kind that begin with the typed text, within the scope; none for members.

    Args:
        context: the clients, the journal and the settings that tools use.
        scope: what the caller may see.
        kind: `program`, `balance`, `tier`, `tier_group` or `reward`; other kinds have no names.
        typed: the beginning of the name, case-insensitive.
        program: where to look up names, by name or id; None if unknown.
    """
    names: list[str] = []
    if kind == "program":
        names = [item.name for item in await context.references.programs()]
        if scope.program is not None:
            only = await context.references.program(scope.program)
            names = [item.name for item in await context.references.programs() if item.id == only]
    for one in NAMED_IN_PROGRAM:
        if one == kind:
            found = await context.references.program(scope.program or program)
            names = await context.references.names(one, found)
    begins = typed.strip().casefold()
    return [name for name in names if name.casefold().startswith(begins) and _is_plain_name(name)][
        :MAX_COMPLETIONS
    ]


def _is_plain_name(name: str) -> bool:
    """Whether a name is short and has no invisible characters. Only such names are offered."""
    return name == cleaned(name) and len(name) <= FENCE_LENGTH
