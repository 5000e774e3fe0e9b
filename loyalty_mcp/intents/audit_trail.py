"""The audit trail: every guarded call, as a chain that shows any later change. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

START: Final = "0" * 64
SHOWN_LETTERS: Final = 1
PERSONAL: Final = frozenset({"member", "members", "contact", "email", "phone", "own_id", "code"})
"""Arguments that name a person, or what a person holds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of one intent, or one disclosure of personal data.

    Args:
        number: from 1, without gaps.
        at: when, in UTC.
        intent: whose step; empty for a disclosure.
        step: the state that was reached, or `disclosed`.
        caller: who asked.
        tool: what was called.
        details: masked arguments, facts, agreement, transaction, outcome; as JSON text.
        previous: the fingerprint of the entry before.
        fingerprint: of all of the above.
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
    """The last entry, kept apart, so that a cut end shows."""

    number: int = 0
    fingerprint: str = START


@dataclass(frozen=True, slots=True)
class Trail:
    """The entries of a trail and its two ends.

    Args:
        entries: in the order of their numbers.
        head: the last entry that was written.
        start: the last entry that was pruned; the first kept one follows it.
    """

    entries: tuple[Entry, ...]
    head: Head
    start: Head = Head()


def fingerprint(*content: int | str) -> str:
    """What an entry's fingerprint has to be: of all its fields before that one, in order."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def next_entry(
    head: Head, *, at: str, intent: str, step: str, caller: str, tool: str, details: str
) -> Entry:
    """The entry that follows the head."""
    number = head.number + 1
    content = (number, at, intent, step, caller, tool, details, head.fingerprint)
    return Entry(*content, fingerprint(*content))


def broken(trail: Trail) -> list[str]:
    """What is wrong with a whole trail, a problem a line; empty if it is intact."""
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


def masked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with what names a person cut to its first letter; `meta` is left out whole."""
    return {
        name: _masked(value) if name in PERSONAL else _masked_inside(value)
        for name, value in arguments.items()
        if name != "meta"
    }


def _masked_inside(value: Any) -> Any:
    """The rows of a batch, each masked; any other value as it is."""
    if isinstance(value, list | tuple):
        return [masked(item) if isinstance(item, Mapping) else item for item in value]
    return value


def _masked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    text = str(value)
    if text.isdigit():
        return text
    return f"{text[:SHOWN_LETTERS]}***"
