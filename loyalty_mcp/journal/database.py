"""The database under the journal: SQLite or PostgreSQL, one writer at a time."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from loyalty_mcp.errors import BadSetting, JournalUnavailable
from loyalty_mcp.journal.tables import migrate

log = logging.getLogger(__name__)

LOCK_SECONDS: Final = 5
WRITES: Final = "journal_writes"
ADVISORY_LOCK: Final = 0x4C4F59
"""Any number, as long as it is always the same: the writers of one journal queue behind it."""

UNAVAILABLE: Final = (
    "The journal cannot be used, so nothing can be changed; the operator must mend "
    "LOYALTY_MCP_DATABASE_URL, the disk or its rights."
)


class Database:
    """Transactions on the journal's database; the schema is brought up to date on first use.

    Args:
        url: an SQLAlchemy address with an asynchronous driver.

    Raises:
        BadSetting: the address cannot be used.
        JournalUnavailable: its folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self._sqlite = parsed.get_backend_name() == "sqlite"
            if self._sqlite and parsed.database:
                _make_folder(Path(parsed.database).parent)
            self._engine: AsyncEngine = create_async_engine(url, pool_pre_ping=not self._sqlite)
        except (ArgumentError, SQLAlchemyError, ImportError):
            raise BadSetting(
                "LOYALTY_MCP_DATABASE_URL is wrong: give sqlite+aiosqlite:///FILE or "
                "postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE (extra `postgres`)."
            ) from None
        if self._sqlite:
            event.listen(self._engine.sync_engine, "connect", _durable)
            event.listen(self._engine.sync_engine, "begin", _begin)
        else:
            event.listen(self._engine.sync_engine, "begin", _queue)
        self._ready = False
        self._preparing = anyio.Lock()

    def __repr__(self) -> str:
        """Without the address: it may hold a password."""
        return f"Database({self._engine.dialect.name})"

    async def close(self) -> None:
        """Let it go."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads.

        Raises:
            JournalUnavailable: it cannot be read.
        """
        async with _translated():
            await self._prepare()
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes, alone: what it reads stays true until it ends.

        Raises:
            JournalUnavailable: it cannot be written; nothing was.
        """
        async with _translated():
            await self._prepare()
            async with self._alone() as connection:
                yield connection

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(**{WRITES: True})
            async with connection.begin():
                yield connection

    async def _prepare(self) -> None:
        if self._ready:
            return
        async with self._preparing:
            if not self._ready:
                async with self._alone() as connection:
                    await connection.run_sync(migrate)
                self._ready = True


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Failures of the database as the one error that callers know; their text may hold values."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        log.error("the journal failed: %s", type(error).__name__)  # noqa: TRY400 - see above
        raise JournalUnavailable(UNAVAILABLE) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise JournalUnavailable(UNAVAILABLE) from None


def _durable(connection: Any, _record: Any) -> None:
    """SQLite as a journal: readers beside one writer, and on the disk before we go on."""
    connection.isolation_level = None  # transactions are ours to begin, in `_begin`
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()
    except connection.dbapi.Error:
        connection.close()  # nobody else does, and each has a thread of its own
        raise


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _queue(connection: Connection) -> None:
    """PostgreSQL: writers wait for one another, up to the same time as on SQLite."""
    if connection.get_execution_options().get(WRITES):
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
