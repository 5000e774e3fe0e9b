"""The history: a member's movements under one definition, a page at a time."""

from loyalty_mcp.sandbox.records.movements import STATUS_SQL, movement_from_row
from loyalty_mcp.sandbox.rules.entities import Member, Movement
from loyalty_mcp.sandbox.rules.ledger import Status, TransactionType
from loyalty_mcp.sandbox.store import UnitOfWork


def page_of_movements(
    unit: UnitOfWork,
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
    condition, values = _history_filter(unit, member, definition_id, status, transaction_type)
    direction = "DESC" if descending else "ASC"
    rows = unit.all(
        f"{STATUS_SQL} WHERE {condition} ORDER BY t.seq {direction} LIMIT ? OFFSET ?",
        *values,
        limit,
        offset,
    )
    return [movement_from_row(unit, row) for row in rows]


def count_movements(
    unit: UnitOfWork,
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
    condition, values = _history_filter(unit, member, definition_id, status, transaction_type)
    return unit.number(f"SELECT COUNT(*) FROM ({STATUS_SQL} WHERE {condition})", *values)  # noqa: S608


def _history_filter(
    unit: UnitOfWork,
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
