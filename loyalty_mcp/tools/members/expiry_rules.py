"""The expiry of a credit according to its balance's rules. Pure functions, in UTC."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition

MONTHS: Final = {"month": 1, "year": 12}


def expiry_of_credit(definition: BalanceDefinition, credited_at: datetime) -> datetime | None:
    """When a credit of this balance expires; None if never.

    Args:
        definition: the live version of the balance.
        credited_at: when the credit took effect.

    A duration is rounded to the start or end of its unit if the definition says so. A fixed day
    lasts until its end. A day that does not exist in a month becomes the last day of that month.
    """
    credited_at = credited_at.astimezone(UTC)
    if definition.balance_expiration_date:
        return _end_of_next_day(definition.balance_expiration_date, credited_at)
    value = definition.balance_availability_duration_value
    unit = definition.balance_availability_duration_unit
    if value is None or unit not in {"day", "week", *MONTHS}:
        return None
    exact = _later(credited_at, value, unit)
    match definition.balance_availability_duration_modifier:
        case "startOfPeriod":
            return _start_of_period(exact, unit)
        case "endOfPeriod":
            return _later(_start_of_period(exact, unit), 1, unit)
        case _:
            return exact


def _end_of_next_day(written: str, moment: datetime) -> datetime | None:
    """The end of the next day `dd/mm`; today counts."""
    day, _, month = written.partition("/")
    if not (day.isdigit() and month.isdigit() and 1 <= int(month) <= 12):
        return None
    for year in (moment.year, moment.year + 1):
        last = calendar.monthrange(year, int(month))[1]
        start = datetime(year, int(month), min(int(day), last), tzinfo=UTC)
        if start + timedelta(days=1) > moment:
            return start + timedelta(days=1)
    return None


def _later(moment: datetime, value: int, unit: str) -> datetime:
    if unit in {"day", "week"}:
        return moment + timedelta(days=value * (7 if unit == "week" else 1))
    months = moment.month - 1 + value * MONTHS[unit]
    year, month = moment.year + months // 12, months % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return moment.replace(year=year, month=month, day=min(moment.day, last))


def _start_of_period(moment: datetime, unit: str) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "week":
            return midnight - timedelta(days=midnight.weekday())
        case "month":
            return midnight.replace(day=1)
        case "year":
            return midnight.replace(day=1, month=1)
        case _:
            return midnight
