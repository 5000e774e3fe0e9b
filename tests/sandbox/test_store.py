import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.errors import NotAllowed, Rejected
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.store import Store, UnitOfWork
from tests.sandbox.conftest import StillClock


@pytest.fixture
def store() -> Store:
    """An empty store in memory."""
    return Store(SandboxSettings(), clock=StillClock())


def note(unit: UnitOfWork, name: str) -> None:
    """Write something."""
    unit.run("INSERT INTO settings VALUES (?, 1)", name)


def note_and_raise(unit: UnitOfWork, name: str, error: Exception) -> None:
    """Write something, then fail."""
    note(unit, name)
    raise error


def noted(store: Store) -> list[str]:
    """Return what was written."""
    with store.unit() as unit:
        return [row[0] for row in unit.all("SELECT name FROM settings ORDER BY name")]


def test_a_refused_unit_leaves_nothing(store: Store) -> None:
    """One request is one transaction."""
    with pytest.raises(NotAllowed), store.unit() as unit:
        note_and_raise(unit, "a", NotAllowed("no"))

    assert noted(store) == []


def test_a_rejection_keeps_what_was_written(store: Store) -> None:
    """A rejected movement stays in the history although the request is refused."""
    with pytest.raises(Rejected), store.unit() as unit:
        note_and_raise(unit, "a", Rejected("no"))

    assert noted(store) == ["a"]


def test_a_failed_unit_leaves_nothing_and_the_next_one_works(store: Store) -> None:
    """Whatever goes wrong, the connection is free again."""
    with pytest.raises(ZeroDivisionError), store.unit() as unit:
        note_and_raise(unit, "a", ZeroDivisionError())

    with store.unit() as unit:
        note(unit, "b")
    assert noted(store) == ["b"]


def test_a_part_is_undone_alone(store: Store) -> None:
    """What falls due is settled thing by thing; one that is refused spoils no other."""
    with store.unit() as unit:
        note(unit, "a")
        with pytest.raises(NotAllowed), unit.part():
            note_and_raise(unit, "b", NotAllowed("no"))
        with pytest.raises(Rejected), unit.part():
            note_and_raise(unit, "c", Rejected("no"))
        with unit.part():
            note(unit, "d")

    assert noted(store) == ["a", "c", "d"]


def test_a_file_is_durable_and_checked_by_the_schema(tmp_path: Path) -> None:
    """Write-ahead log, synchronised at each commit; a transaction resolves once by its key."""
    store = Store(SandboxSettings(database=tmp_path / "s.db"))

    with store.unit() as unit:
        assert unit.one("PRAGMA journal_mode")[0] == "wal"  # type: ignore[index] # a PRAGMA answers
        assert unit.number("PRAGMA synchronous") == 2
        resolutions = unit.all("PRAGMA table_info(resolutions)")
    assert [row["name"] for row in resolutions if row["pk"]] == ["transaction_seq"]
    store.close()


def test_processes_that_begin_one_file_at_once_share_its_beginning(tmp_path: Path) -> None:
    """One of them makes and fills the file; the others find it filled."""
    file, starters = tmp_path / "sandbox.db", 4
    ready = threading.Barrier(starters)

    def begin(_number: int) -> str:
        ready.wait()
        store = create_app(SandboxSettings(database=file)).state.store
        found: str = store.state_hash()
        store.close()
        return found

    with ThreadPoolExecutor(starters) as pool:
        hashes = set(pool.map(begin, range(starters)))

    assert len(hashes) == 1
