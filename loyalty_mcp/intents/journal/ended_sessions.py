"""Operator sessions that ended before they expired, stored for all replicas."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.rows import stored
from loyalty_mcp.intents.journal.tables import ended_sessions


class EndedSessions:
    """Ids of ended sessions, each stored until it would have expired.

    Args:
        database: where they are stored.

    Every method raises JournalUnavailable if the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session_id: str, expires_at: datetime, now: datetime) -> None:
        """End a session, and delete those that have expired.

        Args:
            session_id: the session's id; ending it twice is allowed.
            expires_at: when its cookie expires.
            now: UTC.
        """
        known = select(ended_sessions.c.id).where(ended_sessions.c.id == session_id)

        def work(connection: Connection) -> None:
            connection.execute(
                delete(ended_sessions).where(ended_sessions.c.expires_at <= stored(now))
            )
            if connection.execute(known).first() is None:
                row = {"id": session_id, "expires_at": stored(expires_at)}
                connection.execute(insert(ended_sessions).values(row))

        await self._database.write(work)

    async def has(self, session_id: str) -> bool:
        """Whether a session was ended."""
        query = select(ended_sessions.c.id).where(ended_sessions.c.id == session_id)
        return await self._database.read(
            lambda connection: connection.execute(query).first() is not None
        )
