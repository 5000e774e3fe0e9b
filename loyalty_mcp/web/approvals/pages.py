"""The approvals page as HTML; all outside text is escaped. Pure."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Final

from loyalty_mcp.guard.confirmation import shown_rows
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.server.envelope_text import preview_data
from loyalty_mcp.web.approvals.words import (
    decision_in_words,
    in_words,
    shown_data,
    shown_text,
    time_left_in_words,
)

TEMPLATES: Final = Path(__file__).parent / "templates"
SANDBOX: Final = (
    '<p class="sandbox"><strong>Sandbox.</strong> Nothing here changes a real account.</p>'
)
NOTICES: Final[Mapping[str, str]] = {
    "approved": "Approved. The agent can carry it out now.",
    "declined": "Declined. It can never be carried out.",
    "gone": "Somebody else decided first, or it has expired; nothing was decided now.",
    "own": "You asked for this change, so somebody else has to decide; nothing was decided now.",
    "wrong-token": "This is no operator's token.",
    "ended": "Your session has ended; log in again.",
    "forged": "This form does not belong to your session; nothing was decided.",
}
"""The messages at the top of the page, by the `notice` in its URL; other values show nothing."""


def escape_text(value: Any) -> str:
    """A value as text from `shown_text`, escaped for an element or a quoted attribute."""
    return html.escape(shown_text(value), quote=True)


def render_page(home: str, content: str, notice: str | None = None) -> str:
    """A whole page.

    Args:
        home: path of the page in the browser.
        content: HTML created by this server.
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
    """The operator who views the page.

    Args:
        home: path of the page.
        operator: name of the principal.
        form_token: the token in the session's forms.
        now: UTC.
        sandbox: whether the embedded sandbox is used.
    """

    home: str
    operator: str
    form_token: str
    now: datetime
    sandbox: bool = False


def render_approvals(viewer: Viewer, waiting: Sequence[Intent], decided: Sequence[Intent]) -> str:
    """What a signed-in operator sees.

    Args:
        viewer: the operator.
        waiting: the intents that they can decide on.
        decided: the decisions of the last days, newest first.
    """
    return _fill(
        "waiting.html",
        home=escape_text(viewer.home),
        operator=escape_text(viewer.operator),
        form_token=escape_text(viewer.form_token),
        sandbox=SANDBOX if viewer.sandbox else "",
        list=render_intents(viewer, waiting),
        decided=_render_decided(decided),
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
    title, _, more = preview.summary.partition("\n")
    parts = [
        f'<article class="card" id="{key}" aria-labelledby="summary-{key}">',
        f'<h2 id="summary-{key}">{escape_text(title)}</h2>',
        _render_picture(intent, more),
        f'<ul class="warnings" aria-label="Warnings">{warnings}</ul>' if warnings else "",
        '<dl class="facts">',
        _render_value("Tool", intent.tool),
        _render_value("Asked by", intent.caller),
        _render_time_left(intent, viewer.now),
        "</dl>",
        _render_values("Arguments", intent.arguments),
        '<p class="own">This is your own; somebody else has to decide.</p>'
        if intent.caller == viewer.operator
        else _render_buttons(viewer, intent),
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def _render_picture(intent: Intent, more: str) -> str:
    """What would change, in words; the page's script replaces it with a picture.

    Args:
        intent: waits for a decision.
        more: the lines of its summary after the first.
    """
    preview = intent.preview
    values = {**preview_data(preview), "summary": more, "rows": shown_rows(intent)}
    drawn = html.escape(json.dumps(shown_data(values), ensure_ascii=False), quote=True)
    return "\n".join(
        part
        for part in (
            f'<div class="picture" data-change="{drawn}">',
            f'<p class="lines">{escape_text(more)}</p>' if more else "",
            _render_values("Before", preview.before),
            _render_values("After", preview.after),
            "</div>",
        )
        if part
    )


def _render_buttons(viewer: Viewer, intent: Intent) -> str:
    summary = escape_text(intent.preview.summary.partition("\n")[0])
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
    shown = time_left_in_words(seconds)
    return f'<dt>Time left</dt><dd><span class="left" data-seconds="{seconds}">{shown}</span></dd>'


def _render_values(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    entries = "".join(
        _render_value(name.replace("_", " "), value) for name, value in values.items()
    )
    return f'<section class="side"><h3>{title}</h3><dl>{entries}</dl></section>'


def _render_value(name: str, value: Any) -> str:
    return f"<dt>{escape_text(name)}</dt><dd>{escape_text(in_words(value, name))}</dd>"


def _render_decided(intents: Sequence[Intent]) -> str:
    if not intents:
        return '<p class="empty">Nothing was decided.</p>'
    items = "".join(
        f"<li><p>{escape_text(intent.preview.summary)}</p>"
        f'<p class="quiet">{escape_text(decision_in_words(intent).capitalize())}. '
        f"Asked by {escape_text(intent.caller)}, {escape_text(in_words(intent.created_at))}.</p>"
        "</li>"
        for intent in intents
    )
    return f"<ul>{items}</ul>"
