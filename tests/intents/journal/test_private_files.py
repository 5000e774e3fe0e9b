"""The journal's files are readable by their owner alone."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from loyalty_mcp.intents.journal.private_files import database_file, open_to_others
from loyalty_mcp.settings import state_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")

COMMON_UMASK = 0o022


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process with the umask most systems have."""
    return subprocess.run(
        [sys.executable, "-m", "loyalty_mcp", *arguments],
        capture_output=True,
        text=True,
        check=False,
        umask=COMMON_UMASK,
    )


def mode_of(path: Path) -> int:
    """The rights of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


def make_journal(*flags: str) -> None:
    """Create a journal, and a token in it."""
    created = run(*flags, "token", "create", "--name", "a", "--role", "support")
    assert created.returncode == 0, created.stderr


def test_a_new_journal_is_private() -> None:
    """Folder 0700 and file 0600, whatever the umask."""
    make_journal()

    assert mode_of(state_folder()) == 0o700
    assert {mode_of(file) for file in state_folder().iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("sqlite:////var/lib/a.db", Path("/var/lib/a.db")),
        ("sqlite+aiosqlite:///a.db?timeout=3", Path("a.db")),
        ("sqlite:///file:/var/lib/a.db?mode=ro&uri=true", None),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql+asyncpg://user:password@host/loyalty", None),
    ],
)
def test_the_file_of_an_address(address: str, file: Path | None) -> None:
    """A folder is created for a plain path only, never for SQLite's own URIs."""
    assert database_file(address) == file


def test_the_files_beside_it_are_private(tmp_path: Path) -> None:
    """The write-ahead log and its index have the rights of the journal."""
    file = tmp_path / "journal.db"
    make_journal("--database-url", f"sqlite:///{file}")
    os.umask(COMMON_UMASK)
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE more (x)")
    try:
        modes = {path.name: mode_of(path) for path in tmp_path.iterdir()}
    finally:
        connection.close()

    assert modes == dict.fromkeys(["journal.db", "journal.db-wal", "journal.db-shm"], 0o600)


def test_an_older_journal_becomes_private() -> None:
    """Rights that an earlier version left to others are taken away at the next start."""
    state_folder().mkdir(parents=True, mode=0o755)
    state_folder().chmod(0o755)
    file = state_folder() / "sandbox-journal.db"
    file.touch(0o644)
    file.chmod(0o644)

    make_journal()

    assert (mode_of(state_folder()), mode_of(file)) == (0o700, 0o600)


def test_other_folders_are_left_alone_and_reported(tmp_path: Path) -> None:
    """A folder that is not ours keeps its rights; `doctor` says which are too wide."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    flags = ("--database-url", f"sqlite:///{folder / 'journal.db'}")
    make_journal(*flags)

    report = run(*flags, "doctor", "--json")

    assert (mode_of(folder), mode_of(folder / "journal.db")) == (0o755, 0o600)
    finding = next(f for f in json.loads(report.stdout) if f["check"] == "permissions")
    assert finding["good"] is False
    assert f"{folder} has mode 755" in finding["found"]
    assert f"chmod 700 {folder}" in finding["fix"]


def test_private_files_are_not_reported(tmp_path: Path) -> None:
    """Nothing is reported of a folder and a file that only the owner can read."""
    tmp_path.chmod(0o700)
    make_journal("--database-url", f"sqlite:///{tmp_path / 'journal.db'}")

    assert open_to_others(tmp_path / "journal.db") == []
