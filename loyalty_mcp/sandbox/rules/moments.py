"""Times: milliseconds in the store, aware datetimes in the rules, RFC 3339 text outside."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def to_milliseconds(moment: datetime) -> int:
    """Return the time as stored, truncated to the millisecond."""
    return (moment - EPOCH) // _MILLISECOND


def from_milliseconds(stored: int) -> datetime:
    """Return a stored time."""
    return EPOCH + timedelta(milliseconds=stored)


def to_text(moment: datetime) -> str:
    """Return the time as the API writes it: `2026-01-31T09:30:00.000Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_to_text(moment: datetime | None) -> str | None:
    """Return the time as the API writes it, or `None`."""
    return None if moment is None else to_text(moment)


def stored_to_text(stored: int | None) -> str | None:
    """Return a stored time as the API writes it, or `None`."""
    return None if stored is None else to_text(from_milliseconds(stored))


def parse_moment(text: str) -> datetime:
    """Read an RFC 3339 date-time with an offset, to the millisecond.

    Raises:
        ValueError: It is not valid, or lies outside the years 1901 to 2999.
    """
    written = _RFC_3339.fullmatch(text)
    if written is None:
        raise ValueError("a date-time is written as in 2026-01-31T09:30:00Z")
    digits = (written[1] or "")[:4]
    clock = text[:19].upper() + digits.ljust(4, "0") if digits else text[:19].upper()
    offset = "+00:00" if written[2] in {"Z", "z"} else written[2]
    moment = datetime.fromisoformat(clock + offset)
    if not 1900 < moment.year < 3000:
        raise ValueError("a date-time lies in the years 1901 to 2999")
    return moment.astimezone(UTC)
