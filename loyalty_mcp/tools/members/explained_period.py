"""The changes of a balance in a period, and the unexplained rest. Pure."""

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
    PastMovement,
    balance_after,
    moved_by,
    replay,
)
from loyalty_mcp.tools.members.expiry_rules import expiry_of_credit

ORDERS: Final = (False, True)
"""Whether debits consume the oldest credit first; the API does not document the order."""

JUST_NOW: Final = (timedelta(0), timedelta(seconds=2))
"""How far the API's clock may be ahead of its last answer."""


@dataclass(frozen=True, slots=True)
class ExplainedPeriod:
    """A balance over a period.

    Args:
        opening: the balance at the beginning.
        changes: in chronological order.
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
    """Explain a balance from its transactions and the expiry of its credits.

    The opening balance is computed forward from the start of the history, and the closing balance
    backward from the current one, so that anything without a transaction remains as a difference.
    If the history does not go back to the start, the opening balance is set to fit.

    Args:
        history: the completed transactions.
        definition: the live version of the balance.
        total: the present balance.
        now: when the total was read.
        since: the start; None for the start of the history.
        until: the end, exclusive; None for now.
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
    """The changes under the first assumption that yields the current balance.

    The assumptions concern the expiry of each credit if the history does not show it, the order in
    which debits consume credits, and the exact time. If none fits, the first is used.
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


def _with_expiry(movement: PastMovement, definition: BalanceDefinition) -> PastMovement:
    """A credit with the expiry that results from the rules of its balance."""
    if movement.amount < 0:
        return movement
    return replace(movement, expires_at=expiry_of_credit(definition, movement.at))
