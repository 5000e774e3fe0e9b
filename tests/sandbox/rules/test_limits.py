from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.sandbox.rules.limits import (
    ConstraintType,
    Limit,
    allows,
    room,
    window_start,
)
from loyalty_mcp.sandbox.rules.periods import PeriodUnit

WEDNESDAY = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
UNITS: list[PeriodUnit] = ["day", "week", "month", "year"]
MOMENTS = st.datetimes(
    datetime(2001, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    datetime(2090, 1, 1),  # noqa: DTZ001 - same reason
    timezones=st.just(UTC),
)
SIZES = st.decimals(Decimal(0), Decimal(1000), places=2)


def limit(
    constraint: str = "amount",
    value: int = 100,
    unit: PeriodUnit = "day",
    *,
    length: int = 1,
    sliding: bool = False,
) -> Limit:
    """Make a cap on credits."""
    kind: ConstraintType = "transaction" if constraint == "transaction" else "amount"
    return Limit("credit", kind, Decimal(value), length, unit, sliding)


class Applied(NamedTuple):
    """A movement: when it entered the balance, and its size."""

    at: datetime
    size: Decimal


def window_total(cap: Limit, movements: list[Applied], now: datetime) -> Decimal:
    """Add up what the window of a cap holds now."""
    start = window_start(cap.duration_value, cap.duration_unit, cap.sliding, now)
    inside = [
        each for each in movements if each.at > start or (each.at == start and not cap.sliding)
    ]
    if cap.constraint_type == "transaction":
        return Decimal(len(inside))
    return sum((each.size for each in inside), Decimal(0))


@pytest.mark.parametrize(
    ("unit", "length", "begins"),
    [
        ("day", 1, datetime(2026, 11, 18, tzinfo=UTC)),
        ("week", 1, datetime(2026, 11, 16, tzinfo=UTC)),
        ("month", 1, datetime(2026, 11, 1, tzinfo=UTC)),
        ("month", 3, datetime(2026, 10, 1, tzinfo=UTC)),
        ("year", 1, datetime(2026, 1, 1, tzinfo=UTC)),
        ("year", 5, datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_calendar_window_begins_with_its_period(
    unit: PeriodUnit, length: int, begins: datetime
) -> None:
    """A calendar window begins with a day, a Monday, a month, a quarter, a year (our choice)."""
    assert begins == window_start(length, unit, sliding=False, now=WEDNESDAY)


@pytest.mark.parametrize(
    ("unit", "length", "begins"),
    [
        ("day", 1, datetime(2026, 11, 17, 15, 30, tzinfo=UTC)),
        ("week", 2, datetime(2026, 11, 4, 15, 30, tzinfo=UTC)),
        ("month", 1, datetime(2026, 10, 18, 15, 30, tzinfo=UTC)),
        ("year", 1, datetime(2025, 11, 18, 15, 30, tzinfo=UTC)),
    ],
)
def test_sliding_window_ends_now(unit: PeriodUnit, length: int, begins: datetime) -> None:
    """A sliding window is exactly its length long and ends now."""
    assert begins == window_start(length, unit, sliding=True, now=WEDNESDAY)


def test_sliding_month_is_clamped() -> None:
    """A month before the 31st of March is the last day of February."""
    now = datetime(2026, 3, 31, 9, tzinfo=UTC)

    assert datetime(2026, 2, 28, 9, tzinfo=UTC) == window_start(1, "month", sliding=True, now=now)


def test_what_fills_the_window_exactly_is_allowed() -> None:
    """A movement that reaches the cap is allowed, one that passes it is not."""
    cap = limit("amount", 100)

    assert allows(cap, Decimal(60), Decimal(40))
    assert not allows(cap, Decimal(60), Decimal("40.01"))


def test_count_does_not_look_at_the_size() -> None:
    """A cap on the number of movements takes one of any size."""
    assert allows(limit("transaction", 2), Decimal(1), Decimal(10**9))
    assert not allows(limit("transaction", 2), Decimal(2), Decimal(1))


def test_room_is_never_negative() -> None:
    """A window that holds more than a lowered cap has no room."""
    assert Decimal(0) == room(limit("amount", 10), Decimal(25))


def test_calendar_window_resets_at_midnight() -> None:
    """What was spent before midnight does not count in a calendar day after it."""
    midnight = datetime(2026, 11, 18, tzinfo=UTC)
    movements = [Applied(midnight - timedelta(microseconds=1), Decimal(100))]

    assert Decimal(0) == window_total(limit("amount"), movements, midnight)
    assert Decimal(100) == window_total(limit("amount", sliding=True), movements, midnight)


def test_sliding_window_lets_go_at_its_beginning() -> None:
    """A movement of exactly one day ago has left a sliding day."""
    now = WEDNESDAY
    exactly = [Applied(now - timedelta(days=1), Decimal(1))]
    just_inside = [Applied(now - timedelta(days=1) + timedelta(microseconds=1), Decimal(1))]

    assert Decimal(0) == window_total(limit(sliding=True), exactly, now)
    assert Decimal(1) == window_total(limit(sliding=True), just_inside, now)


@given(MOMENTS, st.sampled_from(UNITS), st.integers(1, 40), st.booleans())
def test_window_holds_now(now: datetime, unit: PeriodUnit, length: int, sliding: bool) -> None:
    """Every window begins at or before the moment that it is asked for."""
    start = window_start(length, unit, sliding, now)

    assert start < now if sliding else start <= now


@given(MOMENTS, st.sampled_from(UNITS), st.integers(1, 12))
def test_calendar_window_is_the_same_from_anywhere_inside(
    now: datetime, unit: PeriodUnit, length: int
) -> None:
    """A calendar window begins where it begins, also seen from its own first instant."""
    start = window_start(length, unit, sliding=False, now=now)

    assert start == window_start(length, unit, sliding=False, now=start)


@given(
    st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(days=9)), SIZES), max_size=40),
    st.sampled_from(UNITS),
    st.booleans(),
    st.sampled_from(["transaction", "amount"]),
    st.integers(0, 2000),
)
def test_no_window_ever_holds_more_than_its_cap(
    steps: list[tuple[timedelta, Decimal]],
    unit: PeriodUnit,
    sliding: bool,
    constraint: str,
    value: int,
) -> None:
    """Whoever only moves what is allowed never passes the cap, at whatever moment one looks."""
    cap = limit(constraint, value, unit, sliding=sliding)
    done: list[Applied] = []
    now = WEDNESDAY

    for step, size in steps:
        now += step
        if allows(cap, window_total(cap, done, now), size):
            done.append(Applied(now, size))

        assert window_total(cap, done, now) <= cap.value
