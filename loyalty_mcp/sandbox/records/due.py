"""The queue of items that fall due: expiries, reminders, anniversaries, orders."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from loyalty_mcp.sandbox.rules.moments import from_milliseconds, to_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork

REMINDER: Final = timedelta(days=7)
"""How long before an end or an anniversary a reminder is sent."""

DueKind = Literal["always", "step"]


class DueItem(NamedTuple):
    """An item that falls due: its kind, its subject and its time."""

    kind: str
    subject: str
    at: datetime


def schedule_due(
    unit: UnitOfWork, kind: str, subject: str | int, at: datetime, due_kind: DueKind = "always"
) -> None:
    """Add an item to the queue; kind `step` is processed only by a step of the clock."""
    unit.run(
        "INSERT OR IGNORE INTO due VALUES (?, ?, ?, ?)",
        due_kind,
        to_milliseconds(at),
        kind,
        str(subject),
    )


def cancel_due(unit: UnitOfWork, kind: str, subject: str | int, at: datetime) -> None:
    """Remove an item from the queue, if present."""
    unit.run(
        "DELETE FROM due WHERE due_kind = 'always' AND at = ? AND kind = ? AND subject = ?",
        to_milliseconds(at),
        kind,
        str(subject),
    )


def anything_due(unit: UnitOfWork, due_kind: DueKind = "always") -> bool:
    """Whether an item of this kind is due now."""
    sql = "SELECT 1 FROM due WHERE due_kind = ? AND at <= ? LIMIT 1"
    return unit.one(sql, due_kind, unit.now_stored) is not None


def take_next_due(unit: UnitOfWork, due_kinds: tuple[DueKind, ...]) -> DueItem | None:
    """Remove and return the earliest item that is due now, or `None`."""
    first: DueItem | None = None
    first_due_kind = due_kinds[0]
    for due_kind in due_kinds:
        row = unit.one(
            "SELECT at, kind, subject FROM due WHERE due_kind = ? AND at <= ?"
            " ORDER BY at, kind, subject LIMIT 1",
            due_kind,
            unit.now_stored,
        )
        if row is not None:
            found = DueItem(row["kind"], row["subject"], from_milliseconds(row["at"]))
            if first is None or found.at < first.at:
                first, first_due_kind = found, due_kind
    if first is not None:
        unit.run(
            "DELETE FROM due WHERE due_kind = ? AND at = ? AND kind = ? AND subject = ?",
            first_due_kind,
            to_milliseconds(first.at),
            first.kind,
            first.subject,
        )
    return first
