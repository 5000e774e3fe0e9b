"""A whole program from one description: planned, carried out in one agreed go, and exported."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from loyalty_mcp.brevo.quoting import fenced, quoted
from loyalty_mcp.brevo.types import Items, ProgramId, Reply
from loyalty_mcp.errors import InvalidArgument, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.described import Existing, described, last_change, touched
from loyalty_mcp.tools.programs.plan import AS_DESCRIBED, Step, changing, plan
from loyalty_mcp.tools.programs.rehearsal import Purchases, Rehearsal, rehearsal_lines, rehearse
from loyalty_mcp.tools.programs.spec import ProgramSpec, SameSpec, SpecArgument, key
from loyalty_mcp.tools.programs.upstream import (
    GOES_ON,
    carry_out,
    cost,
    is_live,
    make_live,
    read_existing,
    read_program,
    reward_names,
)
from loyalty_mcp.tools.send_window import DidNotHappen
from loyalty_mcp.tools.task import guarded, reads

STEP_TIMEOUTS: Final = 3
"""How many request timeouts may lie between two steps of a plan."""

SHOWN: Final = 40
"""Lines of a plan that the text shows; the structured content has them all."""

LEFT_OUT: Final = (
    "Not in it, for only Brevo's app has it: a reward's value, codes, rules and dates; schedules "
    "of tier groups; images of balances; limits made elsewhere than by apply_program."
)
GOES_LIVE: Final = (
    "It is published at the end: the whole draft goes live for members, with whatever else is in "
    "it."
)
STAYS_DRAFT: Final = "It is not published: members see nothing of it yet."

Rehearse = Annotated[bool, Field(description="Try it in a private sandbox")]


class PlannedChange(Reply):
    """One line of a plan."""

    action: Literal["create", "change", "keep", "manual"]
    kind: str
    name: str
    details: str


class ProgramPlan(Reply):
    """What would be done, in order; `empty` where nothing has to be sent."""

    changes: Items[PlannedChange] = ()
    empty: bool
    rehearsal: Rehearsal | None = None


class ProgramApplied(Reply):
    """A program that is as described."""

    program: str
    program_id: str
    published: bool
    changes: Items[PlannedChange] = ()


class ExportedProgram(Reply):
    """A program in the words of its description."""

    spec: dict[str, Any]


async def read_for(context: Context, spec: ProgramSpec) -> Existing:
    """What there is of what a description is of.

    Raises:
        Refused: the server is set to another program.
        AmbiguousReference: several programs have the name.
    """
    existing = await read_existing(context.brevo, spec.program.name, reward_names(spec))
    pinned = context.settings.program
    if pinned is None or key(pinned) == key(spec.program.name):
        return existing
    if existing.program is None or existing.program.id != pinned:
        raise Refused(
            f"This server is set to program {quoted(pinned)}; a description of "
            f"{quoted(spec.program.name)} is not for it."
        )
    return existing


def _shown(step: Step) -> PlannedChange:
    return PlannedChange(action=step.action, kind=step.kind, name=step.name, details=step.details)


def _lines(changes: Sequence[PlannedChange]) -> list[str]:
    """A line for each change, or for all of which the same is said.

    What is as described already is only counted.
    """
    names: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        what = f"{change.action} {change.kind.replace('_', ' ')}"
        # Of what is sent each has its own line, in the order of sending.
        own = "" if change.action in {"keep", "manual"} else change.name
        if change.details != AS_DESCRIBED:
            names.setdefault((what, change.details, own), []).append(quoted(change.name))
    lines = [
        f"{what} {', '.join(named)}{f': {details}' if details else ''}"
        for (what, details, _), named in names.items()
    ]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"{len(lines) - SHOWN} more are in the structured content."]
    same = sum(change.details == AS_DESCRIBED for change in changes)
    return [*lines, f"{same} as described already."] if same else lines


def plan_text(view: ProgramPlan, _now: datetime) -> str:
    """A plan in words, a line for each change."""
    heads = {True: "Nothing to do.", False: "The plan; nothing has changed yet:"}
    lines = [heads[view.empty], *_lines(view.changes)]
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
        raise InvalidArgument("Sample purchases are run by a rehearsal: give rehearse true, too.")
    existing = await read_for(context, spec)
    steps = plan(spec, existing)
    rehearsal = await _rehearsed(context, spec, existing, purchases or ()) if rehearse else None
    return ProgramPlan(
        changes=tuple(_shown(step) for step in steps),
        empty=not changing(steps),
        rehearsal=rehearsal,
    )


async def _rehearsed(
    context: Context, spec: ProgramSpec, existing: Existing, purchases: Purchases
) -> Rehearsal:
    base = None
    if existing.program is not None:
        whole = await read_program(context.brevo, existing.program, None)
        base = description_of(whole)
    async with context.rehearsal() as brevo:
        return await rehearse(brevo, base, spec, purchases)


def description_of(existing: Existing) -> ProgramSpec:
    """The description of what exists.

    Raises:
        Refused: two parts share a name, or there are more parts than a description holds.
    """
    try:
        return ProgramSpec.model_validate(described(existing))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Refused(
            f"This program cannot be described: {quoted(where)}: "
            f"{problem['msg'].removeprefix('Value error, ')}."
        ) from None


async def prepare(context: Context, spec: ProgramSpec, publish: bool = False) -> Preparation:
    """What a person agrees to: the whole plan.

    Raises:
        RateLimited: too few requests are left to carry it out.
        Refused: the server is set to another program.
    """
    existing = await read_for(context, spec)
    steps = plan(spec, existing)
    context.brevo.require(cost(spec, existing, publish=publish))
    changes = [_shown(step) for step in steps]
    sent = [change for change in changes if change.action in {"create", "change"}]
    kept = sum(change.action == "keep" for change in changes)
    manual = [change for change in changes if change.action == "manual"]
    created = sum(change.action == "create" for change in sent)
    head = (
        f"Set up program {quoted(spec.program.name)}: {created} to create, "
        f"{len(sent) - created} to change, {kept} kept"
        f"{', then publish' if publish else ', as a draft'}."
    )
    warnings = [f"By hand: {line.removeprefix('manual ')}." for line in _lines(manual)]
    warnings.append(GOES_LIVE if publish else STAYS_DRAFT)
    return Preparation(
        Preview(
            "\n".join([head, *_lines(sent)]),
            after={
                "changes": [change.model_dump(mode="json") for change in sent],
                "published": publish,
            },
            warnings=tuple(warnings),
        ),
        facts=touched(spec, existing),
    )


async def reconcile(
    context: Context,
    intent: Intent,
    *,
    close: bool,  # noqa: ARG001 - there is no draft to cancel: what was made stays in the program's
    may_come: bool,
    spec: ProgramSpec,
    publish: bool = False,
) -> ProgramApplied:
    """What became of a plan that was sent, by reading alone.

    Raises:
        OutcomeUnknown: something is left, and what was sent last may still arrive.
        DidNotHappen: something is left; apply_program goes on there.
    """
    existing = await read_for(context, spec)
    left = [step.words for step in changing(plan(spec, existing))]
    if existing.program is not None and not left and publish:
        live = await is_live(context.brevo, existing.program.id)
        left = [] if live else ["publish the draft"]
    if not left and existing.program is not None:
        return _applied(intent, existing, publish=publish)
    listed = ", ".join(left[:SHOWN])
    if may_come or _is_worked_on(context, existing):
        raise OutcomeUnknown(f"Not all of it is there yet; left: {listed}.")
    raise DidNotHappen(f"It stopped on the way; left: {listed}. To finish, {GOES_ON}.")


def _is_worked_on(context: Context, existing: Existing) -> bool:
    """Whether a part was changed so lately that whoever carries the plan out may still be at it.

    Between two of its steps there is at most one request that is not answered in time, and one
    reading after it.
    """
    last = last_change(existing)
    span = STEP_TIMEOUTS * timedelta(seconds=context.settings.timeout)
    return last is not None and abs(context.now() - last) < span


def _applied(intent: Intent, existing: Existing, *, publish: bool) -> ProgramApplied:
    """The answer: what was agreed to is now so."""
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
    """What was done, in words."""
    lines = [f"Program {quoted(applied.program)} ({applied.program_id}) is as described."]
    lines += _lines(applied.changes) or ["Nothing had to be changed."]
    lines.append(
        "Published: members see it now."
        if applied.published
        else "Not published: publish_program makes the draft live."
    )
    return "\n".join(lines)


@guarded("write", prepare=prepare, reconcile=reconcile, requests=12, text=applied_text)
async def apply_program(
    context: Context,
    intent: Intent,
    spec: SameSpec,
    publish: bool = False,
) -> ProgramApplied:
    """Make a whole program as described, in one go; called again, it goes on. Deletes nothing.

    Raises:
        RateLimited: too few requests are left; nothing was changed.
        OutcomeUnknown: an answer was lost.
        Refused: a part was done, and the rest was not.

    The ids of the limits it makes are kept in the program's `meta`, under `loyaltyMcpLimits`, for
    the API lists no limits; that is how the next plan and an export see them.
    """
    existing = await read_for(context, spec)
    context.brevo.require(cost(spec, existing, publish=publish))
    existing = await carry_out(context.brevo, spec, existing)
    if publish and existing.program is not None:
        await make_live(context.brevo, existing.program)
    return _applied(intent, existing, publish=publish)


def exported_text(exported: ExportedProgram, _now: datetime) -> str:
    """A description in words: as JSON, fenced, for its names come from outside."""
    text = json.dumps(exported.spec, ensure_ascii=False, separators=(",", ":"))
    return f"The spec for plan_program and apply_program:\n{fenced(text)}\n{LEFT_OUT}"


@reads(text=exported_text)
async def export_program(context: Context, program: ProgramId) -> ExportedProgram:
    """Describe an existing program as a spec, for apply_program."""
    found = await context.references.program_now(program)
    existing = await read_program(context.brevo, found, None)
    spec = description_of(existing)
    return ExportedProgram(spec=spec.model_dump(mode="json", exclude_defaults=True))
