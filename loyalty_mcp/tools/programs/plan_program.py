"""plan_program: what a spec would change, and a rehearsal of it in a private sandbox."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from loyalty_mcp.brevo.types import Items, Reply
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration
from loyalty_mcp.tools.programs.description import spec_of_existing
from loyalty_mcp.tools.programs.plan import plan
from loyalty_mcp.tools.programs.plan_step import changing_steps
from loyalty_mcp.tools.programs.planned_changes import (
    PlannedChange,
    planned_change,
    planned_change_lines,
    read_for_spec,
)
from loyalty_mcp.tools.programs.program_reading import read_program
from loyalty_mcp.tools.programs.rehearsal import (
    Purchases,
    Rehearsal,
    rehearsal_lines,
    rehearse_plan,
)
from loyalty_mcp.tools.programs.spec import ProgramSpec, SpecArgument
from loyalty_mcp.tools.task import reads

Rehearse = Annotated[bool, Field(description="Try it in a private sandbox")]


class ProgramPlan(Reply):
    """What would be done, in order; `empty` where nothing would be sent."""

    changes: Items[PlannedChange] = ()
    empty: bool
    rehearsal: Rehearsal | None = None


def plan_text(view: ProgramPlan, _now: datetime) -> str:
    """Write a plan in words, a line for each change."""
    heads = {True: "Nothing to do.", False: "The plan; nothing has changed yet:"}
    lines = [heads[view.empty], *planned_change_lines(view.changes)]
    if not view.empty:
        lines.append("apply_program with the same spec carries it out.")
    if view.rehearsal is not None:
        lines += rehearsal_lines(view.rehearsal)
    return "\n".join(lines)


@reads(text=plan_text)
async def plan_program(
    context: Context,
    spec: SpecArgument,
    rehearse: Rehearse = False,
    purchases: Purchases | None = None,
) -> ProgramPlan:
    """Compare a program's description with what exists: what would change, what is by hand."""
    if purchases is not None and not rehearse:
        raise InvalidArgument("Sample purchases run in a rehearsal only: give rehearse true, too.")
    existing = await read_for_spec(context, spec)
    steps = plan(spec, existing)
    rehearsal = await _rehearsal(context, spec, existing, purchases or ()) if rehearse else None
    return ProgramPlan(
        changes=tuple(planned_change(step) for step in steps),
        empty=not changing_steps(steps),
        rehearsal=rehearsal,
    )


async def _rehearsal(
    context: Context, spec: ProgramSpec, existing: ProgramConfiguration, purchases: Purchases
) -> Rehearsal:
    base = None
    if existing.program is not None:
        base = spec_of_existing(await read_program(context.brevo, existing.program, None))
    async with context.rehearsal() as brevo:
        return await rehearse_plan(brevo, base, spec, purchases)
