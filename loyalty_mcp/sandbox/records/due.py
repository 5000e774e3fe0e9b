"""The queue of what happens by itself when its time comes."""

from datetime import datetime
from typing import Literal, NamedTuple

from loyalty_mcp.sandbox.moments import from_milliseconds, to_milliseconds
from loyalty_mcp.sandbox.store import Unit

Lane = Literal["always", "step"]


class Due(NamedTuple):
    """Something that falls due: of which kind, for what, and when."""

    kind: str
    subject: str
    at: datetime


def schedule(
    unit: Unit, kind: str, subject: str | int, at: datetime, lane: Lane = "always"
) -> None:
    """Put something into the queue; the lane `step` is only settled by a step of the clock."""
    unit.run(
        "INSERT OR IGNORE INTO due VALUES (?, ?, ?, ?)",
        lane,
        to_milliseconds(at),
        kind,
        str(subject),
    )


def anything(unit: Unit, lane: Lane = "always") -> bool:
    """Whether something in the lane is due now."""
    sql = "SELECT 1 FROM due WHERE lane = ? AND at <= ? LIMIT 1"
    return unit.one(sql, lane, unit.now_stored) is not None


def take_next(unit: Unit, lanes: tuple[Lane, ...]) -> Due | None:
    """Take the earliest thing that is due now out of the queue."""
    first: Due | None = None
    first_lane = lanes[0]
    for lane in lanes:
        row = unit.one(
            "SELECT at, kind, subject FROM due WHERE lane = ? AND at <= ?"
            " ORDER BY at, kind, subject LIMIT 1",
            lane,
            unit.now_stored,
        )
        if row is not None:
            found = Due(row["kind"], row["subject"], from_milliseconds(row["at"]))
            if first is None or found.at < first.at:
                first, first_lane = found, lane
    if first is not None:
        unit.run(
            "DELETE FROM due WHERE lane = ? AND at = ? AND kind = ? AND subject = ?",
            first_lane,
            to_milliseconds(first.at),
            first.kind,
            first.subject,
        )
    return first
