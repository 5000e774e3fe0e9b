"""Balance orders: open movements tied to a purchase that falls due."""

from datetime import datetime
from typing import Literal

from loyalty_mcp.sandbox.records import due, movements, programs
from loyalty_mcp.sandbox.rules.entities import Movement
from loyalty_mcp.sandbox.rules.moments import to_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork


def add_order(
    unit: UnitOfWork, movement: Movement, source: Literal["engine", "user"], due_at: datetime
) -> str:
    """Create an order for an open movement, and return the order's id."""
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
        due.schedule_due(unit, "order", movement.id, max(due_at, unit.now), due_kind)
    return order_id


def process_order(unit: UnitOfWork, movement_id: str) -> None:
    """Complete the transaction of an order that is due, if it is still open."""
    row = unit.one("SELECT program FROM transactions WHERE id = ?", movement_id)
    if row is not None:
        program = programs.load_running_program(unit, row["program"])
        movements.complete_movement(
            unit, program, movements.load_movement(unit, program.id, movement_id)
        )
