"""apply_program: a whole program made as its spec describes it, behind one agreement."""

from datetime import datetime, timedelta
from typing import Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, Reply
from loyalty_mcp.errors import OutcomeUnknown
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.configuration import (
    ProgramConfiguration,
    last_change,
    plan_facts,
)
from loyalty_mcp.tools.programs.plan import plan
from loyalty_mcp.tools.programs.plan_execution import (
    CONTINUE,
    carry_out_plan,
    plan_requests,
    publish_applied_draft,
)
from loyalty_mcp.tools.programs.plan_step import changing_steps
from loyalty_mcp.tools.programs.planned_changes import (
    SHOWN,
    PlannedChange,
    planned_change,
    planned_change_lines,
    read_for_spec,
)
from loyalty_mcp.tools.programs.program_reading import is_live
from loyalty_mcp.tools.programs.spec import ProgramSpec, SameSpec
from loyalty_mcp.tools.send_window import DidNotHappen
from loyalty_mcp.tools.task import guarded

STEP_TIMEOUTS: Final = 3
"""How many request timeouts may pass between two steps of a plan."""

GOES_LIVE: Final = (
    "It is published at the end: the whole draft goes live for members, with whatever else is in "
    "it."
)
STAYS_DRAFT: Final = "It is not published: members do not see it yet."


class ProgramApplied(Reply):
    """A program that is as described."""

    program: str
    program_id: str
    published: bool
    changes: Items[PlannedChange] = ()


async def preview_plan(context: Context, spec: ProgramSpec, publish: bool = False) -> Preparation:
    """Return what a person agrees to: the whole plan.

    Raises:
        RateLimited: too few requests are left to carry it out.
        Refused: the server is pinned to another program.
    """
    existing = await read_for_spec(context, spec)
    steps = plan(spec, existing)
    context.brevo.require(plan_requests(spec, existing, publish=publish))
    changes = [planned_change(step) for step in steps]
    sent = [change for change in changes if change.action in {"create", "change"}]
    kept = sum(change.action == "keep" for change in changes)
    manual = [change for change in changes if change.action == "manual"]
    created = sum(change.action == "create" for change in sent)
    head = (
        f"Set up program {quoted(spec.program.name)}: {created} to create, "
        f"{len(sent) - created} to change, {kept} kept"
        f"{', then publish' if publish else ', as a draft'}."
    )
    lines = planned_change_lines(manual)
    warnings = [f"By hand: {line.removeprefix('manual ')}." for line in lines]
    warnings.append(GOES_LIVE if publish else STAYS_DRAFT)
    return Preparation(
        Preview(
            "\n".join([head, *planned_change_lines(sent)]),
            after={
                "changes": [change.model_dump(mode="json") for change in sent],
                "published": publish,
            },
            warnings=tuple(warnings),
        ),
        facts=plan_facts(spec, existing),
    )


async def reconcile_plan(
    context: Context,
    intent: Intent,
    *,
    close: bool,  # noqa: ARG001 - nothing to cancel: what was made stays in the program's draft
    may_come: bool,
    spec: ProgramSpec,
    publish: bool = False,
) -> ProgramApplied:
    """Find out by reading what became of a plan that was sent.

    Raises:
        OutcomeUnknown: something is left, and what was sent last may still arrive.
        DidNotHappen: something is left; apply_program continues there.
    """
    existing = await read_for_spec(context, spec)
    left = [step.text for step in changing_steps(plan(spec, existing))]
    if existing.program is not None and not left and publish:
        live = await is_live(context.brevo, existing.program.id)
        left = [] if live else ["publish the draft"]
    if not left and existing.program is not None:
        return _applied(intent, existing, publish=publish)
    listed = ", ".join(left[:SHOWN])
    if may_come or _may_be_in_progress(context, existing):
        raise OutcomeUnknown(f"Not all of it shows yet; left: {listed}.")
    raise DidNotHappen(f"It stopped before the end; left: {listed}. To finish, {CONTINUE}.")


def _may_be_in_progress(context: Context, existing: ProgramConfiguration) -> bool:
    """Whether a part was changed so recently that the plan may still be being carried out.

    Between two steps there is at most one request that is not answered in time, and one reading
    after it.
    """
    last = last_change(existing)
    span = STEP_TIMEOUTS * timedelta(seconds=context.settings.timeout)
    return last is not None and abs(context.now() - last) < span


def _applied(intent: Intent, existing: ProgramConfiguration, *, publish: bool) -> ProgramApplied:
    """Return the answer once everything agreed to is so."""
    if existing.program is None:
        raise AssertionError("a plan that was carried out left its program")
    agreed = [PlannedChange.model_validate(c) for c in intent.preview.after.get("changes", ())]
    return ProgramApplied(
        program=existing.program.name,
        program_id=existing.program.id,
        published=publish,
        changes=tuple(agreed),
    )


def applied_text(applied: ProgramApplied, _now: datetime) -> str:
    """Write what was done in words."""
    lines = [f"Program {quoted(applied.program)} ({applied.program_id}) is as described."]
    lines += planned_change_lines(applied.changes) or ["Nothing had to be changed."]
    lines.append(
        "Published: members see it now."
        if applied.published
        else "Not published: publish_program makes the draft live."
    )
    return "\n".join(lines)


@guarded("write", prepare=preview_plan, reconcile=reconcile_plan, requests=12, text=applied_text)
async def apply_program(
    context: Context,
    intent: Intent,
    spec: SameSpec,
    publish: bool = False,
) -> ProgramApplied:
    """Make a whole program as described; called again, it continues. Deletes nothing.

    Raises:
        RateLimited: too few requests are left; nothing was changed.
        OutcomeUnknown: an answer was lost.
        Refused: a part was done, and the rest was not.

    The ids of the limits it makes are kept in the program's `meta`, under `loyaltyMcpLimits`,
    because the API lists no limits; the next plan and an export find them there.
    """
    existing = await read_for_spec(context, spec)
    context.brevo.require(plan_requests(spec, existing, publish=publish))
    existing = await carry_out_plan(context.brevo, spec, existing)
    if publish and existing.program is not None:
        await publish_applied_draft(context.brevo, existing.program)
    return _applied(intent, existing, publish=publish)
