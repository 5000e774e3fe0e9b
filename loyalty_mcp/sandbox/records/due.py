"""The queue of what happens by itself when its time comes."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from loyalty_mcp.sandbox.rules.moments import from_milliseconds, to_milliseconds
from loyalty_mcp.sandbox.store import Unit

REMINDER: Final = timedelta(days=7)
"""How long before an end or an anniversary a reminder is sent."""

DueKind = Literal["always", "step"]


class Due(NamedTuple):
    """Something that falls due: of which kind, for what, and when."""

    kind: str
    subject: str
    at: datetime


def schedule_due(
    unit: Unit, kind: str, subject: str | int, at: datetime, due_kind: DueKind = "always"
) -> None:
    """Put something into the queue; what is of the kind `step` waits for a step of the clock."""
    unit.run(
        "INSERT OR IGNORE INTO due VALUES (?, ?, ?, ?)",
        due_kind,
        to_milliseconds(at),
        kind,
        str(subject),
    )


def cancel_due(unit: Unit, kind: str, subject: str | int, at: datetime) -> None:
    """Take something out of the queue, if it is there."""
    unit.run(
        "DELETE FROM due WHERE due_kind = 'always' AND at = ? AND kind = ? AND subject = ?",
        to_milliseconds(at),
        kind,
        str(subject),
    )


def anything_due(unit: Unit, due_kind: DueKind = "always") -> bool:
    """Whether something of this kind is due now."""
    sql = "SELECT 1 FROM due WHERE due_kind = ? AND at <= ? LIMIT 1"
    return unit.one(sql, due_kind, unit.now_stored) is not None


def take_next_due(unit: Unit, due_kinds: tuple[DueKind, ...]) -> Due | None:
    """Take the earliest thing that is due now out of the queue."""
    first: Due | None = None
    first_due_kind = due_kinds[0]
    for due_kind in due_kinds:
        row = unit.one(
            "SELECT at, kind, subject FROM due WHERE due_kind = ? AND at <= ?"
            " ORDER BY at, kind, subject LIMIT 1",
            due_kind,
            unit.now_stored,
        )
        if row is not None:
            found = Due(row["kind"], row["subject"], from_milliseconds(row["at"]))
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
