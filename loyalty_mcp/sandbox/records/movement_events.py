"""Events about movements: refused, or stopped at a highest or lowest balance."""

from decimal import Decimal
from typing import Any

from loyalty_mcp.sandbox.records import events
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.entities import Definition, Member, Movement
from loyalty_mcp.sandbox.store import UnitOfWork


def announce_refusal(
    unit: UnitOfWork, member: Member, definition: Definition, movement: Movement, reason: str
) -> None:
    """Emit that a movement was refused or cancelled."""
    events.emit(
        unit,
        "balance_transaction_unauthorized",
        member,
        balance_definition=events.definition_details(definition),
        reason=reason,
        transaction=movement_details(movement),
    )


def announce_ceiling(
    unit: UnitOfWork, member: Member, definition: Definition, movement: Movement, balance: Decimal
) -> None:
    """Emit that a credit reached the highest balance."""
    events.emit(
        unit,
        "balance_maximum_value_reached",
        member,
        balance_definition=events.definition_details(definition),
        source_event_id=movement.id,
        value=balance,
    )


def announce_minimum(
    unit: UnitOfWork, member: Member, definition: Definition, source_id: str, balance: Decimal
) -> None:
    """Emit that a balance fell below its minimum; the source is a movement or a lot."""
    events.emit(
        unit,
        "balance_minimum_value_reached",
        member,
        balance_definition=events.definition_details(definition),
        source_event_id=source_id,
        value=balance,
    )


def movement_details(movement: Movement) -> dict[str, Any]:
    """Describe a movement as events do."""
    return {
        "id": movement.id,
        "type": ledger.type_of(movement.amount),
        "value": movement.amount,
        "meta": movement.meta,
    }
