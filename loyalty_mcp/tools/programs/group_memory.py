"""The `meta` of tier groups, stored in the `meta` of their program, because no read returns it."""

from collections.abc import Mapping
from typing import Any, Final

from loyalty_mcp.brevo.operations.programs import Program, patch_program
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.intents.lifecycle import MARKER
from loyalty_mcp.tools.programs.limit_memory import LIMITS_KEY

GROUPS_KEY: Final = "loyaltyMcpTierGroups"
"""The key in a program's `meta` that holds the `meta` of its tier groups, by id."""

MEMORY_KEYS: Final = frozenset({LIMITS_KEY, GROUPS_KEY, MARKER})
"""The keys in a `meta` that are ours: stored data and the mark of a creation."""


def group_meta(group: TierGroup, program: Program | None) -> dict[str, Any]:
    """Return the `meta` of a tier group: from the API, or as stored in the program."""
    shown = (group.model_extra or {}).get("meta")
    if isinstance(shown, dict):
        return shown
    kept = ((program.meta if program else None) or {}).get(GROUPS_KEY)
    remembered = kept.get(group.id) if isinstance(kept, dict) else None
    return remembered if isinstance(remembered, dict) else {}


def remember_group_meta(
    program: Program, group_id: str, meta: Mapping[str, Any]
) -> Request[Program]:
    """Write the `meta` of a tier group into the program's `meta`; its other keys stay."""
    current = program.meta or {}
    kept = current.get(GROUPS_KEY)
    groups = {**(kept if isinstance(kept, dict) else {}), group_id: dict(meta)}
    return patch_program(program.id, meta={**current, GROUPS_KEY: groups})


def own_meta(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys of a `meta` that are not ours."""
    return {name: value for name, value in (meta or {}).items() if name not in MEMORY_KEYS}


def with_memory(meta: Mapping[str, Any], program: Program) -> dict[str, Any]:
    """Return `meta` with the data that is stored in the program's own `meta`."""
    current = program.meta or {}
    return {**meta, **{name: current[name] for name in MEMORY_KEYS if name in current}}
