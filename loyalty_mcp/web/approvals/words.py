"""Values of an intent as an operator reads them: no personal data in full. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.quoting import SELECTORS, UNSEEN
from loyalty_mcp.intents.lifecycle import Intent, State
from loyalty_mcp.tools.members.masking import masked

PART: Final = r"[^\s@\"'<>,;:()\[\]]"
EMAIL: Final = re.compile(rf"{PART}+@{PART}*\w")
PHONE: Final = re.compile(r"(?<![\w-])(?:\+|00)\d(?:[ ()./-]{0,2}\d){6,14}(?!\w)")
BARE_PHONE: Final = re.compile(r"\d{9,15}")
"""Digits without a plus; a phone number only where a person is named."""

LINE_BREAKS: Final = "\n\t"
EMOJI_SELECTORS: Final = "\ufe0e\ufe0f"
"""Choose between the two looks of a character; common in ordinary text."""

PERSONS: Final = frozenset({"member", "members", "contact", "phone"})

STEPS: Final[Mapping[State, str]] = {
    "approved": "approved by {who}; waits for the agent to carry it out",
    "sent": "approved by {who}; being carried out",
    "applied": "approved by {who}; carried out",
    "not_applied": "approved by {who}; not carried out",
    "unknown": "approved by {who}; it is not known whether it was carried out",
    "declined": "declined by {who}",
    "expired": "expired",
}
"""What became of an intent that an operator could decide on."""


def without_personal_data(text: str, name: str = "") -> str:
    """A text with its email addresses and phone numbers masked.

    Args:
        text: any text.
        name: of the argument it is the value of, if it is one.
    """
    if name in PERSONS and BARE_PHONE.fullmatch(text):
        return str(masked(text))
    text = EMAIL.sub(lambda found: str(masked(found[0])), text)
    return PHONE.sub(lambda found: str(masked(found[0])), text)


def shown_text(value: Any, name: str = "") -> str:
    """A value as text in which nothing is hidden but personal data.

    Email addresses and phone numbers are masked. Characters that hide, reverse or control text are
    shown by their number: what an operator reads is what is there. Line breaks stay.

    Args:
        value: any value.
        name: of the fact or argument it is the value of, if it is one.
    """
    return "".join(map(_visible, without_personal_data(str(value), name)))


def _visible(char: str) -> str:
    if char in LINE_BREAKS or char in EMOJI_SELECTORS:
        return char
    hidden = unicodedata.category(char) in UNSEEN or SELECTORS.fullmatch(char)
    return f"[U+{ord(char):04X}]" if hidden else char


def shown_data(value: Any, name: str = "") -> Any:
    """A structure in terms of JSON with every text in it as `shown_text` gives it.

    Args:
        value: a number, a text, or a structure of them.
        name: of the fact it is the value of.
    """
    if isinstance(value, Mapping):
        return {shown_text(key): shown_data(item, str(key)) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [shown_data(item, name) for item in value]
    return shown_text(value, name) if isinstance(value, str) else value


def in_words(value: Any, name: str = "") -> str:
    """A value as lines of text.

    Args:
        value: a number, a text, a moment, or a structure of them.
        name: of the fact or argument it is the value of.
    """
    if value is None or value in ({}, [], ()):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Mapping):
        return "\n".join(_entry(str(key), item) for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(_item(item, name) for item in value)
    return without_personal_data(str(value), name)


def _entry(key: str, value: Any) -> str:
    text = in_words(value, key)
    shown = without_personal_data(key.replace("_", " "))
    return f"{shown}: {text}" if "\n" not in text else f"{shown}:\n{_indented(text)}"


def _item(value: Any, name: str) -> str:
    if isinstance(value, Mapping) and not any(map(_is_structure, value.values())):
        return "; ".join(_entry(str(key), item) for key, item in value.items())
    return in_words(value, name)


def _is_structure(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def decision_in_words(intent: Intent) -> str:
    """What was decided on an intent, by whom, and what became of it."""
    if intent.state == "expired" and intent.agreed_by is not None:
        return f"approved by {intent.agreed_by}; expired before it was carried out"
    if intent.state == "expired":
        return "expired; nobody decided in time"
    return STEPS[intent.state].format(who=intent.agreed_by or "nobody")


def time_left_in_words(seconds: int) -> str:
    """A time that runs out: `23 h 59 min`, or `9:59` within the last hour."""
    if seconds >= 3_600:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60:02d} min"
    return f"{seconds // 60}:{seconds % 60:02d}"
