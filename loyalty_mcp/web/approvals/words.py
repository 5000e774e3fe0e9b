"""Values of an intent in words for an operator, with personal data masked. Pure."""

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
"""Digits without a plus; treated as a phone number only if the name says that it is a person."""

LINE_BREAKS: Final = "\n\t"
EMOJI_SELECTORS: Final = "\ufe0e\ufe0f"
"""They choose between two renderings of a character, and are common in ordinary text."""

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
"""The outcome of an intent that an operator could decide on."""


def without_personal_data(text: str, name: str = "") -> str:
    """Text with its email addresses and phone numbers masked.

    Args:
        text: any text.
        name: the argument's name, if it is the value of an argument.
    """
    if name in PERSONS and BARE_PHONE.fullmatch(text):
        return str(masked(text))
    text = EMAIL.sub(lambda found: str(masked(found[0])), text)
    return PHONE.sub(lambda found: str(masked(found[0])), text)


def shown_text(value: Any, name: str = "") -> str:
    """A value as text that hides nothing but personal data.

    Email addresses and phone numbers are masked. Characters that hide, reverse or control text are
    replaced by their code points. Line breaks stay.

    Args:
        value: any value.
        name: the name of the fact or argument, if it is the value of one.
    """
    return "".join(map(_visible, without_personal_data(str(value), name)))


def _visible(char: str) -> str:
    if char in LINE_BREAKS or char in EMOJI_SELECTORS:
        return char
    hidden = unicodedata.category(char) in UNSEEN or SELECTORS.fullmatch(char)
    return f"[U+{ord(char):04X}]" if hidden else char


def shown_data(value: Any, name: str = "") -> Any:
    """A JSON structure with every text in it as from `shown_text`.

    Args:
        value: a number, a text, or a structure of them.
        name: the name of the fact.
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
        name: the name of the fact or argument.
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
    """The decision on an intent, who made it, and the outcome."""
    if intent.state == "expired" and intent.agreed_by is not None:
        return f"approved by {intent.agreed_by}; expired before it was carried out"
    if intent.state == "expired":
        return "expired; nobody decided in time"
    return STEPS[intent.state].format(who=intent.agreed_by or "nobody")


def time_left_in_words(seconds: int) -> str:
    """The time left: `23 h 59 min`, or `9:59` within the last hour."""
    if seconds >= 3_600:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60:02d} min"
    return f"{seconds // 60}:{seconds % 60:02d}"
