"""The ledger's rules: lots, expiry, spending, caps, rounding and the two phases of a movement.

Everything here is a pure function. A balance is the sum of its open lots. A credit opens a lot, and
a debit consumes the lots that expire soonest. A debit beyond the last lot, if the floor allows it,
opens a debt: a lot with a negative remainder, which later credits repay first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final, Literal

from loyalty_mcp.sandbox.errors import Invalid, NotAllowed
from loyalty_mcp.sandbox.rules import periods
from loyalty_mcp.sandbox.rules.amounts import LIMIT

Status = Literal["draft", "completed", "rejected", "cancelled", "expired"]
TransactionType = Literal["credit", "debit"]
Rounding = Literal["lower", "upper", "natural"]
Snap = Literal["noModification", "startOfPeriod", "endOfPeriod"]
Renewal = Literal["credit", "movement"]

ZERO: Final = Decimal(0)

_ROUNDING: Final = {"lower": ROUND_DOWN, "upper": ROUND_UP, "natural": ROUND_HALF_UP}
_WHOLE_UNITS: Final = frozenset({"POINTS", "JPY", "CLP"})


@dataclass(frozen=True, slots=True)
class Span:
    """The lifetime of a lot, optionally snapped to the start or end of a period."""

    value: int
    unit: periods.PeriodUnit
    snap: Snap = "noModification"


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """The settings of an active balance definition for movements.

    Attributes:
        unit: `POINTS` or a currency code.
        floor: The lowest balance a debit may leave; negative allows overdraft.
        ceiling: The highest balance a credit may reach.
        credit_ceiling: The largest single credit.
        debit_ceiling: The largest single debit.
        partial: Whether a credit above the ceiling is trimmed instead of refused.
        credit_rounding: How credits are rounded; `None` keeps decimals.
        debit_rounding: How the size of debits is rounded; `None` keeps decimals.
        life: How long a credited lot lives; `None` for ever.
        renewed_by: What restarts the lifetime of all open lots: every credit, or every movement;
            `None` if lots keep their expiry.
        minimum: The balance below which an event is emitted; `None` for no event.
    """

    unit: str = "POINTS"
    floor: Decimal = ZERO
    ceiling: Decimal | None = None
    credit_ceiling: Decimal | None = None
    debit_ceiling: Decimal | None = None
    partial: bool = False
    credit_rounding: Rounding | None = None
    debit_rounding: Rounding | None = None
    life: Span | periods.DayOfYear | None = None
    renewed_by: Renewal | None = None
    minimum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """The remainder of a credit or, if negative, of a debt.

    Attributes:
        number: Sequence number, in the order of opening.
        remaining: The remainder; never zero.
        expires_at: The first instant at which it no longer counts; `None` for never.
    """

    number: int
    remaining: Decimal
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The part of a movement on one existing lot: negative spends, positive repays."""

    lot: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class NewLot:
    """The lot that a movement opens: positive for a credit, negative for a debt."""

    amount: Decimal
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """The effect of completing a movement on a balance.

    Attributes:
        applied: The amount applied; smaller than requested if a credit was trimmed.
        entries: Its parts on existing lots.
        opened: The lot it opens, if any.
        balance: The balance afterwards.
        renewed_until: The new expiry of the lots already open; `None` if they keep theirs.
    """

    applied: Decimal
    entries: tuple[Entry, ...]
    opened: NewLot | None
    balance: Decimal
    renewed_until: datetime | None = None


class FloorReached(NotAllowed):
    """A debit would leave less than the floor."""


class CeilingReached(NotAllowed):
    """A credit would exceed the ceiling, and no part of it fits."""


def signed_amount(amount: Decimal, transaction_type: TransactionType | None) -> Decimal:
    """Return the amount with the sign of its type; without a type, its sign decides.

    Raises:
        Invalid: The amount is zero.
    """
    if amount == 0:
        raise Invalid("amount: must not be zero")
    if transaction_type is None:
        return amount
    return abs(amount) if transaction_type == "credit" else -abs(amount)


def type_of(amount: Decimal) -> TransactionType:
    """Return whether a signed amount is a credit or a debit."""
    return "credit" if amount > 0 else "debit"


def rounded_amount(rules: BalanceRules, amount: Decimal) -> Decimal:
    """Round the size of a signed amount as the definition says.

    Raises:
        Invalid: Nothing is left after rounding.
    """
    how = rules.credit_rounding if amount > 0 else rules.debit_rounding
    if how is None:
        return amount
    result = amount.quantize(_smallest(rules.unit), rounding=_ROUNDING[how])
    if result == 0:
        raise Invalid("amount: rounds to zero in this balance")
    return result


def lot_expiry(rules: BalanceRules, now: datetime, minutes: int | None = None) -> datetime | None:
    """Return when a lot credited now expires; its own lifetime in `minutes` has priority."""
    if minutes is not None:
        return now + timedelta(minutes=minutes)
    life = rules.life
    if life is None:
        return None
    if isinstance(life, periods.DayOfYear):
        return periods.end_of_next(life, now)
    exact = periods.add_span(now, life.value, life.unit)
    if life.snap == "startOfPeriod":
        return periods.start_of_period(exact, life.unit)
    if life.snap == "endOfPeriod":
        return periods.end_of_period(exact, life.unit)
    return exact


def renewal(rules: BalanceRules, amount: Decimal, now: datetime) -> datetime | None:
    """Return the new expiry of all open lots after a movement; `None` if they keep theirs."""
    if rules.renewed_by is None or (rules.renewed_by == "credit" and amount < 0):
        return None
    return lot_expiry(rules, now)


def falls_below_minimum(rules: BalanceRules, before: Decimal, after: Decimal) -> bool:
    """Whether a balance has just fallen below its minimum."""
    return rules.minimum is not None and before >= rules.minimum > after


def live_lots(lots: Sequence[Lot], now: datetime) -> list[Lot]:
    """Return the unexpired lots."""
    return [lot for lot in lots if lot.expires_at is None or lot.expires_at > now]


def balance_of(lots: Sequence[Lot], now: datetime) -> Decimal:
    """Return the sum of the unexpired lots."""
    return sum((lot.remaining for lot in live_lots(lots, now)), ZERO)


def require_open_transaction(status: Status) -> None:
    """Refuse a transaction that is no longer open.

    Raises:
        NotAllowed: It is completed, rejected, cancelled or expired.
    """
    if status != "draft":
        raise NotAllowed(f"The transaction is {status} and can no longer change.")


def apply_movement(
    rules: BalanceRules,
    lots: Sequence[Lot],
    amount: Decimal,
    now: datetime,
    *,
    balance: Decimal | None = None,
    minutes: int | None = None,
    reserved: Decimal = ZERO,
    oldest_first: bool = False,
) -> Application:
    """Compute the effect of a signed movement on a balance.

    Args:
        rules: The active definition.
        lots: The open lots of the balance.
        amount: The movement, rounded, not zero.
        now: The time of completion.
        balance: The balance, if `lots` holds only those that the movement can touch.
        minutes: The credited lot's own lifetime in minutes.
        reserved: The amount that other open debits reserve.
        oldest_first: Spend the oldest lot first instead of the one that expires soonest.

    Raises:
        FloorReached: A debit would leave less than the floor.
        CeilingReached: A credit would exceed the ceiling.
        NotAllowed: It exceeds the largest credit or debit.
    """
    open_lots = live_lots(lots, now)
    if balance is None:
        balance = balance_of(open_lots, now)
    if amount > 0:
        applied = _fitting_credit(rules, balance, amount)
        entries, rest = _repay(open_lots, applied)
        opened = NewLot(rest, lot_expiry(rules, now, minutes)) if rest else None
    else:
        _check_debit(rules, balance - reserved, amount)
        applied = amount
        entries, rest = _spend(open_lots, -amount, oldest_first=oldest_first)
        opened = NewLot(-rest) if rest else None
    renewed_until = renewal(rules, applied, now)
    return Application(applied, entries, opened, balance + applied, renewed_until)


def _fitting_credit(rules: BalanceRules, balance: Decimal, amount: Decimal) -> Decimal:
    if rules.credit_ceiling is not None and amount > rules.credit_ceiling:
        raise NotAllowed("The amount exceeds the largest credit of this balance.")
    ceiling = rules.ceiling
    if ceiling is not None and balance + amount > ceiling:
        room = ceiling - balance
        if rules.credit_rounding is not None:
            room = room.quantize(_smallest(rules.unit), rounding=ROUND_DOWN)
        if not rules.partial or room <= 0:
            raise CeilingReached("The credit would exceed the highest balance allowed.")
        return room
    if balance + amount >= LIMIT:
        raise CeilingReached("The credit would exceed the highest balance the engine keeps.")
    return amount


def _check_debit(rules: BalanceRules, available: Decimal, amount: Decimal) -> None:
    if rules.debit_ceiling is not None and -amount > rules.debit_ceiling:
        raise NotAllowed("The amount exceeds the largest debit of this balance.")
    if available + amount < max(rules.floor, 1 - LIMIT):
        raise FloorReached("The balance is too low for this debit.")


def _repay(lots: Sequence[Lot], amount: Decimal) -> tuple[tuple[Entry, ...], Decimal]:
    entries, rest = [], amount
    for debt in sorted((lot for lot in lots if lot.remaining < 0), key=lambda lot: lot.number):
        part = min(rest, -debt.remaining)
        if part == 0:
            break
        entries.append(Entry(debt.number, part))
        rest -= part
    return tuple(entries), rest


def _spend(
    lots: Sequence[Lot], amount: Decimal, *, oldest_first: bool
) -> tuple[tuple[Entry, ...], Decimal]:
    usable = [lot for lot in lots if lot.remaining > 0]
    usable.sort(key=(lambda lot: (lot.number,)) if oldest_first else _soonest)
    entries, rest = [], amount
    for lot in usable:
        part = min(rest, lot.remaining)
        if part == 0:
            break
        entries.append(Entry(lot.number, -part))
        rest -= part
    return tuple(entries), rest


def _soonest(lot: Lot) -> tuple[float, int]:
    return (lot.expires_at.timestamp() if lot.expires_at else float("inf"), lot.number)


def _smallest(unit: str) -> Decimal:
    return Decimal(1) if unit in _WHOLE_UNITS else Decimal("0.01")
