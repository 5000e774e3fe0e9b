"""The journal's database: SQLite or PostgreSQL, with one writer at a time."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from loyalty_mcp.errors import BadSetting, JournalUnavailable
from loyalty_mcp.intents.journal.private_files import database_file, make_private
from loyalty_mcp.intents.journal.tables import migrate
from loyalty_mcp.settings import state_folder

log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")

Work = Callable[[Connection], ResultT]
"""The work inside a transaction."""

THREADS: Final = 8
LOCK_SECONDS: Final = 5
WRITES: Final = "journal_writes"
ADVISORY_LOCK: Final = 0x4C4F59
"""An arbitrary but fixed number, for which the writers of a journal queue."""

UNAVAILABLE: Final = (
    "The journal cannot be used, so nothing can be changed; the operator must mend "
    "LOYALTY_MCP_DATABASE_URL, the disk or its rights."
)


class Database:
    """Transactions on the journal's database; the schema is migrated on first use.

    Args:
        url: an SQLAlchemy address; for SQLite, the built-in driver is used whatever driver it
            names.

    Raises:
        BadSetting: the address cannot be used.
        JournalUnavailable: its folder cannot be created.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            sqlite = parsed.get_backend_name() == "sqlite"
            if (file := database_file(url)) is not None:
                _make_file(file)
            self._engine: Engine | AsyncEngine = (
                _sqlite(parsed) if sqlite else create_async_engine(url, pool_pre_ping=True)
            )
        except (ArgumentError, SQLAlchemyError, ImportError):
            raise BadSetting(
                "LOYALTY_MCP_DATABASE_URL is wrong: give sqlite:///FILE or "
                "postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE (extra `postgres`)."
            ) from None
        if isinstance(self._engine, Engine):
            event.listen(self._engine, "connect", _durable)
            event.listen(self._engine, "begin", _begin)
        else:
            event.listen(self._engine.sync_engine, "begin", _queue)
        # A database in memory has one connection, so one transaction at a time.
        self._threads = anyio.CapacityLimiter(THREADS if parsed.database else 1)
        self._ready = False
        self._preparing = anyio.Lock()
        self._writer = anyio.Lock(fast_acquire=True)

    def __repr__(self) -> str:
        """The representation without the address, which may contain a password."""
        return f"Database({self._engine.dialect.name})"

    async def close(self) -> None:
        """Close the database."""
        if isinstance(self._engine, Engine):
            self._engine.dispose()
        else:
            await self._engine.dispose()

    async def read(self, work: Work[ResultT]) -> ResultT:
        """The result of a transaction that only reads.

        Raises:
            JournalUnavailable: it cannot be read.
        """
        async with _translated():
            await self._prepare()
            return await self._transact(work, writes=False)

    async def write(self, work: Work[ResultT]) -> ResultT:
        """The result of a transaction that writes, without other writers in parallel.

        Raises:
            JournalUnavailable: nothing could be written.
        """
        async with _translated():
            await self._prepare()
            async with self._turn():
                return await self._transact(work, writes=True)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """The writers of one process take turns, so that only one of them waits for others.

        SQLite's own waiting has no order: among many writers, some would wait too long.
        """
        with anyio.fail_after(LOCK_SECONDS):
            await self._writer.acquire()
        try:
            yield
        finally:
            self._writer.release()

    async def _transact(self, work: Work[ResultT], *, writes: bool) -> ResultT:
        """Run a whole transaction; on SQLite, in one call to a thread, not one per statement."""
        if isinstance(self._engine, Engine):
            engine = self._engine
            return await to_thread.run_sync(
                lambda: _transacted(engine, work, writes=writes), limiter=self._threads
            )
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(**{WRITES: writes})
            async with connection.begin():
                return await connection.run_sync(work)

    async def _prepare(self) -> None:
        if self._ready:
            return
        async with self._preparing:
            if not self._ready:
                await self._transact(migrate, writes=True)
                self._ready = True


def _sqlite(url: URL) -> Engine:
    """SQLite with its own driver; in memory, one connection is shared."""
    kept = {} if url.database else {"poolclass": StaticPool}
    return create_engine(
        url.set(drivername="sqlite"), connect_args={"check_same_thread": False}, **kept
    )


def _transacted(engine: Engine, work: Work[ResultT], *, writes: bool) -> ResultT:
    with engine.connect() as plain:
        connection = plain.execution_options(**{WRITES: writes})
        with connection.begin():
            return work(connection)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Convert database errors to the one error that callers know; their text may contain values."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        log.error("the journal failed: %s", type(error).__name__)  # noqa: TRY400 - see above
        raise JournalUnavailable(UNAVAILABLE) from None


def _make_file(database: Path) -> None:
    try:
        make_private(database, state_folder())
    except OSError:
        raise JournalUnavailable(UNAVAILABLE) from None


def _durable(connection: sqlite3.Connection, _record: Any) -> None:
    """Configure SQLite as a journal: readers run beside one writer, and commits are on disk."""
    connection.isolation_level = None  # `_begin` begins transactions itself
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000:.0f}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()
    except sqlite3.Error:
        connection.close()  # nothing else does
        raise


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _queue(connection: Connection) -> None:
    """On PostgreSQL, let writers queue, for the same maximum time as on SQLite."""
    if connection.get_execution_options().get(WRITES):
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
