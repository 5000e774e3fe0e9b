"""A row of a batch as previewed, and the intent that carries it out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from loyalty_mcp.intents.lifecycle import (
    BATCH_ROWS,
    Intent,
    Movement,
    Preview,
    call_digest,
    row_intent_id,
)


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What one row does, or why it cannot be carried out.

    Args:
        number: its position in the list, from 1.
        member: as the caller names the member.
        tool: the tool that carries it out.
        arguments: the arguments for that tool.
        resolved: the id of each reference, in the order of the tool's arguments.
        summary: what happens, in words.
        before: the facts behind the preview.
        after: the same facts after the change.
        subject: what it changes; changes of the same subject take turns.
        movement: the points that it moves, if any.
        refused: why it cannot be carried out; None if it can.
        kept: what its intent keeps from the preview.
    """

    number: int
    member: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    resolved: Sequence[Any] = ()
    summary: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    movement: Movement | None = None
    refused: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


def stored_rows(rows: Sequence[PlannedRow]) -> list[dict[str, Any]]:
    """Planned rows as stored in the journal, without empty fields."""
    return [
        {name: value for name, value in asdict(row).items() if value not in ("", (), {}, None)}
        for row in rows
    ]


def planned_rows(batch: Intent) -> list[PlannedRow]:
    """The planned rows of a batch, in order."""
    return [_planned(values) for values in batch.kept[BATCH_ROWS]]


def _planned(values: Mapping[str, Any]) -> PlannedRow:
    movement = values.get("movement")
    if movement is None:
        return PlannedRow(**values)
    amount = Decimal(movement["amount"])
    moves = Movement(movement["kind"], amount, movement["member"])
    return PlannedRow(**{**values, "movement": moves})


def row_intent(batch: Intent, row: PlannedRow, now: datetime) -> Intent:
    """The intent of a row: agreed to with its batch, and bound to the same caller and account."""
    return Intent(
        id=row_intent_id(batch.id, row.number),
        tool=row.tool,
        digest=call_digest(batch.account, row.tool, row.arguments),
        caller=batch.caller,
        account=batch.account,
        scope=batch.scope,
        arguments=row.arguments,
        resolved=row.resolved,
        facts={},
        preview=Preview(row.summary, row.before, row.after),
        route=batch.route,
        state="approved",
        created_at=now,
        expires_at=batch.expires_at,
        movement=row.movement,
        agreed_by=f"batch {batch.id}",
        subject=row.subject,
        batch=batch.id,
        kept=row.kept,
    )
