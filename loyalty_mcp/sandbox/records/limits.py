"""Active frequency limits, and how much of each is used up."""

from decimal import Decimal

from loyalty_mcp.sandbox.errors import NotAllowed
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.rules import limits
from loyalty_mcp.sandbox.rules.amounts import from_millionths
from loyalty_mcp.sandbox.rules.entities import Definition, Item, Member
from loyalty_mcp.sandbox.rules.ledger import type_of
from loyalty_mcp.sandbox.rules.limits import Limit
from loyalty_mcp.sandbox.rules.moments import to_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork


def refuse_beyond_limits(
    unit: UnitOfWork, member: Member, definition: Definition, amount: Decimal
) -> None:
    """Refuse a signed movement that would exceed a frequency limit of its balance.

    Raises:
        NotAllowed: It would exceed a limit.
    """
    program = programs.load_program(unit, member.program_id)
    version = configuration.version_in_force(unit, program)
    for item in configuration.all_items(unit, program.id, "limit", version, parent=definition.id):
        limit = limit_from_item(item)
        if limit.transaction_type != type_of(amount):
            continue
        if not limits.allows(
            limit, spent_in_window(unit, member, definition.id, limit), abs(amount)
        ):
            raise NotAllowed(
                f"The {limit.transaction_type} would exceed a limit of this balance:"
                f" {limit.value} by {limit.constraint_type} in {limit.duration_value}"
                f" {limit.duration_unit}."
            )


def spent_in_window(unit: UnitOfWork, member: Member, definition_id: str, limit: Limit) -> Decimal:
    """Return how much of a limit a member's completed movements have used in its window."""
    start = limits.window_start(limit.duration_value, limit.duration_unit, limit.sliding, unit.now)
    row = unit.one(
        "SELECT COUNT(*), COALESCE(SUM(ABS(r.applied)), 0) FROM transactions t"
        " JOIN resolutions r ON r.transaction_seq = t.seq"
        " WHERE t.member = ? AND t.definition = ? AND r.status = 'completed'"
        " AND r.at >= ? AND (r.applied > 0) = ?",
        member.seq,
        definition_id,
        to_milliseconds(start) + limit.sliding,
        limit.transaction_type == "credit",
    )
    if row is None:
        return Decimal(0)
    return Decimal(row[0]) if limit.constraint_type == "transaction" else from_millionths(row[1])


def limit_from_item(item: Item) -> Limit:
    """Read an item of configuration as a limit."""
    body = item.body
    return Limit(
        transaction_type=body["transactionType"],
        constraint_type=body["constraintType"],
        value=Decimal(body["value"]),
        duration_value=body["durationValue"],
        duration_unit=body["durationUnit"],
        sliding=body.get("slidingSchedule") is True,
    )
