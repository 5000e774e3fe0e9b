"""plan_program: what a spec would change, with a rehearsal in a private sandbox."""

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
    spec_for_api,
)
from loyalty_mcp.tools.programs.planned_configuration import with_planned_tiers
from loyalty_mcp.tools.programs.program_reading import read_program, read_tiers
from loyalty_mcp.tools.programs.rehearsal import (
    Purchases,
    Rehearsal,
    rehearsal_lines,
    rehearse_plan,
)
from loyalty_mcp.tools.programs.spec import ProgramSpec, SpecArgument
from loyalty_mcp.tools.programs.threshold_effects import (
    ThresholdEffects,
    count_threshold_effects,
)
from loyalty_mcp.tools.reports.program_figures import TierMove
from loyalty_mcp.tools.task import reads

Rehearse = Annotated[bool, Field(description="Try it in a private sandbox")]


class ProgramPlan(Reply):
    """The planned changes in order; `empty` if nothing would be sent.

    `would_move` counts the members whose tier would change by thresholds after publishing.
    """

    changes: Items[PlannedChange] = ()
    empty: bool
    would_move: Items[TierMove] | None = None
    rehearsal: Rehearsal | None = None


def plan_text(view: ProgramPlan, _now: datetime) -> str:
    """Write a plan in words, a line for each change."""
    heads = {True: "Nothing to do.", False: "The plan; nothing has changed yet:"}
    lines = [heads[view.empty], *planned_change_lines(view.changes)]
    if not view.empty:
        lines.append("apply_program with the same spec carries it out.")
    if view.would_move is not None:
        lines.append(ThresholdEffects(view.would_move).text)
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
    """Show what a program spec would change, and what has to be done by hand. Changes nothing."""
    if purchases is not None and not rehearse:
        raise InvalidArgument("Sample purchases run in a rehearsal only: give rehearse true, too.")
    existing = await read_for_spec(context, spec)
    planned, manual = spec_for_api(context, spec)
    steps = (*plan(planned, existing), *manual)
    effects = await _threshold_effects(context, spec, existing)
    rehearsal = await _rehearsal(context, spec, existing, purchases or ()) if rehearse else None
    return ProgramPlan(
        changes=tuple(planned_change(step) for step in steps),
        empty=not changing_steps(steps),
        would_move=None if effects is None else effects.moves,
        rehearsal=rehearsal,
    )


async def _threshold_effects(
    context: Context, spec: ProgramSpec, existing: ProgramConfiguration
) -> ThresholdEffects | None:
    program = existing.program
    if program is None or program.state != "active" or not spec.tier_groups:
        return None
    live = await read_tiers(context.brevo, program, "active")
    later = with_planned_tiers(spec, existing)
    return await count_threshold_effects(context, program.id, live, later)


async def _rehearsal(
    context: Context, spec: ProgramSpec, existing: ProgramConfiguration, purchases: Purchases
) -> Rehearsal:
    base = None
    if existing.program is not None:
        base = spec_of_existing(await read_program(context.brevo, existing.program, None))
    async with context.rehearsal() as brevo:
        return await rehearse_plan(brevo, base, spec, purchases)
