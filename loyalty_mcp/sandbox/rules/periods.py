"""Calendar arithmetic in UTC: spans, period edges and fixed days of the year.

Weeks begin on Monday. A day that does not exist in a month becomes the month's last day, so that 29
February becomes the 28th in ordinary years.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

PeriodUnit = Literal["day", "week", "month", "year"]

LONGEST: Final[dict[str, int]] = {"day": 36_525, "week": 5_218, "month": 1_200, "year": 100}
"""The maximum span of each unit: a hundred years."""

_WRITTEN: Final = re.compile("([0-9]{2})/([0-9]{2})")
_LEAP_YEAR: Final = 2024


@dataclass(frozen=True, slots=True)
class DayOfYear:
    """A day of each year, written `dd/mm`."""

    day: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "DayOfYear":
        """Read `dd/mm`.

        Raises:
            ValueError: The text is not two digits, a slash and two digits, or names no day.
        """
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError("a day is written dd/mm")
        day, month = int(written[1]), int(written[2])
        if not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(_LEAP_YEAR, month)[1]:
            raise ValueError("no month has that day")
        return cls(day, month)


def add_span(moment: datetime, value: int, unit: PeriodUnit) -> datetime:
    """Return the time `value` units later (earlier when negative), at the same time of day."""
    if unit == "day":
        return moment + timedelta(days=value)
    if unit == "week":
        return moment + timedelta(weeks=value)
    months = moment.month - 1 + value * (12 if unit == "year" else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=_fitting(moment.day, month, year))


def start_of_period(moment: datetime, unit: PeriodUnit) -> datetime:
    """Return the first instant of the day, week, month or year of a time."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "day":
        return midnight
    if unit == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if unit == "month" else midnight.replace(day=1, month=1)


def end_of_period(moment: datetime, unit: PeriodUnit) -> datetime:
    """Return the first instant after the day, week, month or year of a time."""
    return add_span(start_of_period(moment, unit), 1, unit)


def end_of_next(day: DayOfYear, moment: datetime) -> datetime:
    """Return the first instant after the day's next occurrence, which may be today."""
    this_year = _end_of(day, moment.year)
    return this_year if this_year > moment else _end_of(day, moment.year + 1)


def start_of_next(day: DayOfYear, moment: datetime) -> datetime:
    """Return the first start of the day after a time."""
    this_year = _end_of(day, moment.year) - timedelta(days=1)
    if this_year > moment:
        return this_year
    return _end_of(day, moment.year + 1) - timedelta(days=1)


def _end_of(day: DayOfYear, year: int) -> datetime:
    fitting = _fitting(day.day, day.month, year)
    return datetime(year, day.month, fitting, tzinfo=UTC) + timedelta(days=1)


def _fitting(day: int, month: int, year: int) -> int:
    return min(day, calendar.monthrange(year, month)[1])
