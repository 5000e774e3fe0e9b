"""Lots: opened by credits, used up by debits, ended by their expiry."""

from typing import Literal

from loyalty_mcp.sandbox.errors import NotAllowed, NotFound
from loyalty_mcp.sandbox.records import balances, definitions, due, events, members, programs
from loyalty_mcp.sandbox.rules.amounts import from_millionths, to_millionths
from loyalty_mcp.sandbox.rules.entities import Definition, Member, Movement
from loyalty_mcp.sandbox.rules.ledger import Application
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_milliseconds
from loyalty_mcp.sandbox.store import Unit


def book_lots(
    unit: Unit, movement: Movement, member: Member, application: Application
) -> int | None:
    """Write the entries of an applied movement, and the lot it opens.

    Returns:
        When the opened lot expires, as stored; `None` for never, or where none is opened.
    """
    for entry in application.entries:
        _add_entry(unit, movement, entry.lot, to_millionths(entry.amount))
        _change_remaining(
            unit, member, movement.definition_id, entry.lot, to_millionths(entry.amount)
        )
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
            due.schedule_due(unit, "lot_expiry", lot, opened.expires_at)
            if opened.expires_at - due.REMINDER > unit.now:
                due.schedule_due(unit, "lot_reminder", lot, opened.expires_at - due.REMINDER)
    return ends


def _add_entry(unit: Unit, movement: Movement, lot: int, amount: int) -> None:
    unit.run("INSERT INTO entries VALUES (?, ?, ?)", lot, movement.seq, amount)


def _change_remaining(
    unit: Unit, member: Member, definition_id: str, lot: int, amount: int
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


def expire_lot(unit: Unit, lot: int) -> None:
    """Announce what a lot still held when it ended; the balance has fallen by itself."""
    _announce_lot(unit, lot, "balance_value_expired")


def remind_of_lot(unit: Unit, lot: int) -> None:
    """Announce that a lot ends soon, if anything is left of it."""
    _announce_lot(unit, lot, "balance_expiration_reminder")


def _announce_lot(
    unit: Unit, lot: int, name: Literal["balance_value_expired", "balance_expiration_reminder"]
) -> None:
    row = balances.remaining_of(unit, lot)
    if row is None:
        return
    if name == "balance_value_expired":
        balances.drop_lot(unit, row["member"], row["definition"], lot)
    member = members.member_by_seq(unit, row["member"])
    ends = unit.one("SELECT expires_at FROM lots WHERE seq = ?", lot)
    definition = _definition_of_lot(unit, member, row["definition"])
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


def _definition_of_lot(unit: Unit, member: Member, definition_id: str) -> Definition | None:
    try:
        program = programs.load_program(unit, member.program_id)
        return definitions.definition_in_force(unit, program, definition_id)
    except (NotFound, NotAllowed):
        return None
