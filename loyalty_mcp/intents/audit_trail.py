"""The audit trail: every guarded call, in a chain that reveals later alterations. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

START: Final = "0" * 64
SHOWN_LETTERS: Final = 1
PERSONAL: Final = frozenset({"member", "members", "contact", "email", "phone", "own_id", "code"})
"""Arguments that name a person, or something that a person owns."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of an intent, or one disclosure of personal data.

    Args:
        number: from 1, without gaps.
        at: the time in UTC.
        intent: the id of the intent; empty for a disclosure.
        step: the new state, or `disclosed`.
        caller: who asked.
        tool: the tool that was called.
        details: masked arguments, facts, agreement, transaction and outcome, as JSON text.
        previous: the fingerprint of the previous entry.
        fingerprint: of all fields above.
    """

    number: int
    at: str
    intent: str
    step: str
    caller: str
    tool: str
    details: str
    previous: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry, stored separately so that a truncated end is detected."""

    number: int = 0
    fingerprint: str = START


@dataclass(frozen=True, slots=True)
class Trail:
    """The entries of a trail, and both of its ends.

    Args:
        entries: in the order of their numbers.
        head: the last written entry.
        start: the last pruned entry, which precedes the first remaining one.
    """

    entries: tuple[Entry, ...]
    head: Head
    start: Head = Head()


def fingerprint(*content: int | str) -> str:
    """The expected fingerprint of an entry: of all its other fields, in order."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def next_entry(
    head: Head, *, at: str, intent: str, step: str, caller: str, tool: str, details: str
) -> Entry:
    """The entry that follows the head."""
    number = head.number + 1
    content = (number, at, intent, step, caller, tool, details, head.fingerprint)
    return Entry(*content, fingerprint(*content))


def broken(trail: Trail) -> list[str]:
    """The problems of a whole trail, one per line; empty if it is intact."""
    problems: list[str] = []
    head = trail.head
    expected, previous = trail.start.number + 1, trail.start.fingerprint
    for entry in trail.entries:
        if entry.number != expected:
            missing = _numbers(expected, entry.number - 1)
            problems.append(f"entry {missing} is missing")
        elif entry.previous != previous:
            problems.append(f"entry {entry.number} does not follow the one before it")
        content = (
            *(entry.number, entry.at, entry.intent, entry.step),
            *(entry.caller, entry.tool, entry.details, entry.previous),
        )
        if fingerprint(*content) != entry.fingerprint:
            problems.append(f"entry {entry.number} was altered")
        expected, previous = entry.number + 1, entry.fingerprint
    if expected <= head.number:
        problems.append(f"entry {_numbers(expected, head.number)} is missing")
    elif (expected - 1, previous) != (head.number, head.fingerprint):
        problems.append(f"entry {expected - 1} is not the last that was written")
    return problems


def _numbers(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def masked_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with personal values cut to their first letter; `meta` is omitted."""
    return {
        name: _masked(value) if name in PERSONAL else _masked_inside(value)
        for name, value in arguments.items()
        if name != "meta"
    }


def _masked_inside(value: Any) -> Any:
    """The rows of a batch, each masked; any other value unchanged."""
    if isinstance(value, list | tuple):
        return [masked_arguments(item) if isinstance(item, Mapping) else item for item in value]
    return value


def _masked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    text = str(value)
    if text.isdigit():
        return text
    return f"{text[:SHOWN_LETTERS]}***"
