"""Stored tokens: added once, revoked permanently, without their secrets."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import RowMapping

from loyalty_mcp.errors import Refused
from loyalty_mcp.intents.access_token import Token
from loyalty_mcp.intents.journal.database import Database
from loyalty_mcp.intents.journal.rows import stored
from loyalty_mcp.intents.journal.tables import tokens

MOMENTS: Final = ("created_at", "expires_at", "revoked_at")
FIELDS: Final = ("name", "digest", "role", "member", *MOMENTS)


class Tokens:
    """The tokens of one journal.

    Args:
        database: where they are stored.

    Every method raises JournalUnavailable if the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Token]:
        """Every token ever created, by name."""
        query = select(tokens).order_by(tokens.c.name)
        return await self._database.read(
            lambda connection: [_token_of(row) for row in connection.execute(query).mappings()]
        )

    async def add(self, token: Token) -> None:
        """Store a new token.

        Raises:
            Refused: the name was used before.
        """
        row = {name: stored(getattr(token, name)) for name in FIELDS}
        query = select(tokens.c.name).where(tokens.c.name == token.name)

        def work(connection: Connection) -> None:
            if connection.execute(query).first() is not None:
                raise Refused(f"The name {token.name} was given before; take another.")
            connection.execute(insert(tokens).values(operator=int(token.operator), **row))

        await self._database.write(work)

    async def revoke(self, name: str, at: datetime) -> bool:
        """Revoke a token permanently.

        Returns:
            whether a token was revoked.
        """
        statement = (
            update(tokens)
            .where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
            .values(revoked_at=stored(at))
        )
        return await self._database.write(
            lambda connection: connection.execute(statement).rowcount == 1
        )


def _token_of(row: RowMapping) -> Token:
    values = {name: row[name] for name in FIELDS}
    for name in MOMENTS:
        values[name] = None if row[name] is None else datetime.fromisoformat(row[name])
    return Token(**values, operator=bool(row["operator"]))
