"""Movements: transactions from creation to their single resolution."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import NotAllowed, NotFound, Rejected
from loyalty_mcp.sandbox.records import balances, definitions, events, members
from loyalty_mcp.sandbox.records.lots import book_lots
from loyalty_mcp.sandbox.records.movement_events import (
    announce_ceiling,
    announce_minimum,
    announce_refusal,
    movement_details,
)
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.amounts import from_millionths, to_millionths
from loyalty_mcp.sandbox.rules.entities import (
    CompletedMovement,
    Definition,
    Member,
    Movement,
    Program,
)
from loyalty_mcp.sandbox.rules.ledger import Application
from loyalty_mcp.sandbox.rules.moments import to_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork

# An expired ttl is not stored; it is computed when the transaction is read.
STATUS_SQL: Final = """
SELECT t.*, r.at, r.applied, r.balance, r.reason, l.expires_at AS lot_expires_at,
    COALESCE(r.status, CASE WHEN t.expires_at <= ? THEN 'expired' ELSE 'draft' END) AS status
FROM transactions t LEFT JOIN resolutions r ON r.transaction_seq = t.seq
LEFT JOIN lots l ON l.transaction_seq = t.seq
"""


def draft_movement(
    unit: UnitOfWork,
    member: Member,
    definition: Definition,
    amount: Decimal,
    *,
    ttl: int | None = None,
    expires_at: datetime | None = None,
    minutes: int | None = None,
    event_time: datetime | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Movement:
    """Create a movement of a signed amount, without changing the balance.

    Raises:
        Invalid: The amount rounds to zero.
        NotAllowed: Balance or caps refuse it, where `checks_at_creation` is set.
    """
    amount = ledger.rounded_amount(definition.rules, amount)
    if unit.settings.checks_at_creation:
        _decide_movement(unit, member, definition, amount, minutes=minutes, besides=None)
    if expires_at is None:
        expires_at = _ttl_end(unit, ttl)
    movement_id = unit.new_id()
    unit.run(
        "INSERT INTO transactions (id, program, definition, member, amount, minutes, event_time,"
        " meta, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        movement_id,
        member.program_id,
        definition.id,
        member.seq,
        to_millionths(amount),
        minutes,
        None if event_time is None else to_milliseconds(event_time),
        documents.dump(meta or {}),
        unit.now_stored,
        None if expires_at is None else to_milliseconds(expires_at),
    )
    return load_movement(unit, member.program_id, movement_id)


def _ttl_end(unit: UnitOfWork, ttl: int | None) -> datetime | None:
    if ttl is not None:
        return unit.now + timedelta(seconds=ttl * 60 if unit.settings.ttl_minutes else ttl)
    seconds = unit.settings.default_ttl
    return None if seconds is None else unit.now + timedelta(seconds=seconds)


def load_movement(unit: UnitOfWork, program_id: str, movement_id: str) -> Movement:
    """Return a transaction.

    Raises:
        NotFound: The program has none with that id, or its member has left.
    """
    row = unit.one(
        f"{STATUS_SQL} JOIN subscriptions s ON s.seq = t.member"
        " WHERE t.id = ? AND t.program = ? AND s.ended_at IS NULL",
        unit.now_stored,
        movement_id,
        program_id,
    )
    if row is None:
        raise NotFound("There is no transaction with that id.")
    return movement_from_row(unit, row)


def complete_movement(unit: UnitOfWork, program: Program, movement: Movement) -> Movement:
    """Apply an open movement to the balance, and run the hooks.

    Raises:
        NotAllowed: It is already resolved.
        Rejected: Balance, caps or limits refuse it; it is then rejected for good.
    """
    ledger.require_open_transaction(movement.status)
    member = members.member_by_seq(unit, movement.member_seq)
    definition = _definition(unit, program, movement, member)
    try:
        application = _decide_movement(
            unit, member, definition, movement.amount, minutes=movement.minutes, besides=movement.id
        )
    except NotAllowed as refusal:
        _reject(unit, movement, member, definition, refusal)
        raise Rejected(refusal.message, code=refusal.code) from None
    book_lots(unit, movement, member, application)
    _resolve_movement(unit, movement, "completed", application)
    balances.mark_changed(unit, member, movement.definition_id)
    completed = load_movement(unit, movement.program_id, movement.id)
    events.emit(
        unit,
        "balance_value_updated",
        member,
        balance_definition=events.definition_details(definition),
        transaction=movement_details(completed),
        value=application.balance,
    )
    if application.applied != movement.amount:
        announce_ceiling(unit, member, definition, movement, application.balance)
    before = application.balance - application.applied
    if ledger.falls_below_minimum(definition.rules, before, application.balance):
        announce_minimum(unit, member, definition, movement.id, application.balance)
    fact = CompletedMovement(completed, member, definition, application, unit.now)
    for follow in unit.hooks.after_completion:
        follow(unit, fact)
    return completed


def complete_again(unit: UnitOfWork, program: Program, movement: Movement) -> Movement:
    """Handle a second completion of a movement as the switch `complete_twice` says.

    If it is applied again, the repetition is a separate transaction in the history.

    Raises:
        NotAllowed: It is refused.
        Rejected: It is applied again, but balance, caps or limits refuse it.
    """
    mode = unit.settings.complete_twice
    if mode == "refused":
        ledger.require_open_transaction(movement.status)
    if mode != "applied":
        return movement
    member = members.member_by_seq(unit, movement.member_seq)
    repetition = draft_movement(
        unit,
        member,
        definitions.definition_in_force(unit, program, movement.definition_id),
        movement.amount,
        minutes=movement.minutes,
        meta=movement.meta,
    )
    return replace(complete_movement(unit, program, repetition), id=movement.id)


def cancel_movement(unit: UnitOfWork, program: Program, movement: Movement) -> Movement:
    """Cancel an open movement for good.

    Raises:
        NotAllowed: It is already resolved.
    """
    ledger.require_open_transaction(movement.status)
    _resolve_movement(unit, movement, "cancelled")
    member = members.member_by_seq(unit, movement.member_seq)
    definition = _find_definition(unit, program, movement)
    if definition is not None:
        announce_refusal(unit, member, definition, movement, "cancelled")
    return load_movement(unit, movement.program_id, movement.id)


def _decide_movement(
    unit: UnitOfWork,
    member: Member,
    definition: Definition,
    amount: Decimal,
    *,
    minutes: int | None,
    besides: str | None,
) -> Application:
    application = ledger.apply_movement(
        definition.rules,
        balances.touched_lots(unit, member, definition.id, amount),
        amount,
        unit.now,
        balance=balances.balance_value(unit, member, definition.id),
        minutes=minutes,
        reserved=_reserved(unit, member, definition, besides) if amount < 0 else Decimal(0),
        oldest_first=unit.settings.oldest_first,
    )
    for check in unit.hooks.before_application:
        check(unit, member, definition, application.applied)
    return application


def _reserved(
    unit: UnitOfWork, member: Member, definition: Definition, besides: str | None
) -> Decimal:
    if not unit.settings.drafts_reserve:
        return Decimal(0)
    open_debits = unit.number(
        "SELECT COALESCE(-SUM(t.amount), 0) FROM transactions t"
        " LEFT JOIN resolutions r ON r.transaction_seq = t.seq"
        " WHERE t.member = ? AND t.definition = ? AND t.amount < 0 AND t.id IS NOT ?"
        " AND r.status IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?)",
        member.seq,
        definition.id,
        besides,
        unit.now_stored,
    )
    return from_millionths(open_debits)


def _resolve_movement(
    unit: UnitOfWork,
    movement: Movement,
    status: Literal["completed", "rejected", "cancelled"],
    application: Application | None = None,
    reason: str | None = None,
) -> None:
    unit.run(
        "INSERT INTO resolutions VALUES (?, ?, ?, ?, ?, ?)",
        movement.seq,
        status,
        unit.now_stored,
        None if application is None else to_millionths(application.applied),
        None if application is None else to_millionths(application.balance),
        reason,
    )


def _reject(
    unit: UnitOfWork,
    movement: Movement,
    member: Member,
    definition: Definition,
    refusal: NotAllowed,
) -> None:
    _resolve_movement(unit, movement, "rejected", reason=refusal.message)
    announce_refusal(unit, member, definition, movement, refusal.message)
    if isinstance(refusal, ledger.CeilingReached):
        balance = balances.balance_value(unit, member, definition.id)
        announce_ceiling(unit, member, definition, movement, balance)


def _definition(
    unit: UnitOfWork, program: Program, movement: Movement, member: Member
) -> Definition:
    definition = _find_definition(unit, program, movement)
    if definition is not None:
        return definition
    reason = "The balance definition is no longer active."
    _resolve_movement(unit, movement, "rejected", reason=reason)
    balances.mark_changed(unit, member, movement.definition_id)
    raise Rejected(reason)


def _find_definition(unit: UnitOfWork, program: Program, movement: Movement) -> Definition | None:
    try:
        return definitions.definition_in_force(unit, program, movement.definition_id)
    except (NotFound, NotAllowed):
        return None


def movement_from_row(unit: UnitOfWork, row: sqlite3.Row) -> Movement:
    """Read a row of `STATUS_SQL` as a movement."""
    applied = row["applied"]
    asked = unit.settings.partial_reports_requested or applied is None
    return Movement(
        seq=row["seq"],
        id=row["id"],
        program_id=row["program"],
        definition_id=row["definition"],
        member_seq=row["member"],
        amount=from_millionths(row["amount"] if asked else applied),
        minutes=row["minutes"],
        event_time=row["event_time"],
        meta=documents.load(row["meta"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=row["status"],
        resolved_at=row["at"],
        lot_expires_at=row["lot_expires_at"],
        balance=None if row["balance"] is None else from_millionths(row["balance"]),
        reason=row["reason"],
    )
