"""publish_program: the draft made live, after every difference has been agreed to."""

from typing import Any

from loyalty_mcp.brevo.operations import programs
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Done, ProgramId
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.version_differences import unpublished_differences
from loyalty_mcp.tools.task import guarded


async def preview_publication(context: Context, *, program: str) -> Preparation:
    """Return what a person agrees to: every difference between the draft and what is live."""
    context.references.forget()
    found = await unpublished_differences(context, program)
    state = (await context.references.program_now(program)).state
    name = await context.references.name_of("program", program, None)
    first = state != "active"
    summary = f"Publish the draft of program {quoted(name or program)}: " + (
        f"{len(found)} differences for its members." if found else "no difference to what is live."
    )
    warnings = ["This is its first publication: members can be enrolled from then on."] * first
    lines = [difference.text for difference in found]
    return Preparation(
        Preview(
            summary,
            before={"state": state or "unknown"},
            after={"state": "active", "differences": lines},
            warnings=(*warnings, *lines),
        ),
        facts={"state": state, "differences": lines},
    )


async def reconcile_publication(
    context: Context,
    _intent: Intent,
    *,
    may_come: bool,
    program: str,
    **_rest: Any,
) -> Done:
    """Find out by reading whether the draft is live; publishing twice is the same as once.

    Raises:
        Refused: it is not live.
        OutcomeUnknown: it is not live, and may still become so.
    """
    context.references.forget()
    state = (await context.brevo.send(programs.get_program(program))).state
    if state == "active" and not await unpublished_differences(context, program):
        return Done(id=program)
    if may_come:
        raise OutcomeUnknown("The draft is not live yet, and it may still become so.")
    raise Refused("The draft is not live.")


@guarded("write", prepare=preview_publication, reconcile=reconcile_publication, requests=19)
async def publish_program(context: Context, intent: Intent, program: ProgramId) -> Done:
    """Make the draft live; the first publish opens the program."""
    try:
        await context.brevo.send(programs.publish_program(program))
    except OutcomeUnknown as lost:
        try:
            return await reconcile_publication(context, intent, may_come=True, program=program)
        except LoyaltyError:
            raise lost from None
    return Done(id=program)
