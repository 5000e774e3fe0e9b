"""Stored state changes of an intent: one conditional update each, with its audit entry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from loyalty_mcp.intents.journal import queries
from loyalty_mcp.intents.journal.rows import intent_of, stored
from loyalty_mcp.intents.journal.subject_claims import release
from loyalty_mcp.intents.journal.tables import intents
from loyalty_mcp.intents.journal.trail import append_entry
from loyalty_mcp.intents.lifecycle import ENDED, Intent, State


def get_intent(connection: Connection, intent_id: str) -> Intent | None:
    """The intent with that id, inside a transaction."""
    row = connection.execute(queries.with_id(intent_id)).mappings().first()
    return None if row is None else intent_of(row)


def move_intent(
    connection: Connection,
    intent_id: str,
    origin: State,
    target: State,
    at: datetime,
    changes: Mapping[str, Any],
) -> bool:
    """Change an intent's state if it is still `origin`; release its claim if it has ended."""
    statement = (
        update(intents)
        .where(intents.c.id == intent_id, intents.c.state == origin)
        .values(state=target, **{name: stored(value) for name, value in changes.items()})
    )
    if origin == "not_applied":
        # Only a sent intent can be corrected to applied.
        statement = statement.where(intents.c.sent_at.is_not(None))
    if connection.execute(statement).rowcount != 1:
        return False
    if target in ENDED:
        release(connection, intent_id)
    intent = get_intent(connection, intent_id)
    if intent is not None:
        step = "corrected" if origin == "not_applied" else target
        append_entry(connection, intent, step, at, _outcome(intent, changes))
    return True


def _outcome(intent: Intent, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome that a state change records, without personal data."""
    details = {name: changes[name] for name in ("agreed_by", "reason") if changes.get(name)}
    if intent.transaction_id is not None:
        details["transaction_id"] = intent.transaction_id
    result = changes.get("result") or {}
    return details | {name: result[name] for name in ("id", "new_balance") if name in result}
