"""Stored batches: rows that are created once, and the end of the batch."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from loyalty_mcp.intents.audit_trail import masked_arguments
from loyalty_mcp.intents.journal import queries
from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.rows import intent_of, row_of, stored
from loyalty_mcp.intents.journal.tables import intents
from loyalty_mcp.intents.journal.trail import append_entry
from loyalty_mcp.intents.journal.transitions import get_intent, move_intent
from loyalty_mcp.intents.lifecycle import Intent, State

AGREED: Final[tuple[State, ...]] = ("approved",)

REFERENCES_AT_ONCE: Final = 500
"""Placeholders in one statement; SQLite accepts at least 999."""


class Batches:
    """The intents of batches and of their rows.

    Args:
        database: the journal's.

    Every method raises JournalUnavailable if the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, batch: str) -> list[Intent]:
        """The intents of a batch's rows, oldest first."""
        return await self._database.read(
            lambda connection: [
                intent_of(row) for row in connection.execute(queries.rows_of(batch)).mappings()
            ]
        )

    async def add_row(self, intent: Intent) -> Intent:
        """Store the intent of a row unless it exists already; return the stored one."""
        details = {
            "arguments": masked_arguments(intent.arguments),
            "facts": intent.facts,
            "account": intent.account,
            "batch": intent.batch,
        }

        def work(connection: Connection) -> Intent:
            found = get_intent(connection, intent.id)
            if found is not None:
                return found
            connection.execute(insert(intents).values(row_of(intent)))
            append_entry(connection, intent, intent.state, intent.created_at, details)
            return intent

        return await self._database.write(work)

    async def extend(self, batch: str, until: datetime) -> bool:
        """Extend the time of an agreed batch; False if it has ended."""
        statement = (
            update(intents)
            .where(intents.c.id == batch, intents.c.state == "approved")
            .values(expires_at=stored(until))
        )
        return await self._database.write(
            lambda connection: connection.execute(statement).rowcount == 1
        )

    async def finish(
        self,
        batch: str,
        target: State,
        at: datetime,
        *,
        result: Mapping[str, Any],
        reason: str | None = None,
    ) -> bool:
        """End a batch with no row left, or whose time is over.

        Args:
            batch: the id of an approved batch.
            target: `applied`, `not_applied` or `expired`.
            at: our clock.
            result: the outcome of each row.
            reason: what happened, if not all rows were carried out.

        Returns:
            whether this call ended it.
        """
        changes = {"result": result, "reason": reason}

        def work(connection: Connection) -> bool:
            if target != "applied":
                return move_intent(connection, batch, "approved", target, at, changes)
            # Only its rows are sent; the batch itself passes through that state.
            return move_intent(connection, batch, "approved", "sent", at, {}) and move_intent(
                connection, batch, "sent", target, at, changes
            )

        return await self._database.write(work)

    async def referring_to(
        self, account: str, references: Collection[str], states: Collection[State]
    ) -> list[Intent]:
        """The intents in these states that name one of the orders, or reverse one of them."""
        wanted = sorted(set(references))

        def work(connection: Connection) -> list[Intent]:
            found: list[Intent] = []
            for start in range(0, len(wanted), REFERENCES_AT_ONCE):
                query = select(intents).where(
                    intents.c.account == account,
                    intents.c.refers_to.in_(wanted[start : start + REFERENCES_AT_ONCE]),
                    intents.c.state.in_(tuple(states)),
                )
                found += [intent_of(row) for row in connection.execute(query).mappings()]
            return found

        return await self._database.read(work)

    async def unfinished(self, account: str, caller: str, subject: str) -> list[Intent]:
        """The agreed batches of a caller that have not ended, newest first.

        Args:
            account: the Brevo account.
            caller: who asked for them.
            subject: what they change.
        """

        def work(connection: Connection) -> list[Intent]:
            query = queries.of_subject(account, subject, AGREED, 20)
            found: list[Any] = [intent_of(row) for row in connection.execute(query).mappings()]
            return [intent for intent in found if intent.caller == caller]

        return await self._database.read(work)
