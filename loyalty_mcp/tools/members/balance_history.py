"""Reads the completed transactions of one balance of a member, newest first, up to a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any, Final

from loyalty_mcp.brevo.operations.transactions import PastTransaction, list_transaction_history
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.intents.lifecycle import MARKER
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.balance_replay import PastMovement
from loyalty_mcp.tools.points.movements import REVERSES

TRANSACTIONS_A_PAGE: Final = 500
MOST_PAGES: Final = 10
"""Pages of history that one answer reads; the answer says if older ones were not read."""


@dataclass(frozen=True, slots=True)
class BalanceHistory:
    """The completed transactions of a balance.

    Args:
        movements: oldest first.
        complete: whether they go back to the beginning.
    """

    movements: Sequence[PastMovement]
    complete: bool


async def read_balance_history(
    context: Context, program: str, member: int, balance: str
) -> BalanceHistory:
    """Read the history of one balance, up to 5,000 transactions.

    Raises:
        RateLimited: the rest of the hourly budget is not enough for the remaining pages.
        NotFound: there is no such member.
    """
    found: dict[str, PastTransaction] = {}
    for page in range(MOST_PAGES):
        # A page begins where the last one ended. A new transaction shifts the others back, so this
        # offset never skips one.
        request = list_transaction_history(
            program,
            member,
            balance,
            limit=TRANSACTIONS_A_PAGE,
            offset=page * TRANSACTIONS_A_PAGE,
            sort="desc",
        )
        reply = await context.brevo.send(request)
        found.update((item.id, item) for item in reply.transaction_history)
        if len(reply.transaction_history) < TRANSACTIONS_A_PAGE:
            return BalanceHistory(_movements(found), complete=True)
        if page == 0 and reply.count is not None:
            context.brevo.require(min(MOST_PAGES, ceil(reply.count / TRANSACTIONS_A_PAGE)) - 1)
    return BalanceHistory(_movements(found), complete=False)


def _movements(transactions: Mapping[str, PastTransaction]) -> list[PastMovement]:
    """The completed transactions, oldest first."""
    completed = [item for item in transactions.values() if item.status == "completed"]
    movements = [_movement_of(item) for item in reversed(completed)]
    return sorted(
        [movement for movement in movements if movement is not None], key=lambda each: each.at
    )


def _movement_of(transaction: PastTransaction) -> PastMovement | None:
    """A completed transaction; None if its time or amount is missing."""
    at = read_moment(transaction.completed_at or transaction.created_at)
    amount = transaction.amount
    if at is None or not amount:
        return None
    if transaction.transaction_type is not None:
        amount = abs(amount) if transaction.transaction_type == "credit" else -abs(amount)
    meta = transaction.meta or {}
    return PastMovement(
        transaction_id=transaction.id,
        at=at,
        amount=Decimal(amount),
        expires_at=read_moment(transaction.balance_expiration_date),
        reason=_text_in(meta, "reason"),
        order_id=_text_in(meta, "orderId"),
        reverses=_text_in(meta, REVERSES),
        intent=_text_in(meta, MARKER),
    )


def _text_in(meta: Mapping[str, Any], key: str) -> str | None:
    value = meta.get(key)
    return str(value) if isinstance(value, str | int) and value != "" else None
