"""Endpoints for transactions: credits and debits in two phases, orders, and the history."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from loyalty_mcp.sandbox.api.balances import member_of
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Amount,
    Body,
    ContactId,
    Flag,
    Limit,
    Meta,
    Moment,
    NoBody,
    NoQuery,
    Offset,
    OwnId,
    Query,
    QueryContactId,
    Sort,
    Uuid,
)
from loyalty_mcp.sandbox.errors import Invalid, NotAllowed, NotFound, Rejected
from loyalty_mcp.sandbox.records import definitions, history, members, movements, programs
from loyalty_mcp.sandbox.records.orders import add_order
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.entities import Member, Movement, Program
from loyalty_mcp.sandbox.rules.ledger import Status, TransactionType
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_text
from loyalty_mcp.sandbox.store import UnitOfWork

A_CENTURY_OF_SECONDS = 3_155_760_000
A_CENTURY_OF_MINUTES = 52_596_000


class NewTransaction(Body):
    """A credit or a debit."""

    amount: Amount
    balance_definition_id: Uuid
    transaction_type: TransactionType | None = None
    contact_id: ContactId | None = None
    loyalty_subscription_id: OwnId | None = Field(
        None,
        validation_alias=AliasChoices("LoyaltySubscriptionId", "loyaltySubscriptionId"),
    )
    auto_complete: Flag | None = None
    ttl: Annotated[int, Field(strict=True, ge=10, le=A_CENTURY_OF_SECONDS)] | None = None
    balance_expiry_in_minutes: (
        Annotated[int, Field(strict=True, gt=0, le=A_CENTURY_OF_MINUTES)] | None
    ) = None
    event_time: Moment | None = None
    meta: Meta | None = None


class NewOrder(Body):
    """A credit or a debit tied to a purchase."""

    amount: Amount
    balance_definition_id: Uuid
    contact_id: ContactId
    source: Literal["engine", "user"]
    due_at: Moment
    expires_at: Moment | None = None
    meta: Meta | None = None


class HistoryPage(Query):
    """Query for a member's history under one definition."""

    contact_id: QueryContactId
    balance_definition_id: Uuid
    limit: Limit = 20
    offset: Offset = 0
    sort_field: Literal["createdAt"] = "createdAt"
    sort: Sort = "desc"
    status: Status | None = None
    transaction_type: TransactionType | None = None
    loyalty_subscription_id: str | None = None


def create_transaction(call: Call[NoQuery, NewTransaction]) -> Json:
    """Create a credit or a debit, and complete it if `autoComplete` is set."""
    program, new = programs.load_running_program(call.unit, call.id("pid")), call.body
    amount = ledger.signed_amount(new.amount, new.transaction_type)
    if new.balance_expiry_in_minutes is not None and not new.auto_complete:
        raise Invalid("balanceExpiryInMinutes: needs autoComplete")
    member = _enrolled(call.unit, program, new)
    movement = movements.draft_movement(
        call.unit,
        member,
        definitions.definition_in_force(call.unit, program, new.balance_definition_id),
        amount,
        ttl=new.ttl,
        minutes=new.balance_expiry_in_minutes,
        event_time=new.event_time,
        meta=new.meta,
    )
    if new.auto_complete:
        return transaction_reply(_completed_or_rejected(call.unit, program, movement), member)
    return transaction_reply(movement, member)


def complete_transaction(call: Call[NoQuery, NoBody]) -> Json:
    """Complete an open transaction: apply it to the balance."""
    program = programs.load_running_program(call.unit, call.id("pid"))
    movement = movements.load_movement(call.unit, program.id, call.id("tid"))
    member = members.member_by_seq(call.unit, movement.member_seq)
    if movement.status == "completed":
        return transaction_reply(movements.complete_again(call.unit, program, movement), member)
    return transaction_reply(_completed_or_rejected(call.unit, program, movement), member)


def cancel_transaction(call: Call[NoQuery, NoBody]) -> Json:
    """Cancel an open transaction."""
    program = programs.load_program(call.unit, call.id("pid"))
    movement = movements.load_movement(call.unit, program.id, call.id("tid"))
    member = members.member_by_seq(call.unit, movement.member_seq)
    return transaction_reply(movements.cancel_movement(call.unit, program, movement), member)


def create_balance_order(call: Call[NoQuery, NewOrder]) -> Json:
    """Create a credit or a debit tied to a purchase."""
    new = call.body
    amount = ledger.signed_amount(new.amount, None)
    try:
        program = programs.load_running_program(call.unit, call.id("pid"))
        definition = definitions.definition_in_force(call.unit, program, new.balance_definition_id)
    except NotFound as absent:
        # This operation declares no 404.
        raise NotAllowed(absent.message, code=absent.code) from None
    member = members.named_member(
        call.unit, program.id, new.contact_id, None, otherwise=NotAllowed(_NOT_ENROLLED)
    )
    movement = movements.draft_movement(
        call.unit, member, definition, amount, expires_at=new.expires_at, meta=new.meta
    )
    return {
        "amount": movement.amount,
        "balanceDefinitionId": definition.id,
        "contactId": member.contact_id,
        "createdAt": stored_to_text(movement.created_at),
        "dueAt": to_text(new.due_at),
        "expiresAt": stored_to_text(movement.expires_at),
        "id": add_order(call.unit, movement, new.source, new.due_at),
        "loyaltyProgramId": program.id,
        "meta": movement.meta,
        "processedAt": None,
        "transactionid": movement.id,
        "updatedAt": stored_to_text(movement.created_at),
    }


def list_transaction_history(call: Call[HistoryPage, NoBody]) -> Json:
    """List a member's movements under one definition."""
    program, page = programs.load_program(call.unit, call.id("pid")), call.query
    member = member_of(call.unit, program, page.contact_id)
    settings = call.unit.settings
    if settings.filters_ignored:
        unfiltered: dict[str, None] = dict.fromkeys(
            ("status", "transaction_type", "loyalty_subscription_id")
        )
        page = page.model_copy(update=unfiltered)
    if page.loyalty_subscription_id not in (None, member.own_id):
        raise NotFound("The contact has another loyaltySubscriptionId.")
    definition = definitions.definition_in_force(call.unit, program, page.balance_definition_id)
    found = history.page_of_movements(
        call.unit,
        member,
        definition.id,
        status=page.status,
        transaction_type=page.transaction_type,
        descending=page.sort == "desc" and not settings.history_oldest_first,
        limit=page.limit,
        offset=page.offset,
    )
    return {
        "balanceDefinitionId": definition.id,
        "contactId": member.contact_id,
        "count": history.count_movements(
            call.unit,
            member,
            definition.id,
            status=page.status,
            transaction_type=page.transaction_type,
        ),
        "loyaltyProgramId": program.id,
        "transactionHistory": [_history_entry(movement) for movement in found],
    }


def transaction_reply(movement: Movement, member: Member) -> Json:
    """Return a transaction as the API shows it, with `balance` only if it was applied."""
    ended = stored_to_text(movement.resolved_at)
    last = movement.resolved_at
    if last is None:
        last = movement.expires_at if movement.status == "expired" else movement.created_at
    applied = {} if movement.balance is None else {"balance": movement.balance}
    return {
        "id": movement.id,
        "amount": movement.amount,
        **applied,
        "transactionType": ledger.type_of(movement.amount),
        "meta": movement.meta,
        "status": movement.status,
        "loyaltyProgramId": movement.program_id,
        "balanceDefinitionId": movement.definition_id,
        "contactId": member.contact_id,
        "eventTime": stored_to_text(movement.event_time or movement.created_at),
        "rejectReason": movement.reason,
        "rejectedAt": ended if movement.status == "rejected" else None,
        "expirationDate": stored_to_text(movement.expires_at),
        "completedAt": ended if movement.status == "completed" else None,
        "cancelledAt": ended if movement.status == "cancelled" else None,
        "createdAt": stored_to_text(movement.created_at),
        "updatedAt": stored_to_text(last),
    }


_NOT_ENROLLED = "The contact is not enrolled in this program."


def _enrolled(unit: UnitOfWork, program: Program, new: NewTransaction) -> Member:
    if new.contact_id is None and new.loyalty_subscription_id is None:
        raise Invalid("contactId or LoyaltySubscriptionId: is required", code="missing_parameter")
    return members.named_member(
        unit,
        program.id,
        new.contact_id,
        new.loyalty_subscription_id,
        otherwise=NotAllowed(_NOT_ENROLLED),
    )


def _completed_or_rejected(unit: UnitOfWork, program: Program, movement: Movement) -> Movement:
    try:
        return movements.complete_movement(unit, program, movement)
    except Rejected:
        if unit.settings.rejected_answer_status == 200:
            return movements.load_movement(unit, program.id, movement.id)
        raise


def _history_entry(movement: Movement) -> Json:
    ended = stored_to_text(movement.resolved_at)
    happened = {
        "balanceExpirationDate": stored_to_text(movement.lot_expires_at),
        "cancelledAt": ended if movement.status == "cancelled" else None,
        "completedAt": ended if movement.status == "completed" else None,
        "rejectReason": movement.reason,
        "rejectedAt": ended if movement.status == "rejected" else None,
    }
    return {
        "id": movement.id,
        "amount": movement.amount,
        "transactionType": ledger.type_of(movement.amount),
        "meta": movement.meta,
        "createdAt": stored_to_text(movement.created_at),
        "status": movement.status,
        **{name: value for name, value in happened.items() if value is not None},
    }
