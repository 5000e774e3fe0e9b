"""Lots: opened by credits, used up by debits, ended by expiry."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from loyalty_mcp.sandbox.errors import NotAllowed, NotFound
from loyalty_mcp.sandbox.records import balances, definitions, due, events, members, programs
from loyalty_mcp.sandbox.records.movement_events import announce_minimum
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.amounts import from_millionths, to_millionths
from loyalty_mcp.sandbox.rules.entities import Definition, Member, Movement
from loyalty_mcp.sandbox.rules.ledger import Application
from loyalty_mcp.sandbox.rules.moments import from_milliseconds, stored_to_text, to_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork


def book_lots(
    unit: UnitOfWork, movement: Movement, member: Member, application: Application
) -> None:
    """Store the effect of an applied movement: entries, renewed lots and the new lot."""
    for entry in application.entries:
        _add_entry(unit, movement, entry.lot, to_millionths(entry.amount))
        _change_remaining(
            unit, member, movement.definition_id, entry.lot, to_millionths(entry.amount)
        )
    if application.renewed_until is not None:
        _renew_lots(unit, member, movement.definition_id, application.renewed_until)
    opened = application.opened
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
        _add_entry(unit, movement, lot, size)
        unit.run(
            "INSERT INTO open_lots VALUES (?, ?, ?, ?, ?)",
            member.seq,
            movement.definition_id,
            lot,
            size,
            ends,
        )
        if opened.expires_at is not None:
            _schedule_lot(unit, lot, opened.expires_at)


def _schedule_lot(unit: UnitOfWork, lot: int, ends: datetime) -> None:
    due.schedule_due(unit, "lot_expiry", lot, ends)
    if ends - due.REMINDER > unit.now:
        due.schedule_due(unit, "lot_reminder", lot, ends - due.REMINDER)


def _renew_lots(unit: UnitOfWork, member: Member, definition_id: str, ends: datetime) -> None:
    # A credit with its own lifetime keeps it.
    rows = unit.all(
        "SELECT o.lot, o.expires_at FROM open_lots o JOIN lots l ON l.seq = o.lot"
        " JOIN transactions t ON t.seq = l.transaction_seq"
        " WHERE o.member = ? AND o.definition = ? AND o.remaining > 0 AND t.minutes IS NULL",
        member.seq,
        definition_id,
    )
    for row in rows:
        lot, stored = row["lot"], to_milliseconds(ends)
        if row["expires_at"] is not None:
            before = from_milliseconds(row["expires_at"])
            due.cancel_due(unit, "lot_expiry", lot, before)
            due.cancel_due(unit, "lot_reminder", lot, before - due.REMINDER)
        unit.run("UPDATE lots SET expires_at = ? WHERE seq = ?", stored, lot)
        unit.run(
            "UPDATE open_lots SET expires_at = ? WHERE member = ? AND definition = ? AND lot = ?",
            stored,
            member.seq,
            definition_id,
            lot,
        )
        _schedule_lot(unit, lot, ends)


def _add_entry(unit: UnitOfWork, movement: Movement, lot: int, amount: int) -> None:
    unit.run("INSERT INTO entries VALUES (?, ?, ?)", lot, movement.seq, amount)


def _change_remaining(
    unit: UnitOfWork, member: Member, definition_id: str, lot: int, amount: int
) -> None:
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


def expire_lot(unit: UnitOfWork, lot: int) -> None:
    """Drop an expired lot, emit its remainder, and re-evaluate what depends on the balance."""
    row = balances.remaining_of(unit, lot)
    if row is None:
        return
    member = members.member_by_seq(unit, row["member"])
    before = balances.undropped_balance(unit, member, row["definition"])
    balances.drop_lot(unit, row["member"], row["definition"], lot)
    definition = _definition_of_lot(unit, member, row["definition"])
    if definition is None:
        return
    remaining = from_millionths(row["remaining"])
    _announce_lot(unit, member, definition, lot, "balance_value_expired", remaining)
    if ledger.falls_below_minimum(definition.rules, before, before - remaining):
        value = balances.balance_value(unit, member, definition.id)
        announce_minimum(unit, member, definition, _id_of_lot(unit, lot), value)
    for follow in unit.hooks.after_expiry:
        follow(unit, member)


def remind_of_lot(unit: UnitOfWork, lot: int) -> None:
    """Emit a reminder that a lot expires soon, unless it is used up."""
    row = balances.remaining_of(unit, lot)
    if row is None:
        return
    member = members.member_by_seq(unit, row["member"])
    definition = _definition_of_lot(unit, member, row["definition"])
    if definition is not None:
        remaining = from_millionths(row["remaining"])
        _announce_lot(unit, member, definition, lot, "balance_expiration_reminder", remaining)


def _announce_lot(
    unit: UnitOfWork,
    member: Member,
    definition: Definition,
    lot: int,
    name: Literal["balance_value_expired", "balance_expiration_reminder"],
    value: Decimal,
) -> None:
    ends = unit.number("SELECT expires_at FROM lots WHERE seq = ?", lot)
    events.emit(
        unit,
        name,
        member,
        balance_definition=events.definition_details(definition),
        expires_at=stored_to_text(ends),
        value=value,
    )


def _id_of_lot(unit: UnitOfWork, lot: int) -> str:
    row = unit.one("SELECT id FROM lots WHERE seq = ?", lot)
    if row is None:
        raise LookupError("a lot that expires is kept")
    return str(row["id"])


def _definition_of_lot(unit: UnitOfWork, member: Member, definition_id: str) -> Definition | None:
    try:
        program = programs.load_program(unit, member.program_id)
        return definitions.definition_in_force(unit, program, definition_id)
    except (NotFound, NotAllowed):
        return None
