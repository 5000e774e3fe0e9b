"""Lists in words: one line per item, with long lists cut."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Version

LINES_SHOWN: Final = 20
"""The number of items in the text; the structured content has the whole page."""


def list_text(
    heading: str, lines: Sequence[str], count: int | None = None, offset: int | None = None
) -> str:
    """A heading and one line per item, or the heading alone if there are none.

    Args:
        heading: without the colon.
        lines: one for each item of the page.
        count: the total number, if the API returns it.
        offset: how many items precede this page.
    """
    if not lines:
        return f"{heading}: none."
    shown = [f"- {line}" for line in lines[:LINES_SHOWN]]
    if len(lines) > LINES_SHOWN:
        shown.append(f"{len(lines) - LINES_SHOWN} more of this page are in the structured content.")
    after = 0 if count is None else count - (offset or 0) - len(lines)
    if after > 0:
        shown.append(f"{after:,} more: call again with offset {(offset or 0) + len(lines)}.")
    return "\n".join([f"{heading}:", *shown])


def version_of(arguments: Mapping[str, Any]) -> Version:
    """The version of a configuration; as in the API, the draft unless the call states another."""
    return "active" if arguments.get("version") == "active" else "draft"


def version_heading(what: str, arguments: Mapping[str, Any]) -> str:
    """A heading with the listed version: `Live tiers`, `Draft tiers`."""
    return f"{'Live' if version_of(arguments) == 'active' else 'Draft'} {what}"


def with_filters(heading: str, arguments: Mapping[str, Any], *names: str) -> str:
    """A heading that says what the list was narrowed to, so that "none" is not told of all.

    Args:
        heading: without the colon.
        arguments: of the call.
        names: those of them that narrow the list.
    """
    given = [
        f"{name.replace('_', ' ')} {quoted(str(arguments[name]))}"
        for name in names
        if arguments.get(name) is not None
    ]
    return f"{heading} with {' and '.join(given)}" if given else heading


def day_text(moment: datetime) -> str:
    """The date of a datetime, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
