"""Transactions: credits and debits, drafts until they are completed or cancelled."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from loyalty_mcp.brevo.operation import destructive, moves_value, read
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.brevo.reply_values import DateText, Entries, ReplyMoment
from loyalty_mcp.brevo.request import Request, get, post
from loyalty_mcp.brevo.types import (
    BalanceId,
    ContactId,
    Count,
    Expiry,
    Id,
    Instant,
    Limit,
    Meta,
    Number,
    Offset,
    Order,
    ProgramId,
    Reply,
    SignedAmount,
    TransactionType,
)

PROGRAMS = "/loyalty/balance/programs"
FORMER_STATUSES = {"pending": "draft", "complete": "completed"}


def current_status(value: Any) -> Any:
    """The current name of a status that Brevo renamed on 2026-09-03 (changelog)."""
    return FORMER_STATUSES.get(value, value) if isinstance(value, str) else value


TransactionStatus = Annotated[
    Literal["draft", "completed", "rejected", "cancelled", "expired"],
    BeforeValidator(current_status),
]
StatusWord = Annotated[str, BeforeValidator(current_status)]
"""A status in a reply; an unknown word is kept."""

Movement = Annotated[SignedAmount, Field(description="Positive credits, negative debits")]
SameAsSign = Annotated[TransactionType, Field(description="Must agree with the sign")]
OnlyType = Annotated[TransactionType, Field(description="Only these")]
OnlyStatus = Annotated[TransactionStatus, Field(description="Only these")]
Ttl = Annotated[Count, Field(ge=10, description="Seconds a draft stays open")]
CreditLife = Annotated[Count, Field(description="Minutes a credit lasts; needs auto_complete")]
TransactionId = Annotated[Id, Field(description="From the history")]


class Transaction(Reply):
    """A credit or a debit; `balance` is the new total after the movement."""

    id: str
    amount: Number | None = None
    balance: Number | None = None
    transaction_type: str | None = None
    meta: Meta | None = None
    status: StatusWord | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    contact_id: int | None = None
    event_time: ReplyMoment = None
    reject_reason: str | None = None
    rejected_at: ReplyMoment = None
    expiration_date: ReplyMoment = None
    completed_at: ReplyMoment = None
    cancelled_at: ReplyMoment = None
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None


class BalanceOrder(Reply):
    """A movement for a purchase; its transaction is completed or cancelled."""

    amount: Number | None = None
    balance_definition_id: str | None = None
    contact_id: int | None = None
    created_at: DateText = None
    due_at: DateText = None
    expires_at: DateText = None
    id: str | None = None
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    processed_at: DateText = None
    transaction_id: str = Field(alias="transactionid")
    updated_at: DateText = None


class PastTransaction(Reply):
    """A transaction in the history."""

    amount: Number | None = None
    transaction_type: str | None = None
    balance_expiration_date: DateText = None
    cancelled_at: DateText = None
    completed_at: DateText = None
    created_at: DateText = None
    id: str
    meta: Meta | None = None
    reject_reason: str | None = None
    rejected_at: DateText = None
    status: StatusWord | None = None


class TransactionHistory(Reply):
    """A page of a member's transactions in one balance."""

    balance_definition_id: str | None = None
    contact_id: int | None = None
    count: int | None = None
    loyalty_program_id: str | None = None
    transaction_history: Entries[PastTransaction] = ()


def _refuse_zero(amount: Decimal) -> None:
    """Raise ValueError for an amount of zero."""
    if amount == 0:
        raise ValueError('argument "amount" must not be 0')


def _refuse_contradiction(amount: Decimal, transaction_type: TransactionType | None) -> None:
    """Raise ValueError if sign and type disagree, because the API's choice is unknown."""
    if transaction_type is not None and (amount > 0) != (transaction_type == "credit"):
        raise ValueError('argument "amount" must be positive for a credit and negative for a debit')


@moves_value(
    "Create a transaction of {amount} in {balance} for member {member}.",
    before=get_account_info,
)
def create_transaction(
    program: ProgramId,
    member: ContactId,
    balance: BalanceId,
    amount: Movement,
    *,
    transaction_type: SameAsSign | None = None,
    auto_complete: Annotated[bool | None, Field(description="Complete at once")] = None,
    ttl: Ttl | None = None,
    balance_expiry_in_minutes: CreditLife | None = None,
    event_time: Annotated[Instant | None, Field(description="When it happened")] = None,
    meta: Meta | None = None,
) -> Request[Transaction]:
    """Create a draft, which moves nothing until completed. Prefer credit_points or debit_points."""
    _refuse_zero(amount)
    _refuse_contradiction(amount, transaction_type)
    if balance_expiry_in_minutes is not None and not auto_complete:
        raise ValueError("balance_expiry_in_minutes needs auto_complete")
    body = {
        "contactId": member,
        "balanceDefinitionId": balance,
        "amount": amount,
        "transactionType": transaction_type,
        "autoComplete": auto_complete,
        "ttl": ttl,
        "balanceExpiryInMinutes": balance_expiry_in_minutes,
        "eventTime": event_time,
        "meta": meta,
    }
    return post(f"{PROGRAMS}/{program}/transactions", Transaction, body)


@moves_value("Complete transaction {transaction_id}: its amount enters the balance for good.")
def complete_transaction(program: ProgramId, transaction_id: TransactionId) -> Request[Transaction]:
    """Complete a draft: its amount enters the balance for good. Tiers and rewards may follow."""
    return post(f"{PROGRAMS}/{program}/transactions/{transaction_id}/complete", Transaction)


@destructive("Cancel transaction {transaction_id}: it can never be completed.")
def cancel_transaction(program: ProgramId, transaction_id: TransactionId) -> Request[Transaction]:
    """Cancel a draft for good. To undo a completed transaction, use reverse_transaction."""
    return post(f"{PROGRAMS}/{program}/transactions/{transaction_id}/cancel", Transaction)


@moves_value(
    "Create an order of {amount} in {balance} for member {member}, due {due_at}.",
    before=get_account_info,
)
def create_balance_order(
    program: ProgramId,
    member: ContactId,
    balance: BalanceId,
    amount: Movement,
    *,
    source: Annotated[Literal["engine", "user"], Field(description="Who created it")],
    due_at: Annotated[Instant, Field(description="When it becomes due")],
    expires_at: Annotated[Expiry | None, Field(description="When it lapses")] = None,
    meta: Meta | None = None,
) -> Request[BalanceOrder]:
    """Create the draft of a purchase, due later; complete or cancel it by its transaction_id."""
    _refuse_zero(amount)
    body = {
        "amount": amount,
        "balanceDefinitionId": balance,
        "contactId": member,
        "source": source,
        "dueAt": due_at,
        "expiresAt": expires_at,
        "meta": meta,
    }
    return post(f"{PROGRAMS}/{program}/create-order", BalanceOrder, body)


@read
def list_transaction_history(
    program: ProgramId,
    member: ContactId,
    balance: BalanceId,
    *,
    limit: Limit = 20,
    offset: Offset | None = None,
    sort: Order | None = None,
    status: OnlyStatus | None = None,
    transaction_type: OnlyType | None = None,
) -> Request[TransactionHistory]:
    """List a member's transactions in one balance, newest first."""
    query = {
        "contactId": member,
        "balanceDefinitionId": balance,
        "limit": limit,
        "offset": offset,
        "sort": sort,
        "status": status,
        "transactionType": transaction_type,
    }
    return get(f"{PROGRAMS}/{program}/transaction-history", TransactionHistory, query)
