"""apply_program: create a whole program from its spec, with one agreement."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, Reply
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, last_change
from loyalty_mcp.tools.programs.plan import plan
from loyalty_mcp.tools.programs.plan_execution import (
    CONTINUE,
    carry_out_plan,
    plan_requests,
    publish_applied_draft,
)
from loyalty_mcp.tools.programs.plan_facts import (
    changed_since,
    described_names,
    names_of_changed,
    plan_facts,
    settings_by_id,
)
from loyalty_mcp.tools.programs.plan_step import changing_steps
from loyalty_mcp.tools.programs.planned_changes import (
    SHOWN,
    PlannedChange,
    planned_change,
    planned_change_lines,
    read_for_spec,
    spec_for_api,
)
from loyalty_mcp.tools.programs.program_reading import read_versions
from loyalty_mcp.tools.programs.spec import ProgramSpec, SameSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.programs.version_differences import Difference, version_differences
from loyalty_mcp.tools.send_window import DidNotHappen, SteppedChange
from loyalty_mcp.tools.task import guarded

STEP_TIMEOUTS: Final = 3
"""How many request timeouts may pass between two steps of a plan."""

GOES_LIVE: Final = (
    "It is published at the end: the whole draft goes live for members, with whatever else is in "
    "it."
)
STAYS_DRAFT: Final = "It is not published: members do not see it yet."


class ProgramApplied(Reply):
    """A program that matches its description."""

    program: str
    program_id: str
    published: bool
    changes: Items[PlannedChange] = ()


async def preview_plan(context: Context, spec: ProgramSpec, publish: bool = False) -> Preparation:
    """Return the preview: the whole plan, and everything else that is published with it.

    Raises:
        RateLimited: too few requests are left to carry it out.
        Refused: the server is pinned to another program.
    """
    spec, by_hand = spec_for_api(context, spec)
    existing = await read_for_spec(context, spec)
    steps = (*plan(spec, existing), *by_hand)
    context.brevo.require(plan_requests(spec, existing, publish=publish))
    changes = [planned_change(step) for step in steps]
    sent = [change for change in changes if change.action in {"create", "change"}]
    manual = [change for change in changes if change.action == "manual"]
    warnings = planned_change_lines(manual)
    differences = await _published_with_it(context, existing) if publish else ()
    lines = [difference.text for difference in differences]
    if lines:
        lines.insert(0, "Already in the draft, and published with it:")
    return Preparation(
        Preview(
            "\n".join(
                [_summary(spec, changes, publish=publish), *planned_change_lines(sent), *lines]
            ),
            after={
                "changes": [change.model_dump(mode="json") for change in sent],
                "published": publish,
            },
            warnings=(*warnings, GOES_LIVE if publish else STAYS_DRAFT),
        ),
        facts={
            **plan_facts(spec, existing),
            "differences": [difference.facts for difference in differences],
        },
    )


async def _published_with_it(
    context: Context, existing: ProgramConfiguration
) -> tuple[Difference, ...]:
    """Return what publishing would change already, including other people's edits."""
    if existing.program is None:
        return ()
    return version_differences(*await read_versions(context.brevo, existing.program))


def _summary(spec: ProgramSpec, changes: Sequence[PlannedChange], *, publish: bool) -> str:
    counts = Counter(str(change.action) for change in changes)
    parts = [
        f"{counts[action]} {words}"
        for action, words in (("create", "to create"), ("change", "to change"), ("keep", "kept"))
        if counts[action]
    ]
    end = "then publish" if publish else "as a draft"
    return f"Set up program {quoted(spec.program.name)}: {', '.join([*parts, end])}."


async def reconcile_plan(
    context: Context,
    intent: Intent,
    *,
    close: bool,  # noqa: ARG001 - nothing to cancel: created objects stay in the program's draft
    may_come: bool,
    spec: ProgramSpec,
    publish: Annotated[bool, Field(description="Make it live as well")] = False,
) -> ProgramApplied:
    """Determine the outcome of a plan by reading.

    Raises:
        OutcomeUnknown: something is missing, and the last request may still arrive, or somebody
            else has made a change since.
        DidNotHappen: the rest is unchanged; apply_program can continue there.
    """
    spec, _ = spec_for_api(context, spec)
    existing = await read_for_spec(context, spec)
    steps = changing_steps(plan(spec, existing))
    published = publish and await _is_published(context, intent, spec, existing)
    if existing.program is not None and (published or not (steps or publish)):
        return _applied(intent, existing, publish=publish)
    left = [step.text for step in steps] or ["publish the draft"]
    listed = ", ".join(left[:SHOWN])
    if may_come or _may_be_in_progress(context, existing):
        raise OutcomeUnknown(f"Not all of it shows yet; left: {listed}.")
    edited = changed_since(intent.facts, spec, steps, existing)
    if edited:
        raise OutcomeUnknown(
            f"Somebody else has changed {', '.join(map(quoted, edited))} since, so no read can "
            f"tell whether the plan was carried out; left: {listed}."
        )
    raise DidNotHappen(f"It stopped before the end; left: {listed}. To finish, {CONTINUE}.")


async def _is_published(
    context: Context, intent: Intent, spec: ProgramSpec, existing: ProgramConfiguration
) -> bool:
    """Whether the live version matches the description, and elsewhere what was agreed to."""
    if existing.program is None or existing.program.state != "active":
        return False
    live = await read_for_spec(context, spec, "active")
    if changing_steps(plan(spec, live)):
        return False
    settings, described = settings_by_id(live), described_names(spec)
    return all(
        settings.get(each["id"]) == each["after"]
        for each in intent.facts.get("differences", ())
        if each["kind"] in described
        and name_key(str((each["after"] or {}).get("name"))) not in described[each["kind"]]
    )


async def _require_agreed_draft(
    context: Context, spec: ProgramSpec, agreed: ProgramConfiguration
) -> None:
    """Refuse to publish a draft that somebody has edited since it was read.

    Raises:
        Refused: it was edited.
        OutcomeUnknown: it cannot be read.
    """
    try:
        current = await read_for_spec(context, spec)
    except LoyaltyError as error:
        raise OutcomeUnknown(
            f"The draft is as described, and not published: {error.cause}"
        ) from None
    if changed := names_of_changed(agreed, current):
        raise Refused(
            "The draft is as described, but it was not published: somebody has changed "
            f"{', '.join(map(quoted, changed))} meanwhile. publish_program previews everything."
        )


def _may_be_in_progress(context: Context, existing: ProgramConfiguration) -> bool:
    """Whether a part was changed so recently that another process may still carry out the plan.

    Between two steps there is at most one request that times out and one read after it.
    """
    last = last_change(existing)
    span = STEP_TIMEOUTS * timedelta(seconds=context.settings.timeout)
    return last is not None and abs(context.now() - last) < span


def _applied(intent: Intent, existing: ProgramConfiguration, *, publish: bool) -> ProgramApplied:
    """Return the answer once everything agreed to is done."""
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
    lines = [f"Program {quoted(applied.program)} is as described."]
    lines += planned_change_lines(applied.changes, done=True) or ["Nothing had to be changed."]
    lines.append(
        "Published: members see it now."
        if applied.published
        else "Not published: publish_program makes the draft live."
    )
    return "\n".join(lines)


@guarded(
    "write",
    prepare=preview_plan,
    reconcile=reconcile_plan,
    requests=12,
    after_agreement=0,  # by the size of the plan, which is checked in the preview and again here
    text=applied_text,
)
async def apply_program(
    context: Context,
    intent: Intent,
    spec: SameSpec,
    publish: Annotated[bool, Field(description="Make it live as well")] = False,
) -> ProgramApplied:
    """Create or change a whole program from a spec. Deletes nothing; called again, it continues.

    Raises:
        RateLimited: too few requests are left; nothing was changed.
        OutcomeUnknown: an answer was lost.
        Refused: a part was done, and the rest was not.

    The ids of the limits it makes are kept in the program's `meta`, under `loyaltyMcpLimits`,
    because the API lists no limits; the next plan and an export find them there.
    """
    spec, _ = spec_for_api(context, spec)
    existing = await read_for_spec(context, spec)
    context.brevo.require(plan_requests(spec, existing, publish=publish))
    change = SteppedChange(context, intent)
    existing = await carry_out_plan(change, spec, existing)
    if publish and existing.program is not None:
        await _require_agreed_draft(context, spec, existing)
        await publish_applied_draft(change, existing.program)
    return _applied(intent, existing, publish=publish)
