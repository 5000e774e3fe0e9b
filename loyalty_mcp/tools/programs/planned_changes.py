"""The lines of a plan in answers."""

from collections.abc import Sequence
from typing import Final, Literal

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Reply, Version
from loyalty_mcp.errors import Refused
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.activity_expiry import without_activity_expiry
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration
from loyalty_mcp.tools.programs.plan_step import AS_DESCRIBED, Step
from loyalty_mcp.tools.programs.program_reading import described_reward_names, read_named_program
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key

VERBS: Final = {
    "create": ("Create", "Created"),
    "change": ("Change", "Changed"),
    "keep": ("Keep", "Kept"),
    "manual": ("By hand:", "By hand:"),
}
"""What each action is called, before and after it is done."""

SHOWN: Final = 40
"""Lines of a plan in the text; the structured content has all of them."""


class PlannedChange(Reply):
    """One line of a plan."""

    action: Literal["create", "change", "keep", "manual"]
    kind: str
    name: str
    details: str


async def read_for_spec(
    context: Context, spec: ProgramSpec, version: Version = "draft"
) -> ProgramConfiguration:
    """Read the program of a spec.

    Raises:
        Refused: the server is pinned to another program.
        AmbiguousReference: several programs have the name.
    """
    existing = await read_named_program(
        context.brevo, spec.program.name, described_reward_names(spec), version
    )
    pinned = context.settings.program
    if pinned is None or name_key(pinned) == name_key(spec.program.name):
        return existing
    if existing.program is None or existing.program.id != pinned:
        raise Refused(
            f"This server is set to program {quoted(pinned)}; a description of "
            f"{quoted(spec.program.name)} is not for it."
        )
    return existing


def spec_for_api(context: Context, spec: ProgramSpec) -> tuple[ProgramSpec, tuple[Step, ...]]:
    """Return the spec that the API in use supports, and manual steps for the rest."""
    return (spec, ()) if context.settings.sandbox else without_activity_expiry(spec)


def planned_change(step: Step) -> PlannedChange:
    """Return a step as the tools answer it."""
    return PlannedChange(action=step.action, kind=step.kind, name=step.name, details=step.details)


def planned_change_lines(changes: Sequence[PlannedChange], *, done: bool = False) -> list[str]:
    """Write a line for each change; changes that send nothing share a line for equal details.

    Matching objects are only counted.

    Args:
        changes: the lines of the plan.
        done: whether it has been carried out.
    """
    names: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        what = f"{VERBS[change.action][done]} {change.kind.replace('_', ' ')}"
        # A step that sends something has its own line, in the order of sending.
        own = "" if change.action in {"keep", "manual"} else change.name
        if change.details != AS_DESCRIBED:
            names.setdefault((what, change.details, own), []).append(quoted(change.name))
    lines = [
        f"- {what} {', '.join(named)}{f': {details}' if details else ''}"
        for (what, details, _), named in names.items()
    ]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"- {len(lines) - SHOWN} more are in the structured content."]
    same = sum(change.details == AS_DESCRIBED for change in changes)
    return [*lines, f"- {same} as described already"] if same else lines
