"""The markup of the approvals page: text from anywhere goes in, and stays text. Pure."""

import html
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any, Final

from loyalty_mcp.brevo.types import plain
from loyalty_mcp.intents.lifecycle import Intent

PAGES: Final = Path(__file__).parent / "templates"
NOTICES: Final[Mapping[str, str]] = {
    "approved": "Approved. The agent can carry it out now.",
    "declined": "Declined. It can never be carried out.",
    "gone": "Somebody else was faster, or it has expired; nothing was decided now.",
    "own": "Nobody decides on their own intent.",
    "wrong-token": "That is no operator's token.",
    "ended": "The session has ended; log in again.",
    "forged": "That form was not made for this session; nothing was decided.",
}
"""What a page may say at its top, by the word in its address: nothing else gets there."""


def text(value: Any) -> str:
    """Anything as text inside an element or a quoted attribute."""
    return html.escape(str(value), quote=True)


def page(title: str, content: str, notice: str | None = None) -> str:
    """A whole page.

    Args:
        title: our own words.
        content: markup that was made here.
        notice: a key of the notices; any other says nothing.
    """
    said = NOTICES.get(notice or "")
    tool_result = f'<p class="notice" role="status">{text(said)}</p>' if said else ""
    template = Template((PAGES / "page.html").read_text("utf-8"))
    return template.substitute(title=text(title), notice=tool_result, content=content)


def login() -> str:
    """The form in which an operator gives their token."""
    return (PAGES / "login.html").read_text("utf-8")


def session(operator: str, waiting: Sequence[Intent], now: datetime, form_token: str) -> str:
    """What an operator sees: who they are, and what waits for them."""
    template = Template((PAGES / "waiting.html").read_text("utf-8"))
    return template.substitute(
        operator=text(operator),
        form_token=text(form_token),
        list=waiting_list(operator, waiting, now, form_token),
    )


def waiting_list(operator: str, waiting: Sequence[Intent], now: datetime, form_token: str) -> str:
    """The intents that wait, each with its two buttons."""
    if not waiting:
        return '<p class="empty">Nothing waits for you.</p>'
    return "\n".join(card(operator, intent, now, form_token) for intent in waiting)


def card(operator: str, intent: Intent, now: datetime, form_token: str) -> str:
    """One intent."""
    preview, key = intent.preview, text(f"intent-{intent.id}")
    warnings = "".join(f"<li>{text(warning)}</li>" for warning in preview.warnings)
    left = max(0, int((intent.expires_at - now).total_seconds()))
    parts = [
        f'<article class="card" id="{key}" aria-labelledby="summary-{key}">',
        f'<h2 id="summary-{key}">{text(preview.summary)}</h2>',
        f'<ul class="warnings">{warnings}</ul>' if warnings else "",
        _facts("Before", preview.before),
        _facts("After", preview.after),
        '<dl class="facts">',
        _fact("Tool", intent.tool),
        _fact("Asked by", intent.caller),
        _fact("Arguments", json.dumps(plain(intent.arguments), ensure_ascii=False)),
        f'<dt>Time left</dt><dd><span class="left" data-seconds="{left}">{_time(left)}</span></dd>',
        "</dl>",
        '<p class="own">This is your own; somebody else has to decide.</p>'
        if intent.caller == operator
        else _buttons(intent, form_token),
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def _buttons(intent: Intent, form_token: str) -> str:
    what = text(intent.preview.summary)
    return (
        f'<form method="post" action="/approvals/{text(intent.id)}">'
        f'<input type="hidden" name="form_token" value="{text(form_token)}">'
        f'<button class="approve" name="decision" value="approved" '
        f'aria-label="Approve: {what}">Approve</button>'
        f'<button class="decline" name="decision" value="declined" '
        f'aria-label="Decline: {what}">Decline</button>'
        "</form>"
    )


def _facts(title: str, facts: Mapping[str, Any]) -> str:
    if not facts:
        return ""
    entries = "".join(_fact(name.replace("_", " "), value) for name, value in facts.items())
    return f'<section class="side"><h3>{title}</h3><dl>{entries}</dl></section>'


def _fact(name: str, value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    return f"<dt>{text(name)}</dt><dd>{text(shown)}</dd>"


def _time(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
