"""A copy of a database file, opened to be filled fast: a crash would cost it, and nothing else."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

CARELESS = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000")


@contextmanager
def copied(made: Path, file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a copy, which begins and ends its transactions itself.

    Args:
        made: what is copied.
        file: the copy.
    """
    shutil.copy(made, file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in CARELESS:
            connection.execute(f"PRAGMA {pragma}")
        yield connection
