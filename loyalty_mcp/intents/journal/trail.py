"""The stored audit trail: entries are added and never changed; the oldest are pruned."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from loyalty_mcp.brevo.types import plain
from loyalty_mcp.intents.audit_trail import Entry, Head, Trail, next_entry
from loyalty_mcp.intents.journal.rows import entry_of, stored
from loyalty_mcp.intents.journal.tables import audit, audit_head, audit_start
from loyalty_mcp.intents.lifecycle import Intent

KEPT: Final = timedelta(days=400)
"""How long entries are kept: 400 days, so that a full year can be audited."""


def append_entry(
    connection: Connection, intent: Intent, step: str, at: datetime, details: Mapping[str, Any]
) -> None:
    """Add a step of an intent to the trail."""
    append_step(
        connection,
        intent=intent.id,
        step=step,
        caller=intent.caller,
        tool=intent.tool,
        at=at,
        details=details,
    )


def append_step(
    connection: Connection,
    *,
    intent: str,
    step: str,
    caller: str,
    tool: str,
    at: datetime,
    details: Mapping[str, Any],
) -> None:
    """Add an entry to the trail; the write transaction excludes other writers."""
    found = connection.execute(select(audit_head)).mappings().one()
    entry = next_entry(
        Head(**found),
        at=stored(at),
        intent=intent,
        step=step,
        caller=caller,
        tool=tool,
        details=json.dumps(plain(details), sort_keys=True),
    )
    values = {name: getattr(entry, name) for name in audit.columns.keys()}  # noqa: SIM118 - no dict
    connection.execute(insert(audit).values(values))
    connection.execute(
        update(audit_head).values(number=entry.number, fingerprint=entry.fingerprint)
    )


def read_trail(
    connection: Connection, *, intent: str | None, tool: str | None, since: str | None
) -> Trail:
    """The entries in order, and the separately stored ends of the chain."""
    query = select(audit).order_by(audit.c.number)
    if intent is not None:
        query = query.where(audit.c.intent.startswith(intent, autoescape=True))
    if tool is not None:
        query = query.where(audit.c.tool == tool)
    if since is not None:
        query = query.where(audit.c.at >= since)
    entries: list[Entry] = [entry_of(row) for row in connection.execute(query).mappings()]
    head = connection.execute(select(audit_head)).mappings().one()
    return Trail(tuple(entries), Head(**head), _start(connection))


def prune_trail(connection: Connection, now: datetime) -> int:
    """Delete the oldest entries, and store the fingerprint before the first remaining one.

    Returns:
        how many were deleted.
    """
    kept = select(func.min(audit.c.number)).where(audit.c.at >= stored(now - KEPT))
    first_kept = connection.execute(kept).scalar_one()
    if first_kept is None:
        first_kept = connection.execute(select(audit_head.c.number)).scalar_one()
    last = select(audit.c.fingerprint).where(audit.c.number == first_kept - 1)
    fingerprint = connection.execute(last).scalar_one_or_none()
    if fingerprint is None:
        return 0
    connection.execute(delete(audit_start))
    connection.execute(insert(audit_start).values(number=first_kept - 1, fingerprint=fingerprint))
    return int(connection.execute(delete(audit).where(audit.c.number < first_kept)).rowcount)


def _start(connection: Connection) -> Head:
    row = connection.execute(select(audit_start)).mappings().first()
    return Head() if row is None else Head(**row)
