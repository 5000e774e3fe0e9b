"""Make the journal's folder and files readable only by their owner."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
OTHERS: Final = 0o077
"""The permissions of the group and of others."""

SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps for one database, with the permissions of the first."""


def database_file(address: str) -> Path | None:
    """The file in a journal's address; None for PostgreSQL, memory, and SQLite's own URIs."""
    scheme, _, rest = address.partition(":///")
    file = rest.partition("?")[0]
    named = file and not file.startswith((":memory:", "file:"))
    return Path(file) if named and scheme.partition("+")[0] == "sqlite" else None


def make_private(database: Path, own_folder: Path) -> None:
    """Create the folder and the file of a database, or remove the permissions of others.

    Args:
        database: the SQLite file.
        own_folder: a folder that only this program uses. Permissions of other folders are not
            changed, because they may contain other files.

    Raises:
        OSError: the folder or the file cannot be created.
    """
    folder = database.parent
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    if folder == own_folder:
        _restrict(folder, PRIVATE_FOLDER)
    # Created here, because SQLite would use the permissions of the umask.
    os.close(os.open(database, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
    for file in database_files(database):
        _restrict(file, PRIVATE_FILE)


def database_files(database: Path) -> Iterator[Path]:
    """The files of a database that exist."""
    for suffix in SUFFIXES:
        file = database.with_name(database.name + suffix)
        if file.exists():
            yield file


def open_to_others(database: Path) -> list[tuple[Path, int]]:
    """The files and the folder of a database that others can access, with their modes."""
    paths = [database.parent, *database_files(database)]
    modes = [(path, path.stat().st_mode & 0o777) for path in paths if path.exists()]
    return [(path, mode) for path, mode in modes if mode & OTHERS]


def _restrict(path: Path, mode: int) -> None:
    try:
        if path.stat().st_mode & OTHERS:
            path.chmod(mode)
    except OSError:
        pass  # owned by somebody else; `loyalty-mcp doctor` reports it
