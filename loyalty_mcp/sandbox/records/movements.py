"""Movements: transactions from their creation to their one resolution, and orders."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import NotAllowed, NotFound, Rejected
from loyalty_mcp.sandbox.records import balances, definitions, due, events, members, programs
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.amounts import from_millionths, to_millionths
from loyalty_mcp.sandbox.rules.entities import Completed, Definition, Member, Movement, Program
from loyalty_mcp.sandbox.rules.ledger import Application, Status, TransactionType
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_milliseconds
from loyalty_mcp.sandbox.store import Unit

REMINDER: Final = timedelta(days=7)
"""How long before its end a lot's expiry is announced."""

# A lapsed ttl is no row: it is seen when the transaction is read.
_STATUS_SQL: Final = """
SELECT t.*, r.at, r.applied, r.balance, r.lot_expires_at, r.reason,
    COALESCE(r.status, CASE WHEN t.expires_at <= ? THEN 'expired' ELSE 'draft' END) AS status
FROM transactions t LEFT JOIN resolutions r ON r.transaction_seq = t.seq
"""


def draft(
    unit: Unit,
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
    """Open a movement of a signed amount; the balance stays as it is.

    Raises:
        Invalid: The amount rounds to zero.
        NotAllowed: Balance or caps refuse it, where settings have them looked at now.
    """
    amount = ledger.rounded(definition.rules, amount)
    if unit.settings.checks_at_creation:
        _decide(unit, member, definition, amount, minutes=minutes, besides=None)
    seconds = unit.settings.default_ttl if ttl is None else ttl
    if expires_at is None and seconds is not None:
        expires_at = unit.now + timedelta(seconds=seconds)
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
    return get(unit, member.program_id, movement_id)


def get(unit: Unit, program_id: str, movement_id: str) -> Movement:
    """Return a transaction as it stands.

    Raises:
        NotFound: The program has none with that id, or its member has left.
    """
    row = unit.one(
        f"{_STATUS_SQL} JOIN subscriptions s ON s.seq = t.member"
        " WHERE t.id = ? AND t.program = ? AND s.ended_at IS NULL",
        unit.now_stored,
        movement_id,
        program_id,
    )
    if row is None:
        raise NotFound("There is no transaction with that id.")
    return _movement(unit, row)


def complete(unit: Unit, program: Program, movement: Movement) -> Movement:
    """Let an open movement enter the balance, and everything that follows from it happen.

    Raises:
        NotAllowed: It is resolved already.
        Rejected: Balance, caps or limits refuse it; it is then rejected for good.
    """
    ledger.require_open(movement.status)
    member = members.by_seq(unit, movement.member_seq)
    definition = _definition(unit, program, movement, member)
    try:
        application = _decide(
            unit, member, definition, movement.amount, minutes=movement.minutes, besides=movement.id
        )
    except NotAllowed as refusal:
        _reject(unit, movement, member, definition, refusal)
        raise Rejected(refusal.message, code=refusal.code) from None
    _book(unit, movement, member, application)
    completed = get(unit, movement.program_id, movement.id)
    events.emit(
        unit,
        "balance_value_updated",
        member,
        balance_definition=events.definition_details(definition),
        transaction=_details(completed),
        value=application.balance,
    )
    if application.applied != movement.amount:
        _announce_ceiling(unit, member, definition, movement, application.balance)
    fact = Completed(completed, member, definition, application, unit.now)
    for follow in unit.hooks.after_completion:
        follow(unit, fact)
    return completed


def cancel(unit: Unit, program: Program, movement: Movement) -> Movement:
    """Void an open movement, so that it can never enter the balance.

    Raises:
        NotAllowed: It is resolved already.
    """
    ledger.require_open(movement.status)
    _resolve(unit, movement, "cancelled")
    member = members.by_seq(unit, movement.member_seq)
    definition = _find_definition(unit, program, movement)
    if definition is not None:
        _announce_refusal(unit, member, definition, movement, "cancelled")
    return get(unit, movement.program_id, movement.id)


def order(
    unit: Unit, movement: Movement, source: Literal["engine", "user"], due_at: datetime
) -> str:
    """Tie an open movement to a purchase that falls due, and return the order's id."""
    order_id = unit.new_id()
    unit.run(
        "INSERT INTO orders VALUES (?, ?, ?, ?)",
        movement.seq,
        order_id,
        source,
        to_milliseconds(due_at),
    )
    due_kinds: dict[str, due.DueKind] = {"on_clock_step": "step", "always": "always"}
    due_kind = due_kinds.get(unit.settings.orders_fall_due)
    if due_kind is not None:
        due.schedule(unit, "order", movement.id, max(due_at, unit.now), due_kind)
    return order_id


def page(
    unit: Unit,
    member: Member,
    definition_id: str,
    *,
    status: Status | None = None,
    transaction_type: TransactionType | None = None,
    descending: bool = True,
    limit: int = 20,
    offset: int = 0,
) -> list[Movement]:
    """Return a page of a member's movements under one definition, by creation."""
    condition, values = _filter(unit, member, definition_id, status, transaction_type)
    direction = "DESC" if descending else "ASC"
    rows = unit.all(
        f"{_STATUS_SQL} WHERE {condition} ORDER BY t.seq {direction} LIMIT ? OFFSET ?",
        *values,
        limit,
        offset,
    )
    return [_movement(unit, row) for row in rows]


def count(
    unit: Unit,
    member: Member,
    definition_id: str,
    *,
    status: Status | None = None,
    transaction_type: TransactionType | None = None,
) -> int:
    """Return how many movements a member has under one definition."""
    if status is None and transaction_type is None:
        sql = "SELECT COUNT(*) FROM transactions WHERE member = ? AND definition = ?"
        return unit.number(sql, member.seq, definition_id)
    condition, values = _filter(unit, member, definition_id, status, transaction_type)
    return unit.number(f"SELECT COUNT(*) FROM ({_STATUS_SQL} WHERE {condition})", *values)  # noqa: S608


def _filter(
    unit: Unit,
    member: Member,
    definition_id: str,
    status: Status | None,
    transaction_type: TransactionType | None,
) -> tuple[str, list[object]]:
    condition = "t.member = ? AND t.definition = ?"
    values: list[object] = [unit.now_stored, member.seq, definition_id]
    if transaction_type is not None:
        condition += " AND t.amount > 0" if transaction_type == "credit" else " AND t.amount < 0"
    if status is not None:
        condition += (
            " AND COALESCE(r.status, CASE WHEN t.expires_at <= ? THEN 'expired' ELSE 'draft' END)"
            " = ?"
        )
        values += [unit.now_stored, status]
    return condition, values


def _decide(
    unit: Unit,
    member: Member,
    definition: Definition,
    amount: Decimal,
    *,
    minutes: int | None,
    besides: str | None,
) -> Application:
    application = ledger.apply(
        definition.rules,
        balances.touched_lots(unit, member, definition.id, amount),
        amount,
        unit.now,
        balance=balances.value(unit, member, definition.id),
        minutes=minutes,
        reserved=_reserved(unit, member, definition, besides) if amount < 0 else Decimal(0),
        oldest_first=unit.settings.oldest_first,
    )
    for check in unit.hooks.before_application:
        check(unit, member, definition, application.applied)
    return application


def _reserved(unit: Unit, member: Member, definition: Definition, besides: str | None) -> Decimal:
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


def _book(unit: Unit, movement: Movement, member: Member, application: Application) -> None:
    for entry in application.entries:
        _enter(unit, movement, entry.lot, to_millionths(entry.amount))
        _shrink(unit, member, movement.definition_id, entry.lot, to_millionths(entry.amount))
    opened = application.opened
    ends = None
    if opened is not None:
        ends = None if opened.expires_at is None else to_milliseconds(opened.expires_at)
        size = to_millionths(opened.amount)
        lot = unit.run(
            "INSERT INTO lots (id, transaction_seq, amount, created_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?)",
            unit.new_id(),
            movement.seq,
            size,
            unit.now_stored,
            ends,
        )
        _enter(unit, movement, lot, size)
        unit.run(
            "INSERT INTO open_lots VALUES (?, ?, ?, ?, ?)",
            member.seq,
            movement.definition_id,
            lot,
            size,
            ends,
        )
        if opened.expires_at is not None:
            due.schedule(unit, "lot_expiry", lot, opened.expires_at)
            if opened.expires_at - REMINDER > unit.now:
                due.schedule(unit, "lot_reminder", lot, opened.expires_at - REMINDER)
    _resolve(unit, movement, "completed", application, ends)
    balances.touch(unit, member, movement.definition_id)


def _enter(unit: Unit, movement: Movement, lot: int, amount: int) -> None:
    unit.run("INSERT INTO entries VALUES (?, ?, ?)", lot, movement.seq, amount)


def _shrink(unit: Unit, member: Member, definition_id: str, lot: int, amount: int) -> None:
    key = (member.seq, definition_id, lot)
    used_up = unit.one(
        "DELETE FROM open_lots WHERE member = ? AND definition = ? AND lot = ?"
        " AND remaining + ? = 0 RETURNING 1",
        *key,
        amount,
    )
    if used_up is None:
        unit.run(
            "UPDATE open_lots SET remaining = remaining + ?"
            " WHERE member = ? AND definition = ? AND lot = ?",
            amount,
            *key,
        )


def _resolve(
    unit: Unit,
    movement: Movement,
    status: Literal["completed", "rejected", "cancelled"],
    application: Application | None = None,
    lot_expires_at: int | None = None,
    reason: str | None = None,
) -> None:
    unit.run(
        "INSERT INTO resolutions VALUES (?, ?, ?, ?, ?, ?, ?)",
        movement.seq,
        status,
        unit.now_stored,
        None if application is None else to_millionths(application.applied),
        None if application is None else to_millionths(application.balance),
        lot_expires_at,
        reason,
    )


def _reject(
    unit: Unit, movement: Movement, member: Member, definition: Definition, refusal: NotAllowed
) -> None:
    _resolve(unit, movement, "rejected", reason=refusal.message)
    _announce_refusal(unit, member, definition, movement, refusal.message)
    balance = balances.value(unit, member, definition.id)
    if isinstance(refusal, ledger.CeilingReached):
        _announce_ceiling(unit, member, definition, movement, balance)
    if isinstance(refusal, ledger.FloorReached):
        events.emit(
            unit,
            "balance_minimum_value_reached",
            member,
            balance_definition=events.definition_details(definition),
            source_event_id=movement.id,
            value=balance,
        )


def _announce_refusal(
    unit: Unit, member: Member, definition: Definition, movement: Movement, reason: str
) -> None:
    events.emit(
        unit,
        "balance_transaction_unauthorized",
        member,
        balance_definition=events.definition_details(definition),
        reason=reason,
        transaction=_details(movement),
    )


def _announce_ceiling(
    unit: Unit, member: Member, definition: Definition, movement: Movement, balance: Decimal
) -> None:
    events.emit(
        unit,
        "balance_maximum_value_reached",
        member,
        balance_definition=events.definition_details(definition),
        source_event_id=movement.id,
        value=balance,
    )


def _details(movement: Movement) -> dict[str, Any]:
    return {
        "id": movement.id,
        "type": ledger.type_of(movement.amount),
        "value": movement.amount,
        "meta": movement.meta,
    }


def _definition(unit: Unit, program: Program, movement: Movement, member: Member) -> Definition:
    definition = _find_definition(unit, program, movement)
    if definition is not None:
        return definition
    reason = "The balance definition is no longer in force."
    _resolve(unit, movement, "rejected", reason=reason)
    balances.touch(unit, member, movement.definition_id)
    raise Rejected(reason)


def _find_definition(unit: Unit, program: Program, movement: Movement) -> Definition | None:
    try:
        return definitions.get_in_force(unit, program, movement.definition_id)
    except (NotFound, NotAllowed):
        return None


def _movement(unit: Unit, row: sqlite3.Row) -> Movement:
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


def expire_lot(unit: Unit, lot: int) -> None:
    """Announce what a lot still held when it ended; the balance has fallen by itself."""
    _lapse(unit, lot, "balance_value_expired")


def remind_of_lot(unit: Unit, lot: int) -> None:
    """Announce that a lot ends soon, if anything is left of it."""
    _lapse(unit, lot, "balance_expiration_reminder")


def _lapse(
    unit: Unit, lot: int, name: Literal["balance_value_expired", "balance_expiration_reminder"]
) -> None:
    row = balances.remaining_of(unit, lot)
    if row is None:
        return
    if name == "balance_value_expired":
        balances.drop_lot(unit, row["member"], row["definition"], lot)
    member = members.by_seq(unit, row["member"])
    ends = unit.one("SELECT expires_at FROM lots WHERE seq = ?", lot)
    definition = _in_force(unit, member, row["definition"])
    if definition is None:
        return
    events.emit(
        unit,
        name,
        member,
        balance_definition=events.definition_details(definition),
        expires_at=None if ends is None else stored_to_text(ends[0]),
        value=from_millionths(row["remaining"]),
    )
    if name == "balance_value_expired":
        for follow in unit.hooks.after_expiry:
            follow(unit, member)


def _in_force(unit: Unit, member: Member, definition_id: str) -> Definition | None:
    try:
        program = programs.get(unit, member.program_id)
        return definitions.get_in_force(unit, program, definition_id)
    except (NotFound, NotAllowed):
        return None
