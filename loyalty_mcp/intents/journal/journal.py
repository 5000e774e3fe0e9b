"""The life of intents, on disk: each move one conditional update, with its audit entry."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from loyalty_mcp.brevo.types import plain
from loyalty_mcp.intents.audit_trail import Entry, Head, masked, next_entry
from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.rows import MILLIONTHS, entry_of, intent_of, row_of, stored
from loyalty_mcp.intents.journal.tables import audit, audit_head, intents
from loyalty_mcp.intents.journal.tokens import Tokens
from loyalty_mcp.intents.lifecycle import (
    BOUNDED,
    COUNTS_TOWARD_CAPS,
    ENDED,
    UNBOUNDED,
    Intent,
    Movement,
    State,
    check_move,
)
from loyalty_mcp.intents.policy import Policy, Usage, check

KEPT: Final = timedelta(days=90)


class Journal:
    """Every intent, and what became of it.

    Args:
        url: an SQLAlchemy address.

    Every method raises JournalUnavailable when the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.tokens = Tokens(self._database)

    def __repr__(self) -> str:
        """Without the address: it may hold a password."""
        return f"Journal({self._database!r})"

    async def close(self) -> None:
        """Let the database go."""
        await self._database.close()

    async def add(self, intent: Intent) -> None:
        """Write a new intent."""
        details = {
            "arguments": masked(intent.arguments),
            "facts": intent.facts,
            "route": intent.route,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(intents).values(row_of(intent)))
            _append(connection, intent, intent.state, intent.created_at, details)

        await self._database.write(work)

    async def get(self, intent_id: str) -> Intent | None:
        """The intent with that id, if there is one."""
        return await self._database.read(lambda connection: _get(connection, intent_id))

    async def move(
        self, intent_id: str, origin: State, target: State, at: datetime, **changes: Any
    ) -> bool:
        """Move an intent from `origin` to `target`, if it still is at `origin`.

        Of several callers, in whatever process, one succeeds.

        Returns:
            whether this call made the move.

        Raises:
            IllegalMove: there is no such move.
        """
        check_move(origin, target)
        return await self._database.write(
            lambda connection: _move(connection, intent_id, origin, target, at, changes)
        )

    async def conclude(self, intent: Intent, target: State, at: datetime, **changes: Any) -> bool:
        """Move an intent on as somebody found it, unless it has gone on by itself meanwhile.

        Whoever binds a draft, or ends the intent, after it was looked at knows more.

        Returns:
            whether this call made the move.

        Raises:
            IllegalMove: there is no such move.
        """
        check_move(intent.state, target)

        def work(connection: Connection) -> bool:
            found = _get(connection, intent.id)
            if found is None or found.transaction_id != intent.transaction_id:
                return False
            return _move(connection, intent.id, intent.state, target, at, changes)

        return await self._database.write(work)

    async def send(self, intent: Intent, policy: Policy, now: datetime) -> bool:
        """Move an approved intent to `sent`, if the policy still allows it; all in one.

        Returns:
            whether this call made the move.

        Raises:
            Refused: a cap is reached; the intent is still approved.
        """

        def work(connection: Connection) -> bool:
            usage = _usage(connection, intent.caller, intent.movement, now)
            check(policy, intent.tool, intent.movement, usage)
            return _move(connection, intent.id, "approved", "sent", now, {"sent_at": now})

        return await self._database.write(work)

    async def usage(self, caller: str, movement: Movement | None, now: datetime) -> Usage:
        """What was moved today and called this hour."""
        return await self._database.read(
            lambda connection: _usage(connection, caller, movement, now)
        )

    async def set_transaction(self, intent: Intent, transaction_id: str, at: datetime) -> bool:
        """Bind the draft to its intent, once for ever, while the intent is being sent.

        Returns:
            whether this draft is the one; a second draft never is.
        """
        statement = (
            update(intents)
            .where(
                intents.c.id == intent.id,
                intents.c.state == "sent",
                intents.c.transaction_id.is_(None),
            )
            .values(transaction_id=transaction_id)
        )

        def work(connection: Connection) -> bool:
            bound = connection.execute(statement).rowcount == 1
            if bound:
                details = {"transaction_id": transaction_id}
                _append(connection, intent, "drafted", at, details)
            return bound

        return await self._database.write(work)

    async def made_by(self, transaction_id: str) -> Intent | None:
        """The intent that made a draft, if one of ours did."""
        query = select(intents).where(intents.c.transaction_id == transaction_id)

        def work(connection: Connection) -> Intent | None:
            row = connection.execute(query).mappings().first()
            return None if row is None else intent_of(row)

        return await self._database.read(work)

    async def find(
        self,
        *,
        states: Collection[State] | None = None,
        limit: int = 100,
    ) -> list[Intent]:
        """The newest intents first."""
        query = select(intents).order_by(intents.c.created_at.desc()).limit(limit)
        if states is not None:
            query = query.where(intents.c.state.in_(tuple(states)))
        return await self._found(query)

    async def waiting(self, now: datetime, *, limit: int) -> list[Intent]:
        """What an operator can decide on now, the first to expire first."""
        query = (
            select(intents)
            .where(
                intents.c.state == "proposed",
                intents.c.expires_at > stored(now),
                intents.c.route == "operator",
            )
            .order_by(intents.c.expires_at)
            .limit(limit)
        )
        return await self._found(query)

    async def _found(self, query: Select[Any]) -> list[Intent]:
        return await self._database.read(
            lambda connection: [intent_of(row) for row in connection.execute(query).mappings()]
        )

    async def counts(self, now: datetime, caller: str | None = None) -> dict[str, int]:
        """How many intents are in each state that is not an end; none whose time is over."""
        in_time = intents.c.state.in_(BOUNDED) & (intents.c.expires_at > stored(now))
        query = (
            select(intents.c.state, func.count())
            .where(in_time | intents.c.state.in_(UNBOUNDED))
            .group_by(intents.c.state)
        )
        if caller is not None:
            query = query.where(intents.c.caller == caller)

        def work(connection: Connection) -> dict[str, int]:
            found = connection.execute(query).all()
            return {str(state): int(count) for state, count in found}

        return await self._database.read(work)

    async def prune(self, now: datetime) -> int:
        """Forget intents of long ago that were never sent, or have ended.

        The audit trail keeps what they came to.

        Returns:
            how many were forgotten.
        """
        statement = delete(intents).where(
            intents.c.state.in_((*ENDED, "proposed")), intents.c.created_at < stored(now - KEPT)
        )
        return await self._database.write(
            lambda connection: int(connection.execute(statement).rowcount)
        )

    async def trail(
        self, *, intent: str | None = None, tool: str | None = None, since: str | None = None
    ) -> tuple[list[Entry], Head]:
        """The audit trail in order, and its end as it was kept apart.

        Args:
            intent: only the entries of this intent.
            tool: only the entries of this tool.
            since: only the entries from this moment on, as ISO text in UTC.
        """
        query = select(audit).order_by(audit.c.number)
        if intent is not None:
            query = query.where(audit.c.intent == intent)
        if tool is not None:
            query = query.where(audit.c.tool == tool)
        if since is not None:
            query = query.where(audit.c.at >= since)

        def work(connection: Connection) -> tuple[list[Entry], Head]:
            entries = [entry_of(row) for row in connection.execute(query).mappings()]
            head = connection.execute(select(audit_head)).mappings().one()
            return entries, Head(**head)

        return await self._database.read(work)


def _get(connection: Connection, intent_id: str) -> Intent | None:
    query = select(intents).where(intents.c.id == intent_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else intent_of(row)


def _move(
    connection: Connection,
    intent_id: str,
    origin: State,
    target: State,
    at: datetime,
    changes: Mapping[str, Any],
) -> bool:
    statement = (
        update(intents)
        .where(intents.c.id == intent_id, intents.c.state == origin)
        .values(state=target, **{name: stored(value) for name, value in changes.items()})
    )
    if connection.execute(statement).rowcount != 1:
        return False
    intent = _get(connection, intent_id)
    if intent is not None:
        _append(connection, intent, target, at, _outcome(intent, changes))
    return True


def _outcome(intent: Intent, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What a move made known, without what names a person."""
    details = {name: changes[name] for name in ("agreed_by", "reason") if changes.get(name)}
    if intent.transaction_id is not None:
        details["transaction_id"] = intent.transaction_id
    result = changes.get("result") or {}
    return details | {name: result[name] for name in ("id", "new_balance") if name in result}


def _append(
    connection: Connection, intent: Intent, step: str, at: datetime, details: Mapping[str, Any]
) -> None:
    """Add an entry to the trail; the write transaction keeps every other writer out."""
    found = connection.execute(select(audit_head)).mappings().one()
    entry = next_entry(
        Head(**found),
        at=stored(at),
        intent=intent.id,
        step=step,
        caller=intent.caller,
        tool=intent.tool,
        details=json.dumps(plain(details), sort_keys=True),
    )
    columns = audit.columns.keys()
    values = {name: getattr(entry, name) for name in columns}
    connection.execute(insert(audit).values(values))
    connection.execute(
        update(audit_head).values(number=entry.number, fingerprint=entry.fingerprint)
    )


def _usage(connection: Connection, caller: str, movement: Movement | None, now: datetime) -> Usage:
    hour_ago = stored(now - timedelta(hours=1))
    counts_toward_caps = intents.c.state.in_(COUNTS_TOWARD_CAPS)
    calls = select(func.count()).where(
        intents.c.caller == caller, intents.c.sent_at > hour_ago, counts_toward_caps
    )
    changes = int(connection.execute(calls).scalar_one())
    if movement is None:
        return Usage(changes_this_hour=changes)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    moved = select(func.coalesce(func.sum(intents.c.movement_amount), 0)).where(
        intents.c.movement_member == movement.member,
        intents.c.movement_kind == movement.kind,
        intents.c.sent_at >= stored(midnight),
        counts_toward_caps,
    )
    total = Decimal(int(connection.execute(moved).scalar_one())) / MILLIONTHS
    return Usage(moved_today=total, changes_this_hour=changes)
