"""get_unpublished_changes: what publishing a program would change."""

from datetime import datetime
from typing import Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, ProgramId, Reply
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.unpublished_changes import (
    UNLISTED_LIMITS,
    read_unpublished_changes,
)
from loyalty_mcp.tools.programs.version_differences import Difference, Published, difference_line
from loyalty_mcp.tools.task import reads

SHOWN: Final = 40
"""Lines in the text; the structured content has all of them."""


class UnpublishedChange(Reply):
    """One object that publishing would change."""

    action: Published
    kind: str
    name: str
    details: str


class UnpublishedChangeList(Reply):
    """What publishing would change; `empty` if the draft matches the live version."""

    program: str
    first_publication: bool
    differences: Items[UnpublishedChange] = ()
    empty: bool


def unpublished_change(difference: Difference) -> UnpublishedChange:
    """Return a difference as the tools answer it."""
    return UnpublishedChange(
        action=difference.action,
        kind=difference.kind,
        name=difference.name,
        details=difference.details,
    )


def unpublished_changes_text(answer: UnpublishedChangeList, _now: datetime) -> str:
    """Write the differences in words, a line for each."""
    name = quoted(answer.program)
    state = "has never been published" if answer.first_publication else "is live"
    if answer.empty:
        return f"Nothing to publish: the draft of {name} is what is live. {UNLISTED_LIMITS}"
    lines = [
        difference_line(each.action, each.kind, each.name, each.details)
        for each in answer.differences[:SHOWN]
    ]
    if len(answer.differences) > SHOWN:
        lines.append(f"{len(answer.differences) - SHOWN} more are in the structured content.")
    count = len(answer.differences)
    head = f"Program {name} {state}; {count} unpublished change{'' if count == 1 else 's'}:"
    step = f"publish_program makes {'it' if count == 1 else 'them'} live."
    return "\n".join([head, *lines, step, UNLISTED_LIMITS])


@reads(text=unpublished_changes_text)
async def get_unpublished_changes(context: Context, program: ProgramId) -> UnpublishedChangeList:
    """List what publishing would change: the draft compared with what is live."""
    changes = await read_unpublished_changes(context, program)
    return UnpublishedChangeList(
        program=changes.program.name,
        first_publication=changes.first_publication,
        differences=tuple(unpublished_change(each) for each in changes.differences),
        empty=not changes.differences,
    )
