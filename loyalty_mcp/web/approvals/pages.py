"""The approvals page as HTML; all outside text is escaped. Pure."""

import html
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Final

from loyalty_mcp.brevo.quoting import SELECTORS, UNSEEN
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.intents.lifecycle import Intent

TEMPLATES: Final = Path(__file__).parent / "templates"
LINE_BREAKS: Final = "\n\t"
EMOJI_SELECTORS: Final = "\ufe0e\ufe0f"
"""Choose between the two looks of a character; common in ordinary text."""

NOTICES: Final[Mapping[str, str]] = {
    "approved": "Approved. The agent can carry it out now.",
    "declined": "Declined. It can never be carried out.",
    "gone": "Somebody else decided first, or it has expired; nothing was decided now.",
    "own": "You asked for this change, so somebody else has to decide; nothing was decided now.",
    "wrong-token": "This is no operator's token.",
    "ended": "Your session has ended; log in again.",
    "forged": "This form does not belong to your session; nothing was decided.",
}
"""What the page may say at its top, by the `notice` in its URL; anything else shows nothing."""


def escape_text(value: Any) -> str:
    """A value as text for an element or a quoted attribute.

    Characters that hide, reverse or control text are shown by their number: what an operator reads
    is what is there. Line breaks stay; the style sheet keeps them.
    """
    return html.escape("".join(map(_visible, str(value))), quote=True)


def _visible(char: str) -> str:
    if char in LINE_BREAKS or char in EMOJI_SELECTORS:
        return char
    hidden = unicodedata.category(char) in UNSEEN or SELECTORS.fullmatch(char)
    return f"[U+{ord(char):04X}]" if hidden else char


def render_page(home: str, content: str, notice: str | None = None) -> str:
    """A whole page.

    Args:
        home: path of the page as the browser knows it.
        content: HTML made here.
        notice: a key of `NOTICES`; any other value shows nothing.
    """
    message = NOTICES.get(notice or "")
    notice_html = f'<p class="notice" role="status">{escape_text(message)}</p>' if message else ""
    return _fill("page.html", home=escape_text(home), notice=notice_html, content=content)


def render_login(home: str) -> str:
    """The form in which an operator enters their token."""
    return _fill("login.html", home=escape_text(home))


@dataclass(frozen=True, slots=True)
class Viewer:
    """The operator who looks at the page.

    Args:
        home: path of the page.
        operator: name of the principal.
        form_token: what the session's forms carry.
        now: UTC.
    """

    home: str
    operator: str
    form_token: str
    now: datetime


def render_approvals(viewer: Viewer, intents: Sequence[Intent]) -> str:
    """What a signed-in operator sees."""
    return _fill(
        "waiting.html",
        home=escape_text(viewer.home),
        operator=escape_text(viewer.operator),
        form_token=escape_text(viewer.form_token),
        list=render_intents(viewer, intents),
    )


def render_intents(viewer: Viewer, intents: Sequence[Intent]) -> str:
    """The waiting intents, each with its two buttons."""
    if not intents:
        return '<p class="empty">Nothing waits for you.</p>'
    return "\n".join(_render_intent(viewer, intent) for intent in intents)


def _fill(template: str, **values: str) -> str:
    return Template((TEMPLATES / template).read_text("utf-8")).substitute(values)


def _render_intent(viewer: Viewer, intent: Intent) -> str:
    preview, key = intent.preview, escape_text(f"intent-{intent.id}")
    warnings = "".join(f"<li>{escape_text(warning)}</li>" for warning in preview.warnings)
    parts = [
        f'<article class="card" id="{key}" aria-labelledby="summary-{key}">',
        f'<h2 id="summary-{key}">{escape_text(preview.summary)}</h2>',
        f'<ul class="warnings">{warnings}</ul>' if warnings else "",
        _render_values("Before", preview.before),
        _render_values("After", preview.after),
        '<dl class="facts">',
        _render_value("Tool", intent.tool),
        _render_value("Asked by", intent.caller),
        _render_value("Arguments", json.dumps(plain(intent.arguments), ensure_ascii=False)),
        _render_time_left(intent, viewer.now),
        "</dl>",
        '<p class="own">This is your own; somebody else has to decide.</p>'
        if intent.caller == viewer.operator
        else _render_buttons(viewer, intent),
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def _render_buttons(viewer: Viewer, intent: Intent) -> str:
    summary = escape_text(intent.preview.summary)
    return (
        f'<form method="post" action="{escape_text(viewer.home)}/{escape_text(intent.id)}">'
        f'<input type="hidden" name="form_token" value="{escape_text(viewer.form_token)}">'
        f'<button class="approve" name="decision" value="approved" '
        f'aria-label="Approve: {summary}">Approve</button>'
        f'<button class="decline" name="decision" value="declined" '
        f'aria-label="Decline: {summary}">Decline</button>'
        "</form>"
    )


def _render_time_left(intent: Intent, now: datetime) -> str:
    seconds = max(0, int((intent.expires_at - now).total_seconds()))
    shown = f"{seconds // 60}:{seconds % 60:02d}"
    return f'<dt>Time left</dt><dd><span class="left" data-seconds="{seconds}">{shown}</span></dd>'


def _render_values(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    entries = "".join(
        _render_value(name.replace("_", " "), value) for name, value in values.items()
    )
    return f'<section class="side"><h3>{title}</h3><dl>{entries}</dl></section>'


def _render_value(name: str, value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    return f"<dt>{escape_text(name)}</dt><dd>{escape_text(shown)}</dd>"
