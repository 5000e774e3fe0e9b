"""Results and errors as short text for a model."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.intents.lifecycle import MARKER

LISTED = 10
"""Items of a list in the text; the structured content has all of them."""

NOISE = frozenset(
    {"loyalty_program_id", "organization_id", "version_id", "created_at", "updated_at", "image_ref"}
)
"""Facts that text omits, because nobody asks for them; the structured content has them."""

IDS = NOISE | {"balance_definition_id", "group_id", "done"}
"""The same, and ids that the caller has already used."""

COUNTS = frozenset({"count", "total_count"})
"""Counts of items; omitted if all items are listed."""

EMPTY: tuple[Any, ...] = (None, {}, [], ())

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
"""A datetime in the spelling of the API."""

PLAIN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9TZ:.+-]{10,32}")
"""Ids and times, which are not written as sentences."""


def amount_text(amount: Decimal, unit: str) -> str:
    """An amount with its unit: `1,250 points`, `1 point`, `12.5 EUR`."""
    if unit == "points" and abs(amount) == 1:
        unit = "point"
    return f"{plain_amount_text(amount)} {unit}"


def is_or_are(amount: Decimal) -> str:
    """The verb that goes with an amount: `is` for exactly one."""
    return "is" if abs(amount) == 1 else "are"


def plain_amount_text(amount: Decimal) -> str:
    """An amount whose unit is unknown, or stated elsewhere: `1,250`, `12.5`."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed_amount_text(amount: Decimal, unit: str) -> str:
    """A change of a balance with its sign and unit: `+60 points`, `−50 points`."""
    return f"{'−' if amount < 0 else '+'}{amount_text(abs(amount), unit)}"


def moment_text(moment: datetime, now: datetime) -> str:
    """A datetime with its zone, and how far away it is: `2026-11-26 09:00 UTC (in 5 days)`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({_distance(moment, now)})"


def _distance(moment: datetime, now: datetime) -> str:
    seconds = (moment - now).total_seconds()
    size = abs(seconds)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = round(size / length)
        if count:
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {words}" if seconds > 0 else f"{words} ago"
    return "now"


def value_text(value: Any) -> str:
    """One value on a line: numbers and ids unchanged, other text quoted."""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, str) and INSTANT.fullmatch(value):
        return _instant_text(value)
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) else quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(k)}: {value_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    return str(value)


def _instant_text(text: str) -> str:
    """A datetime in the spelling of the API; text that only looks like one is quoted."""
    try:
        return value_text(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return quoted(text)


def label(key: str) -> str:
    """The name of a fact; a name from outside is quoted."""
    return key if re.fullmatch(r"[a-z][a-z_]*", key) else quoted(key)


def facts_text(facts: Mapping[str, Any]) -> str:
    """Named facts without empty ones; a list gets a line for each item."""
    shown = _worth_showing(facts)
    lists = {key: value for key, value in shown.items() if _is_list(value)}
    lengths = [len(value) for value in lists.values()]
    inline = [
        f"{label(key)}: {value_text(value)}"
        for key, value in shown.items()
        if key not in lists and not (key in COUNTS and value in [0, *lengths])
    ]
    lines = ["; ".join(inline)] if inline else []
    for key, value in lists.items():
        lines += _list_lines(key, value)
    if not lists and (not lines or COUNTS & facts.keys()):
        none = [key for key, value in facts.items() if _is_list(value)]
        lines += [f"{label(key)}: none" for key in none[:1]]
    return "\n".join(lines) or "Nothing."


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _list_lines(key: str, items: Sequence[Any]) -> list[str]:
    lines = [f"{label(key)} ({len(items)}):"]
    lines += [f"- {_item_text(item)}" for item in items[:LISTED]]
    if len(items) > LISTED:
        lines.append(
            f"{len(items) - LISTED} more are in the structured content; "
            "limit and offset page through them."
        )
    return lines


def _item_text(item: Any) -> str:
    if not _is_map(item):
        return value_text(item)
    parts = _worth_showing(item).items()
    return "; ".join(f"{label(key)}: {value_text(_inner(value))}" for key, value in parts)


def _worth_showing(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts to show, without empty ones and our own mark."""
    plain = {
        key: {k: v for k, v in value.items() if k != MARKER} if _is_map(value) else value
        for key, value in facts.items()
        if key not in IDS
    }
    return {key: value for key, value in plain.items() if value not in EMPTY}


def _inner(value: Any) -> Any:
    """A list of objects inside an item, without the facts that text omits."""
    if not _is_list(value):
        return value
    return [
        {k: v for k, v in item.items() if k not in NOISE} if _is_map(item) else item
        for item in value
    ]


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)
