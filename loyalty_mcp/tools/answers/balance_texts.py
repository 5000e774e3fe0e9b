"""Members' balances in words: totals, remaining credits, and transactions."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.balances import (
    ActiveBalances,
    ContactBalances,
    Lot,
    SubscriptionBalances,
)
from loyalty_mcp.brevo.operations.transactions import PastTransaction, TransactionHistory
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.brevo.visibility import is_internal
from loyalty_mcp.intents.roles import definition_of
from loyalty_mcp.tools.answers.listing import day_text, list_text, with_filters
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.members.people import member_heading
from loyalty_mcp.tools.render import amount_text, moment_text, signed_amount_text

NO_AMOUNT: Final = "amount unknown"


async def contact_balances_text(
    context: Context, arguments: Mapping[str, Any], found: ContactBalances
) -> str:
    """Members with their total in one balance."""
    name, unit = await _balance(context, arguments)
    lines = []
    for holder in found.balances:
        own = holder.loyalty_subscription_id
        who = f"contact {holder.contact_id}" + (f", own id {quoted(own)}" if own else "")
        lines.append(f"{who}: {amount_text(holder.value or Decimal(0), unit)}")
    count = len(lines) if found.count is None else found.count
    heading = f"{count:,} member{'' if count == 1 else 's'} with {name}"
    return list_text(heading, lines, found.count, arguments.get("offset"))


async def subscription_balances_text(
    context: Context, arguments: Mapping[str, Any], found: SubscriptionBalances
) -> str:
    """A member's totals."""
    definitions = await _definitions(context, arguments)
    lines = []
    for total in found.balance:
        definition = definitions.get(total.balance_definition_id)
        name = "a balance that is not live" if definition is None else _named(definition)
        unit = "points" if definition is None else unit_of(definition)
        lines.append(f"{name}: {amount_text(total.value or Decimal(0), unit)}")
    who = await member_heading(context, arguments["program"], arguments["member"])
    return list_text(f"Balances of {who}", lines)


async def active_balances_text(
    context: Context, arguments: Mapping[str, Any], found: ActiveBalances
) -> str:
    """What is left of a member's credits, and when they expire."""
    name, unit = await _balance(context, arguments)
    lines = [_lot_line(context, lot, unit) for lot in found.active_balances]
    who = await member_heading(context, arguments["program"], arguments["member"])
    heading = f"Unspent credits of {who} in {name}"
    return list_text(heading, lines, found.count, arguments.get("offset"))


def _lot_line(context: Context, lot: Lot, unit: str) -> str:
    left = amount_text(lot.amount or Decimal(0), unit)
    since = f", credited on {day_text(lot.created_at)}" if lot.created_at else ""
    if lot.expires_at is None:
        return f"{left}{since}, never expiring"
    return f"{left}{since}, expiring {moment_text(lot.expires_at, context.brevo.upstream_now())}"


async def transaction_history_text(
    context: Context, arguments: Mapping[str, Any], found: TransactionHistory
) -> str:
    """A member's transactions in one balance.

    Ids are shown to callers who can complete, cancel or reverse a transaction.
    """
    name, unit = await _balance(context, arguments)
    with_ids = not definition_of(context.role).sees_as_member
    lines = [_transaction_line(item, unit, with_ids) for item in found.transaction_history]
    who = await member_heading(context, arguments["program"], arguments["member"])
    heading = with_filters(
        f"Transactions of {who} in {name}", arguments, "status", "transaction_type"
    )
    return list_text(heading, lines, found.count, arguments.get("offset"))


def _transaction_line(transaction: PastTransaction, unit: str, with_ids: bool) -> str:
    at = read_moment(transaction.completed_at or transaction.created_at)
    amount = transaction.amount
    moved = NO_AMOUNT if amount is None else signed_amount_text(amount, unit)
    parts = [f"{day_text(at)}: {moved}" if at else moved]
    if transaction.status != "completed":
        parts.append(_status_text(transaction))
    meta = transaction.meta or {}
    if isinstance(meta.get("reason"), str) and meta["reason"]:
        parts.append(quoted(meta["reason"]))
    if isinstance(meta.get("orderId"), str | int):
        parts.append(f"order {quoted(str(meta['orderId']))}")
    if with_ids:
        parts.append(f"id {transaction.id}")
    return ", ".join(parts)


def _status_text(transaction: PastTransaction) -> str:
    known = {
        "draft": "still a draft",
        "cancelled": "cancelled",
        "expired": "lapsed before it was completed",
        "rejected": "rejected",
    }
    status = known.get(transaction.status or "") or quoted(transaction.status or "status unknown")
    why = transaction.reject_reason
    return f"{status}: {quoted(why)}" if why else status


async def _definitions(
    context: Context, arguments: Mapping[str, Any]
) -> dict[str, BalanceDefinition]:
    found: Sequence[BalanceDefinition] = await context.references.balances(arguments["program"])
    return {definition.id: definition for definition in found}


async def _balance(context: Context, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """The quoted name and the unit of the balance of a read."""
    definition = (await _definitions(context, arguments)).get(arguments["balance"])
    return (
        ("the balance", "points")
        if definition is None
        else (
            _named(definition),
            unit_of(definition),
        )
    )


def _named(definition: BalanceDefinition) -> str:
    return f"{quoted(definition.name)}{' (internal)' if is_internal(definition) else ''}"
