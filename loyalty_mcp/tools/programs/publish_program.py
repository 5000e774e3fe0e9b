"""publish_program: make the draft live after every difference was agreed to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from loyalty_mcp.brevo.operations import programs
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Done, ProgramId
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.plan_facts import settings_by_id
from loyalty_mcp.tools.programs.program_reading import read_program
from loyalty_mcp.tools.programs.threshold_effects import count_threshold_effects
from loyalty_mcp.tools.programs.unpublished_changes import (
    UNLISTED_LIMITS,
    UnpublishedChanges,
    read_unpublished_changes,
)
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, send_change
from loyalty_mcp.tools.task import guarded

OPENS: Final = "This is its first publication: members can be enrolled from then on."


class ProgramPublished(Done):
    """A program whose draft is live."""

    program: str


async def preview_publication(context: Context, *, program: str) -> Preparation:
    """Return the preview: every difference between the draft and the live version."""
    changes = await read_unpublished_changes(context, program)
    lines = [difference.text for difference in changes.differences]
    warnings = [OPENS] if changes.first_publication else []
    effects = await count_threshold_effects(context, program, changes.live, changes.draft)
    if effects is not None:
        warnings.append(effects.text)
    return Preparation(
        Preview(
            "\n".join([_summary(changes), *lines]),
            before={"state": changes.program.state or "unknown"},
            after={"state": "active", "differences": lines},
            warnings=(*warnings, UNLISTED_LIMITS),
        ),
        facts=changes.facts,
    )


def _summary(changes: UnpublishedChanges) -> str:
    name, count = quoted(changes.program.name), len(changes.differences)
    if not count:
        return f"Publish program {name}: its draft does not differ from what is live."
    return f"Publish program {name}: {count} change{'' if count == 1 else 's'} for its members."


async def reconcile_publication(
    context: Context,
    intent: Intent,
    *,
    may_come: bool,
    program: str,
    **_rest: Any,
) -> ProgramPublished:
    """Determine by reading whether the agreed differences are live.

    Raises:
        DidNotHappen: they are not live, and can no longer become live.
        OutcomeUnknown: they are not live but may still become live, or somebody has published
            something else since.
    """
    current = await context.references.program_now(program)
    agreed: Sequence[Mapping[str, Any]] = intent.facts["differences"]
    live = await read_program(context.brevo, current, _reward_ids(agreed), "active")
    settings = settings_by_id(live)
    applied = [settings.get(each["id"]) == each["after"] for each in agreed]
    if current.state == "active" and all(applied):
        return ProgramPublished(id=program, program=current.name)
    untouched = all(settings.get(each["id"]) == each["before"] for each in agreed)
    if may_come or not untouched:
        raise OutcomeUnknown(
            "The draft is not live yet, and the request may still arrive."
            if untouched
            else "What is live is neither what was agreed to nor what it was before; somebody "
            "else may have published since."
        )
    raise DidNotHappen("The draft was not published.")


def _reward_ids(agreed: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the rewards among the agreed differences."""
    return {each["id"] for each in agreed if each["kind"] == "reward"}


def published_text(answer: ProgramPublished, _now: datetime) -> str:
    """Write that the program is live."""
    return f"Published {quoted(answer.program)}; live now."


@guarded(
    "write",
    prepare=preview_publication,
    reconcile=reconcile_publication,
    requests=24,
    after_agreement=15,
    text=published_text,
)
async def publish_program(context: Context, intent: Intent, program: ProgramId) -> ProgramPublished:
    """Make the draft live for members. The first publish opens the program."""
    name = (await context.references.program_now(program)).name
    try:
        await send_change(context, intent, programs.publish_program(program))
    except DOUBTFUL as failure:
        try:
            return await reconcile_publication(context, intent, may_come=True, program=program)
        except LoyaltyError:
            raise failure from None
    return ProgramPublished(id=program, program=name)
