"""Orders that were already credited or debited, in the journal and in the member's history."""

from collections.abc import Sequence
from decimal import Decimal

from loyalty_mcp.brevo.operations.transactions import PastTransaction
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.intents.lifecycle import COUNTS_TOWARD_CAPS, Intent, order_reference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.points.history import Place
from loyalty_mcp.tools.points.movement_amounts import MovementKind
from loyalty_mcp.tools.render import amount_text

HAPPENED = frozenset({"completed", "draft"})
ORDER_KEYS = ("orderId", "order_id", "loyaltyMcpOrder")
"""The keys of orders in `meta`: ours, and those that shops are advised to use."""


def order_of(transaction: PastTransaction) -> str | None:
    """The order of a transaction, if its `meta` names one."""
    meta = transaction.meta or {}
    found = next((meta[key] for key in ORDER_KEYS if meta.get(key) not in {None, ""}), None)
    return None if found is None else str(found)


async def repeated_order(
    context: Context,
    place: Place,
    order_id: str,
    kind: MovementKind,
    history: Sequence[PastTransaction],
) -> list[str]:
    """A warning for each movement of the same order that happened, or may have happened.

    Args:
        context: the clients, the journal and the settings that tools use.
        place: the member and the balance.
        order_id: the order.
        kind: the requested direction.
        history: the newest transactions of the balance.

    Raises:
        JournalUnavailable: the journal cannot be read.
        LoyaltyError: the balances of the program cannot be read.
    """
    definitions = await context.references.balances(place.program)
    unit = next((unit_of(item) for item in definitions if item.id == place.balance), "points")
    seen = {
        item.id: _sentence(order_id, kind, item, unit)
        for item in history
        if order_of(item) == order_id
        and _kind(item) == kind
        and item.status in {"completed", "draft"}
    }
    journal, reference = context.journal.open(), order_reference(order_id)
    earlier = await journal.referring_to(context.account, reference, COUNTS_TOWARD_CAPS)
    for intent in earlier:
        if _same_place(intent, place, kind) and intent.transaction_id not in seen:
            seen[intent.id] = _journal_sentence(order_id, kind, intent, unit)
    return list(seen.values())


def _kind(item: PastTransaction) -> MovementKind:
    debit = (item.amount or 0) < 0 or item.transaction_type == "debit"
    return "debit" if debit else "credit"


def _sentence(order_id: str, kind: MovementKind, item: PastTransaction, unit: str) -> str:
    amount = amount_text(abs(Decimal(item.amount or 0)), unit)
    if item.status == "draft":
        return f"Order {quoted(order_id)} has an open draft already: {amount}, id {item.id}."
    day = (item.completed_at or item.created_at or "")[:10]
    return (
        f"Order {quoted(order_id)} was {kind}ed already by transaction {item.id} "
        f"({amount}, {day or 'day unknown'})."
    )


def _same_place(intent: Intent, place: Place, kind: MovementKind) -> bool:
    movement = intent.movement
    return movement is not None and movement.kind == kind and movement.member == place.member


def _journal_sentence(order_id: str, kind: MovementKind, intent: Intent, unit: str) -> str:
    may = "was" if intent.state == "applied" else "may have been"
    movement = intent.movement
    amount = "" if movement is None else amount_text(movement.amount, unit)
    return (
        f"Order {quoted(order_id)} {may} {kind}ed already by intent {intent.id[:8]} "
        f"({amount}, {intent.created_at:%Y-%m-%d})."
    )
