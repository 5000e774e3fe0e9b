"""The store: one SQLite connection, one transaction per request, and the movable clock."""

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from loyalty_mcp.sandbox.errors import Invalid, Refusal
from loyalty_mcp.sandbox.lagging_replica import LaggingReplica
from loyalty_mcp.sandbox.rules.hooks import Hooks
from loyalty_mcp.sandbox.rules.moments import to_milliseconds
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.state_digest import state_digest, tables_of

SCHEMA_VERSION: Final = 2
_MIGRATIONS: Final = {
    1: "ALTER TABLE due RENAME COLUMN lane TO due_kind;"
    " ALTER TABLE resolutions DROP COLUMN lot_expires_at;"
}
"""Scripts that migrate a file to the next version, by the version they start from."""

LAST_YEAR: Final = 2900
"""The last year the clock can be set to, so that every computed date exists."""

WAL_TRIES: Final = 250
WAL_PAUSE_SECONDS: Final = 0.02


def real_time() -> datetime:
    """Return the real time, in UTC."""
    return datetime.now(UTC)


def random_id() -> str:
    """Return a new id."""
    return str(uuid.uuid4())


class UnitOfWork:
    """One unit of work: an open database transaction, the time, and a source of ids.

    Attributes:
        now: The time of everything in this request, to the millisecond.
        present: The time of the request itself; later than `now` while due items are processed.
        new_id: Creates an id.
        settings: The settings, with the switches.
        hooks: Functions called after movements, enrolments and publications.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        now: datetime,
        new_id: Callable[[], str],
        settings: SandboxSettings,
        hooks: Hooks,
        present: datetime | None = None,
    ) -> None:
        self._connection = connection
        self.now = now
        self.present = present or now
        self.new_id = new_id
        self.settings = settings
        self.hooks = hooks

    @property
    def now_stored(self) -> int:
        """The time as stored, in milliseconds."""
        return to_milliseconds(self.now)

    def run(self, sql: str, *values: object) -> int:
        """Run one writing statement; return the row id of the inserted row, or 0."""
        return self._connection.execute(sql, values).lastrowid or 0

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Return the first row, or `None`."""
        return cast("sqlite3.Row | None", self._connection.execute(sql, values).fetchone())

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows."""
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, *values: object) -> Iterator[sqlite3.Row]:
        """Iterate over the rows lazily."""
        return self._connection.execute(sql, values)

    def number(self, sql: str, *values: object) -> int:
        """Return the single number that a query yields."""
        return cast("int", self._connection.execute(sql, values).fetchone()[0])

    @contextmanager
    def part(self) -> Iterator[None]:
        """Roll back the block's writes when it is refused, unless the refusal is kept."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except Refusal as refusal:
            if not refusal.kept:
                self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    def at(self, moment: datetime) -> "UnitOfWork":
        """Return the same unit of work at another time, for items that fell due earlier."""
        return UnitOfWork(
            self._connection, moment, self.new_id, self.settings, self.hooks, self.present
        )

    def naming(self, new_id: Callable[[], str]) -> "UnitOfWork":
        """Return the same unit of work with another source of ids."""
        return UnitOfWork(
            self._connection, self.now, new_id, self.settings, self.hooks, self.present
        )


class Store:
    """All data of the engine.

    Args:
        settings: Where the data is kept, and the switches.
        clock: Returns the real time.
        new_id: Creates an id.
        hooks: Functions called after movements, enrolments and publications.
    """

    def __init__(
        self,
        settings: SandboxSettings,
        *,
        hooks: Hooks | None = None,
        clock: Callable[[], datetime] = real_time,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self.new_id = new_id
        self._hooks = hooks or Hooks()
        self._connection = _connect(settings.database)
        version = self._value("PRAGMA user_version")
        if version == 0:
            self._run_script(Path(__file__).with_name("schema.sql").read_text("utf-8"))
        elif version in _MIGRATIONS:
            steps = range(version, SCHEMA_VERSION)
            self._run_script("".join(_MIGRATIONS[step] for step in steps))
        elif version != SCHEMA_VERSION:
            self._connection.close()
            raise ValueError(f"{settings.database} was written by another version of the sandbox")
        self._offset = timedelta(milliseconds=self._setting("clock_offset") or 0)
        self._replica = LaggingReplica(timedelta(), self._connection)
        self.use(settings)

    def close(self) -> None:
        """Close the connection; acknowledged writes are already on disk."""
        self._replica.close()
        self._connection.close()

    def use(self, settings: SandboxSettings) -> None:
        """Continue with other settings; a different file in them has no effect."""
        self.settings = settings
        self._replica.close()
        self._replica = LaggingReplica(timedelta(seconds=settings.history_lag), self._connection)

    def now(self) -> datetime:
        """Return the sandbox's time: real time plus offset, to the millisecond."""
        moment = self._clock() + self._offset
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def set_now(self, moment: datetime) -> None:
        """Set the clock; time runs on from there.

        Raises:
            Invalid: The time lies before the present, or beyond the last year.
        """
        if moment < self.now():
            raise Invalid("The clock cannot be set back; reset the sandbox instead.")
        if moment.year > LAST_YEAR:
            raise Invalid(f"The clock ends with the year {LAST_YEAR}.", code="out_of_range")
        offset = moment - self._clock()
        with self.unit() as unit:
            unit.run(
                "INSERT OR REPLACE INTO settings VALUES ('clock_offset', ?)",
                offset // timedelta(milliseconds=1),
            )
        self._offset = offset

    @contextmanager
    def unit(self, now: datetime | None = None) -> Iterator[UnitOfWork]:
        """Open a transaction: committed when the block ends, rolled back when it raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        changes = self._connection.total_changes
        try:
            yield UnitOfWork(
                self._connection, now or self.now(), self.new_id, self.settings, self._hooks
            )
        except Refusal as refusal:
            self._connection.execute("COMMIT" if refusal.kept else "ROLLBACK")
            self._record_changes(changes)
            raise
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._record_changes(changes)

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """Open a read about members, which lags if `history_lag` is set."""
        replica = self._replica.readable(self.now())
        if replica is None:
            with self.unit() as unit:
                yield unit
        else:
            yield UnitOfWork(replica, self.now(), self.new_id, self.settings, self._hooks)

    def _record_changes(self, changes_before: int) -> None:
        if self._connection.total_changes > changes_before:
            self._replica.record(self._connection, self.now())

    @property
    def started(self) -> bool:
        """Whether the store has been filled before."""
        return self._setting("started") is not None

    def start(self, fill: Callable[[UnitOfWork], None], *, only_once: bool = False) -> None:
        """Remove everything, set the clock to the real time and fill the store, in one transaction.

        Args:
            fill: Adds the initial data.
            only_once: Keep data that another process has put into the store in the meantime.
        """
        self._offset = timedelta()
        with self.unit() as unit:
            if only_once and self.started:
                return
            for table in tables_of(self._connection):
                unit.run(f'DELETE FROM "{table}"')  # noqa: S608 - the schema's own name
            fill(unit)
            unit.run("DELETE FROM events")
            unit.run("INSERT INTO settings VALUES ('started', ?)", unit.now_stored)

    def state_hash(self) -> str:
        """Return a digest of all loyalty data and contacts, in hexadecimal.

        Data of deleted programs does not count.
        """
        return state_digest(self._connection)

    def _run_script(self, script: str) -> None:
        try:
            self._connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
            )
        except sqlite3.OperationalError:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            # Another process may have run the script while this one waited for it.
            if self._value("PRAGMA user_version") != SCHEMA_VERSION:
                raise

    def _value(self, sql: str) -> int:
        return cast("int", self._connection.execute(sql).fetchone()[0])

    def _setting(self, name: str) -> Any:
        row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,))
        found = row.fetchone()
        return None if found is None else found[0]


def _connect(database: Path | None) -> sqlite3.Connection:
    # The application runs in one event loop; a test may close it from another thread.
    connection = sqlite3.connect(
        database or ":memory:",
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    connection.row_factory = sqlite3.Row
    if database is not None:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log. SQLite does not wait for concurrent attempts here."""
    for _ in range(WAL_TRIES - 1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            time.sleep(WAL_PAUSE_SECONDS)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")
