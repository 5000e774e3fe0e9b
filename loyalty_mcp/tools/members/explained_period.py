"""The changes of a balance between two moments, and what they leave unexplained. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.tools.members.balance_history import BalanceHistory
from loyalty_mcp.tools.members.balance_replay import (
    BalanceChange,
    Movement,
    balance_after,
    moved_by,
    replay,
)
from loyalty_mcp.tools.members.expiry_rules import expiry_of_credit

ORDERS: Final = (False, True)
"""Whether debits take from the oldest credit first: the API does not document the order."""

JUST_NOW: Final = (timedelta(0), timedelta(seconds=2))
"""How far the API's clock may be ahead of what its last answer told."""


@dataclass(frozen=True, slots=True)
class ExplainedPeriod:
    """A balance from one moment to another.

    Args:
        opening: the balance at the beginning.
        changes: in the order of time.
        closing: the balance at the end.
        unexplained: what is missing: `closing - opening - sum of the changes`.
    """

    opening: Decimal
    changes: Sequence[BalanceChange]
    closing: Decimal
    unexplained: Decimal


def explained_period(
    history: BalanceHistory,
    definition: BalanceDefinition,
    total: Decimal,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> ExplainedPeriod:
    """Explain a balance by its transactions and the expiry of its credits.

    The opening balance is counted from the beginning of the history, the closing balance back
    from the present one, so that whatever no transaction explains remains as a number. A history
    that does not reach back to the beginning leaves its opening balance to be whatever fits.

    Args:
        history: the completed transactions.
        definition: the balance as it is live.
        total: the present balance.
        now: when it was read.
        since: the beginning; None for that of the history.
        until: the end, not included; None for now.
    """
    changes = _changes_that_fit(history, definition, total, now)
    start = Decimal(0)
    if not history.complete:
        start = total - balance_after(changes, Decimal(0))
        changes = moved_by(changes, start)
    before = [change for change in changes if since is not None and change.at < since]
    later = [change for change in changes if until is not None and change.at >= until]
    within = changes[len(before) : len(changes) - len(later)]
    opening = balance_after(before, start)
    closing = total - sum((change.amount for change in later), Decimal(0))
    moved = sum((change.amount for change in within), Decimal(0))
    return ExplainedPeriod(opening, within, closing, closing - opening - moved)


def _changes_that_fit(
    history: BalanceHistory, definition: BalanceDefinition, total: Decimal, now: datetime
) -> list[BalanceChange]:
    """The changes under the first assumption that leads to the present balance.

    Assumed are the expiry of each credit, where the history does not tell it, the order in which
    debits use credits up, and the exact time. Where no assumption fits, the first is kept.
    """
    assumed = [history.movements]
    if all(movement.expires_at is None for movement in history.movements):
        assumed.append([_with_expiry(movement, definition) for movement in history.movements])
    attempts = (
        replay(movements, now + ahead, oldest_first=oldest_first)
        for movements, oldest_first, ahead in product(assumed, ORDERS, JUST_NOW)
    )
    first = next(attempts)
    if not history.complete:
        return first
    fitting = (changes for changes in attempts if balance_after(changes, Decimal(0)) == total)
    return first if balance_after(first, Decimal(0)) == total else next(fitting, first)


def _with_expiry(movement: Movement, definition: BalanceDefinition) -> Movement:
    """A credit with the expiry that the rules of its balance give it."""
    if movement.amount < 0:
        return movement
    return replace(movement, expires_at=expiry_of_credit(definition, movement.at))
