"""The journal: every intent, durable before anything is sent. The only SQL outside the sandbox."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import RowMapping, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.intents import Intent, Movement, Preview, State, check_move
from loyalty_mcp.wire import plain

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
LOCK_SECONDS: Final = 10

metadata = MetaData()

versions = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

intents = Table(
    "intents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("tool", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("arguments", Text, nullable=False),
    Column("resolved", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("route", String(10), nullable=False),
    Column("state", String(12), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("movement", Text),
    Column("agreed_by", String(200)),
    Column("transaction_id", String(64)),
    Column("result", Text),
    Column("reason", Text),
    Column("sent_at", String(32)),
    Index("intents_by_state", "state", "created_at"),
    Index("intents_by_caller", "caller", "created_at"),
)


def sqlite_url(file: Path) -> str:
    """The address of a journal in `file`."""
    return f"sqlite+aiosqlite:///{file}"


class Journal:
    """The intents, in SQLite or PostgreSQL.

    Args:
        url: an SQLAlchemy address with an asynchronous driver.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._sqlite = parsed.get_backend_name() == "sqlite"
        if self._sqlite and parsed.database:
            self._make_folder(Path(parsed.database).parent)
        self._engine: AsyncEngine = create_async_engine(url)
        if self._sqlite:
            event.listen(self._engine.sync_engine, "connect", _durable)
        self._ready = False

    def __repr__(self) -> str:
        """Without the address: it may hold a password."""
        return f"Journal({self._engine.dialect.name})"

    @staticmethod
    def _make_folder(folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise JournalUnavailable(
                f"The journal's folder {str(folder)!r} cannot be made, so nothing can be changed; "
                "the operator must set LOYALTY_MCP_DATABASE_URL or mend the folder."
            ) from None

    async def close(self) -> None:
        """Let the database go."""
        await self._engine.dispose()

    async def add(self, intent: Intent) -> None:
        """Write a new intent.

        Raises:
            JournalUnavailable: it could not be written; nothing may be sent.
        """
        async with self._transaction() as connection:
            await connection.execute(insert(intents).values(_row(intent)))

    async def get(self, intent_id: str) -> Intent | None:
        """The intent with that id, if there is one.

        Raises:
            JournalUnavailable: the journal cannot be read.
        """
        async with self._transaction() as connection:
            row = (
                (await connection.execute(select(intents).where(intents.c.id == intent_id)))
                .mappings()
                .first()
            )
        return None if row is None else _intent(row)

    async def move(self, intent_id: str, origin: State, target: State, **changes: Any) -> bool:
        """Move an intent from `origin` to `target`, if it still is at `origin`.

        One conditional update: of several callers, in whatever process, one succeeds.

        Returns:
            whether this call made the move.

        Raises:
            IllegalMove: there is no such move.
            JournalUnavailable: it could not be written.
        """
        check_move(origin, target)
        values = {name: _stored(value) for name, value in changes.items()}
        statement = (
            update(intents)
            .where(intents.c.id == intent_id, intents.c.state == origin)
            .values(state=target, **values)
        )
        async with self._transaction() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def set_transaction(self, intent_id: str, transaction_id: str) -> bool:
        """Bind the draft to its intent, once for ever, while the intent is being sent.

        Returns:
            whether this draft is the one; a second draft never is.

        Raises:
            JournalUnavailable: it could not be written.
        """
        statement = (
            update(intents)
            .where(
                intents.c.id == intent_id,
                intents.c.state == "sent",
                intents.c.transaction_id.is_(None),
            )
            .values(transaction_id=transaction_id)
        )
        async with self._transaction() as connection:
            return (await connection.execute(statement)).rowcount == 1

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                if not self._ready:
                    await connection.run_sync(_migrate)
                    self._ready = True
                yield connection
        except (SQLAlchemyError, OSError) as error:
            log.error("journal: %s", type(error).__name__)  # noqa: TRY400 - the text may hold values
            raise JournalUnavailable(
                "The journal cannot be written, so nothing was sent; "
                "the operator must mend LOYALTY_MCP_DATABASE_URL or its disk."
            ) from None


def _durable(connection: Any, _record: Any) -> None:
    """SQLite as a journal: readers and one writer at once, and on the disk before we go on."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _migrate(connection: Connection) -> None:
    """Bring the schema to this version; later versions add their step here."""
    metadata.create_all(connection)
    found = connection.execute(select(versions.c.version)).scalar()
    if found is None:
        connection.execute(insert(versions).values(version=SCHEMA_VERSION))
    elif found > SCHEMA_VERSION:
        raise JournalUnavailable(
            "The journal was written by a newer version of this program; the operator must update."
        )


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping | tuple | list):
        return json.dumps(plain(value), ensure_ascii=False)
    return value


def _row(intent: Intent) -> dict[str, Any]:
    row = {column.name: getattr(intent, column.name) for column in intents.columns}
    row["preview"] = asdict(intent.preview)
    row["movement"] = None if intent.movement is None else asdict(intent.movement)
    return {name: _stored(value) for name, value in row.items()}


def _loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def _intent(row: RowMapping) -> Intent:
    preview, movement = _loaded(row["preview"]), _loaded(row["movement"])
    preview["warnings"] = tuple(preview["warnings"])
    if movement is not None:
        movement["amount"] = Decimal(movement["amount"])
    plain = {name: row[name] for name in ("id", "tool", "digest", "caller", "route", "state")}
    parsed = {name: _loaded(row[name]) for name in ("arguments", "resolved", "facts", "result")}
    return Intent(
        **plain,
        **parsed,
        preview=Preview(**preview),
        movement=None if movement is None else Movement(**movement),
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]),
        agreed_by=row["agreed_by"],
        transaction_id=row["transaction_id"],
        reason=row["reason"],
        sent_at=None if row["sent_at"] is None else datetime.fromisoformat(row["sent_at"]),
    )
