"""Balances: sums of open lots, computed when read."""

import sqlite3
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from loyalty_mcp.sandbox.rules.amounts import from_millionths, to_millionths
from loyalty_mcp.sandbox.rules.entities import Member
from loyalty_mcp.sandbox.rules.ledger import Lot
from loyalty_mcp.sandbox.rules.moments import from_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork

_LOTS: Final = (
    "SELECT lot, remaining, expires_at FROM open_lots WHERE member = ? AND definition = ?"
)
_DEBTS: Final = (
    "SELECT lot, remaining, expires_at FROM open_lots INDEXED BY debts"
    " WHERE member = ? AND definition = ? AND remaining < 0 ORDER BY lot"
)


_OPEN_DRAFTS: Final = (
    "FROM transactions t LEFT JOIN resolutions r ON r.transaction_seq = t.seq"
    " WHERE r.status IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?)"
)


class OpenLot(NamedTuple):
    """The remainder of a lot, as listed."""

    id: str
    remaining: Decimal
    created_at: int
    expires_at: int | None


class MemberBalance(NamedTuple):
    """One member's balance in the list of all members."""

    contact_id: int
    own_id: str
    updated_at: int
    value: Decimal


class BalanceRecord(NamedTuple):
    """The record of a member's balance."""

    id: str
    created_at: int


def open_balance(unit: UnitOfWork, member: Member, definition_id: str) -> BalanceRecord:
    """Open a balance at 0, or return the one that is open."""
    unit.run(
        "INSERT OR IGNORE INTO balances VALUES (?, ?, ?, ?, ?)",
        member.seq,
        definition_id,
        unit.new_id(),
        unit.now_stored,
        unit.now_stored,
    )
    row = unit.one(
        "SELECT id, created_at FROM balances WHERE member = ? AND definition = ?",
        member.seq,
        definition_id,
    )
    if row is None:
        raise LookupError("a balance that was opened is there")
    return BalanceRecord(*row)


def mark_changed(unit: UnitOfWork, member: Member, definition_id: str) -> None:
    """Record that a balance has just changed."""
    unit.run(
        "INSERT INTO balances VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET updated_at = excluded.updated_at",
        member.seq,
        definition_id,
        unit.new_id(),
        unit.now_stored,
        unit.now_stored,
    )


def lots_of_balance(unit: UnitOfWork, member: Member, definition_id: str) -> list[Lot]:
    """Return the lots of a balance that are not used up."""
    rows = unit.all(_LOTS, member.seq, definition_id)
    return [_lot_from_row(row) for row in rows]


def touched_lots(
    unit: UnitOfWork, member: Member, definition_id: str, amount: Decimal
) -> list[Lot]:
    """Return only the lots that a signed movement can touch.

    For a credit, the debts; for a debit, the first lots in spending order that cover it.
    """
    if amount > 0:
        debts = unit.all(_DEBTS, member.seq, definition_id)
        return [_lot_from_row(row) for row in debts]
    order = "lot" if unit.settings.oldest_first else "expires_at IS NULL, expires_at, lot"
    found, needed = [], to_millionths(-amount)
    for row in unit.each(
        f"{_LOTS} AND remaining > 0 AND (expires_at IS NULL OR expires_at > ?) ORDER BY {order}",
        member.seq,
        definition_id,
        unit.now_stored,
    ):
        found.append(_lot_from_row(row))
        needed -= row["remaining"]
        if needed <= 0:
            break
    return found


def balance_value(unit: UnitOfWork, member: Member, definition_id: str) -> Decimal:
    """Return a member's balance now."""
    return from_millionths(
        unit.number(
            "SELECT COALESCE(SUM(remaining), 0) FROM open_lots WHERE member = ?"
            " AND definition = ? AND (expires_at IS NULL OR expires_at > ?)",
            member.seq,
            definition_id,
            unit.now_stored,
        )
    )


def next_expiry(unit: UnitOfWork, member: Member, definition_id: str) -> int | None:
    """Return when part of a balance expires next, as stored, or `None`."""
    row = unit.one(
        "SELECT MIN(expires_at) FROM open_lots WHERE member = ? AND definition = ?"
        " AND remaining > 0 AND expires_at > ?",
        member.seq,
        definition_id,
        unit.now_stored,
    )
    return None if row is None else row[0]


def last_debit(unit: UnitOfWork, member: Member, definition_id: str) -> int | None:
    """Return when a balance was last debited, as stored, or `None`."""
    row = unit.one(
        "SELECT MAX(r.at) FROM transactions t JOIN resolutions r ON r.transaction_seq = t.seq"
        " WHERE t.member = ? AND t.definition = ? AND t.amount < 0 AND r.status = 'completed'",
        member.seq,
        definition_id,
    )
    return None if row is None else row[0]


def undropped_balance(unit: UnitOfWork, member: Member, definition_id: str) -> Decimal:
    """Return the sum of all lots not yet dropped, including those that expire now."""
    return from_millionths(
        unit.number(
            "SELECT COALESCE(SUM(remaining), 0) FROM open_lots WHERE member = ? AND definition = ?",
            member.seq,
            definition_id,
        )
    )


def balance_values(unit: UnitOfWork, member: Member) -> dict[str, Decimal]:
    """Return a member's balances now, by definition; zero balances may be missing."""
    rows = unit.all(
        "SELECT definition, SUM(remaining) FROM open_lots"
        " WHERE member = ? AND (expires_at IS NULL OR expires_at > ?) GROUP BY definition",
        member.seq,
        unit.now_stored,
    )
    return {row[0]: from_millionths(row[1]) for row in rows}


def shown_balance(unit: UnitOfWork, member: Member, definition_id: str) -> Decimal:
    """Return a member's balance as shown: with open drafts where `drafts_in_balance` is set."""
    return shown_balances(unit, member).get(definition_id, Decimal(0))


def shown_balances(unit: UnitOfWork, member: Member) -> dict[str, Decimal]:
    """Return a member's balances as shown, by definition; zero balances may be missing."""
    shown = balance_values(unit, member)
    if unit.settings.drafts_in_balance:
        for row in unit.all(
            f"SELECT t.definition, SUM(t.amount) {_OPEN_DRAFTS} AND t.member = ?"
            " GROUP BY t.definition",
            unit.now_stored,
            member.seq,
        ):
            shown[row[0]] = shown.get(row[0], Decimal(0)) + from_millionths(row[1])
    return shown


def page_of_lots(
    unit: UnitOfWork,
    member: Member,
    definition_id: str,
    *,
    descending: bool,
    limit: int,
    offset: int,
) -> list[OpenLot]:
    """Return a page of the unexpired lots, by creation."""
    direction = "DESC" if descending else "ASC"
    rows = unit.all(
        "SELECT l.id, o.remaining, l.created_at, o.expires_at"  # noqa: S608 - a closed set
        " FROM open_lots o JOIN lots l ON l.seq = o.lot"
        " WHERE o.member = ? AND o.definition = ? AND (o.expires_at IS NULL OR o.expires_at > ?)"
        f" ORDER BY o.lot {direction} LIMIT ? OFFSET ?",
        member.seq,
        definition_id,
        unit.now_stored,
        limit,
        offset,
    )
    return [OpenLot(row[0], from_millionths(row[1]), row[2], row[3]) for row in rows]


def count_open_lots(unit: UnitOfWork, member: Member, definition_id: str) -> int:
    """Return the number of unexpired lots."""
    return unit.number(
        "SELECT COUNT(*) FROM open_lots"
        " WHERE member = ? AND definition = ? AND (expires_at IS NULL OR expires_at > ?)",
        member.seq,
        definition_id,
        unit.now_stored,
    )


def holdings(
    unit: UnitOfWork,
    definition_id: str,
    order: Literal["updatedAt", "value"],
    *,
    descending: bool,
    limit: int,
    offset: int,
) -> list[MemberBalance]:
    """Return a page of all members' balances under one definition."""
    direction = "DESC" if descending else "ASC"
    column = "value" if order == "value" else "b.updated_at"
    drafts = (
        f" + COALESCE((SELECT SUM(t.amount) {_OPEN_DRAFTS}"
        " AND t.member = b.member AND t.definition = b.definition), 0)"
    )
    counts_drafts = unit.settings.drafts_in_balance
    rows = unit.all(
        "SELECT s.contact, s.own_id, b.updated_at, COALESCE((SELECT SUM(o.remaining)"  # noqa: S608
        " FROM open_lots o WHERE o.member = b.member AND o.definition = b.definition"
        f" AND (o.expires_at IS NULL OR o.expires_at > ?)), 0){drafts * counts_drafts} AS value"
        " FROM balances b JOIN subscriptions s ON s.seq = b.member"
        " WHERE b.definition = ? AND s.ended_at IS NULL"
        f" ORDER BY {column} {direction}, b.member {direction} LIMIT ? OFFSET ?",
        *(unit.now_stored,) * (1 + counts_drafts),
        definition_id,
        limit,
        offset,
    )
    return [MemberBalance(row[0], row[1], row[2], from_millionths(row[3])) for row in rows]


def count_holdings(unit: UnitOfWork, definition_id: str) -> int:
    """Return how many members hold a balance under one definition."""
    return unit.number(
        "SELECT COUNT(*) FROM balances b JOIN subscriptions s ON s.seq = b.member"
        " WHERE b.definition = ? AND s.ended_at IS NULL",
        definition_id,
    )


def remaining_of(unit: UnitOfWork, lot: int) -> sqlite3.Row | None:
    """Return the remainder of a lot with its member and definition, or `None` if used up."""
    return unit.one(
        "SELECT t.member, t.definition, o.remaining FROM lots l"
        " JOIN transactions t ON t.seq = l.transaction_seq JOIN open_lots o"
        " ON o.member = t.member AND o.definition = t.definition AND o.lot = l.seq"
        " WHERE l.seq = ?",
        lot,
    )


def drop_lot(unit: UnitOfWork, member_seq: int, definition_id: str, lot: int) -> None:
    """Remove an expired lot from the open lots; its entries stay."""
    unit.run(
        "DELETE FROM open_lots WHERE member = ? AND definition = ? AND lot = ?",
        member_seq,
        definition_id,
        lot,
    )


def _lot_from_row(row: sqlite3.Row) -> Lot:
    ends = row["expires_at"]
    return Lot(
        row["lot"],
        from_millionths(row["remaining"]),
        None if ends is None else from_milliseconds(ends),
    )
