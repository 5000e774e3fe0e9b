"""Replays the transactions of a balance to determine what expired and when. Pure functions.

The API has no transactions for expired points. Each credit is a lot with its own expiry. A debit
consumes the lots that expire soonest. A debit below zero leaves a debt, which later credits repay
first.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from heapq import heappop, heappush
from typing import Final

NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PastMovement:
    """A completed transaction.

    Args:
        transaction_id: the API's id.
        at: when it took effect.
        amount: positive for a credit, negative for a debit.
        expires_at: of a credit: when the rest of it expires; None if never.
        reason, order_id: from its `meta`.
        reverses: the transaction that it reverses.
        intent: the intent that created it, if it was ours.
    """

    transaction_id: str
    at: datetime
    amount: Decimal
    expires_at: datetime | None = None
    reason: str | None = None
    order_id: str | None = None
    reverses: str | None = None
    intent: str | None = None


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """One change of a balance.

    Args:
        at: the time.
        amount: signed.
        movement: the transaction; for an expiry, the credit that expired.
        expired: whether the change is an expiry.
        balance_after: the balance immediately after it.
    """

    at: datetime
    amount: Decimal
    movement: PastMovement
    expired: bool
    balance_after: Decimal


@dataclass(slots=True)
class _Lot:
    movement: PastMovement
    remaining: Decimal


class _OpenLots:
    """The lots and debts of one balance during a replay.

    Args:
        oldest_first: whether debits consume the oldest lot instead of the soonest to expire.
    """

    def __init__(self, *, oldest_first: bool) -> None:
        self._oldest_first = oldest_first
        self._spendable: list[tuple[datetime, int, _Lot]] = []
        self._expiring: list[tuple[datetime, int, _Lot]] = []
        self._debts: deque[Decimal] = deque()
        self._opened = 0

    def credit(self, movement: PastMovement) -> None:
        """Repay debts, and open a lot with the rest."""
        rest = movement.amount
        while rest and self._debts:
            repaid = min(rest, self._debts[0])
            rest -= repaid
            self._debts[0] -= repaid
            if not self._debts[0]:
                self._debts.popleft()
        if not rest:
            return
        self._opened += 1
        lot = _Lot(movement, rest)
        order = NEVER if self._oldest_first else movement.expires_at or NEVER
        heappush(self._spendable, (order, self._opened, lot))
        if movement.expires_at is not None:
            heappush(self._expiring, (movement.expires_at, self._opened, lot))

    def debit(self, amount: Decimal) -> None:
        """Consume lots; what they do not cover becomes a debt."""
        while amount and self._spendable:
            lot = self._spendable[0][2]
            taken = min(amount, lot.remaining)
            amount -= taken
            lot.remaining -= taken
            if not lot.remaining:
                heappop(self._spendable)
        if amount:
            self._debts.append(amount)

    def expire(self, until: datetime) -> list[tuple[datetime, PastMovement, Decimal]]:
        """Close the lots that expire by `until`; return when, which credit, and how much."""
        expired = []
        while self._expiring and self._expiring[0][0] <= until:
            at, _, lot = heappop(self._expiring)
            if lot.remaining:
                expired.append((at, lot.movement, lot.remaining))
                lot.remaining = Decimal(0)
        return expired


def replay(
    movements: Sequence[PastMovement], until: datetime, *, oldest_first: bool = False
) -> list[BalanceChange]:
    """Every change of a balance that begins at 0, in chronological order.

    Args:
        movements: the completed transactions; at equal times in their order of creation.
        until: expiries up to this time are included.
        oldest_first: whether debits consume the oldest lot instead of the soonest to expire.
    """
    lots, balance = _OpenLots(oldest_first=oldest_first), Decimal(0)
    changes: list[BalanceChange] = []

    def expire(until: datetime) -> None:
        nonlocal balance
        for at, credit, amount in lots.expire(until):
            balance -= amount
            changes.append(BalanceChange(at, -amount, credit, True, balance))

    for movement in sorted(movements, key=lambda each: each.at):
        expire(movement.at)
        if movement.amount > 0:
            lots.credit(movement)
        else:
            lots.debit(-movement.amount)
        balance += movement.amount
        changes.append(BalanceChange(movement.at, movement.amount, movement, False, balance))
    expire(until)
    return changes


def moved_by(changes: Sequence[BalanceChange], opening: Decimal) -> list[BalanceChange]:
    """The same changes of a balance that begins at `opening` instead of 0."""
    return [replace(change, balance_after=change.balance_after + opening) for change in changes]


def balance_after(changes: Sequence[BalanceChange], opening: Decimal) -> Decimal:
    """The balance after the last change; `opening` if there is none."""
    return changes[-1].balance_after if changes else opening
