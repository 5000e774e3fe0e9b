"""Frequency limits: how much may still be credited or debited in a period."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from loyalty_mcp.sandbox.rules import periods
from loyalty_mcp.sandbox.rules.ledger import TransactionType
from loyalty_mcp.sandbox.rules.periods import PeriodUnit

ConstraintType = Literal["transaction", "amount"]

# Calendar windows of several units are blocks counted from here: a Monday, and the first day of
# a month and of a year that a window of 2, 3, 4, 5, 6, 10 or 12 units may begin on.
_FIRST_MONDAY = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on the movements of one balance in a period.

    Attributes:
        transaction_type: Which movements count: credits or debits.
        constraint_type: `transaction` counts them, `amount` sums their sizes.
        value: The maximum number or amount in a period.
        duration_value: Length of the period in `duration_unit`, at least 1.
        duration_unit: day, week, month or year.
        sliding: True for a period that ends now, false for one that resets with the calendar.
    """

    transaction_type: TransactionType
    constraint_type: ConstraintType
    value: Decimal
    duration_value: int
    duration_unit: PeriodUnit
    sliding: bool = False


def window_start(
    duration_value: int, duration_unit: PeriodUnit, sliding: bool, now: datetime
) -> datetime:
    """Return the start of the period that contains `now`.

    A sliding period is `duration_value` units long and ends now; its first instant is excluded. A
    calendar period starts with a day, a Monday, a month or a year. A period of several units is a
    block counted from 1900-01-01, and its first instant is included.

    Args:
        duration_value: Length in units, at least 1.
        duration_unit: day, week, month or year.
        sliding: A sliding period instead of a calendar period.
        now: The time, UTC.
    """
    if sliding:
        return periods.add_span(now, -duration_value, duration_unit)
    if duration_unit in ("day", "week"):
        length = timedelta(days=duration_value * (7 if duration_unit == "week" else 1))
        return _FIRST_MONDAY + (now - _FIRST_MONDAY) // length * length
    months = duration_value * (12 if duration_unit == "year" else 1)
    passed = (now.year - _FIRST_MONDAY.year) * 12 + now.month - 1
    return periods.add_span(_FIRST_MONDAY, passed // months * months, "month")


def room(limit: Limit, already_spent: Decimal) -> Decimal:
    """Return how many movements, or what amount, are still allowed in a period."""
    return max(limit.value - already_spent, Decimal(0))


def allows(limit: Limit, already_spent: Decimal, size: Decimal) -> bool:
    """Whether one more movement of this size is allowed in the period."""
    wanted = Decimal(1) if limit.constraint_type == "transaction" else size
    return wanted <= room(limit, already_spent)
