"""What the journal asks its database: always by an index, however many intents there are."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Connection, Engine, event

from loyalty_mcp.guard.reconciliation import UNSETTLED
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.policy import Policy
from tests.intents.journal.test_journal import NOW, ONE, an_intent, tamper

GROWS = re.compile(r"\b(intents|audit)\b")


class Plans:
    """How SQLite goes about each statement of a journal that looks at what grows.

    Args:
        journal: whose statements.
    """

    def __init__(self, journal: Journal) -> None:
        engine = journal._database._engine
        assert isinstance(engine, Engine)
        self._engine = engine
        self._heard: list[tuple[str, Any]] = []

    def __enter__(self) -> Self:
        """Listen from now on."""
        event.listen(self._engine, "before_cursor_execute", self._hear)
        return self

    def __exit__(self, *_error: object) -> None:
        """Listen no more."""
        event.remove(self._engine, "before_cursor_execute", self._hear)

    def _hear(self, _c: Any, _cursor: Any, statement: str, given: Any, *_rest: Any) -> None:
        self._heard.append((statement, given))

    async def steps(self, journal: Journal) -> list[str]:
        """Every step of every plan, as SQLite tells it."""

        def explained(connection: Connection) -> list[str]:
            found: list[str] = []
            for statement, given in said:
                if GROWS.search(statement):
                    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
                    found += [row[3] for row in rows]
            return found

        said = list(self._heard)
        return await journal._database.read(explained)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """A journal with its tables."""
    found = Journal(f"sqlite+aiosqlite:///{tmp_path / 'journal.db'}")
    await found.get(ONE)
    yield found
    await found.close()


async def test_a_guarded_call_looks_at_few_intents(journal: Journal) -> None:
    """From the caps at its preview to its outcome, nothing is read through."""
    intent = an_intent()
    with Plans(journal) as plans:
        await journal.usage(intent.account, intent.caller, intent.movement, NOW)
        await journal.add(intent)
        await journal.get(intent.id)
        await journal.move(intent.id, "proposed", "approved", NOW)
        await journal.send(intent, Policy(), NOW, deadline=NOW)
        await journal.set_transaction(intent, "draft", NOW)
        await journal.move(intent.id, "sent", "applied", NOW)
        await journal.made_by("draft")

    found = await plans.steps(journal)
    assert len(found) >= 8
    assert all(step.startswith("SEARCH") for step in found), found
    assert any("intents_by_caller_and_state" in step for step in found)
    assert any("intents_by_member" in step for step in found)


async def test_recovery_looks_at_what_is_left(journal: Journal) -> None:
    """What is unsettled, and what is old, is found by its state."""
    with Plans(journal) as plans:
        await journal.find(states=UNSETTLED)
        await journal.prune(NOW + timedelta(days=1))
        await journal.counts(NOW)
        await journal.counts(NOW, "local")

    found = await plans.steps(journal)
    passed = ("USE TEMP B-TREE FOR", "MULTI-INDEX OR", "INDEX ")
    searches = [step for step in found if not step.startswith(passed)]
    assert len(searches) >= 4
    assert all(step.startswith("SEARCH") for step in searches), found


async def test_what_waits_is_found_beside_what_nobody_agreed_to(journal: Journal) -> None:
    """An operator's list goes along an index, from the moment it is asked for."""
    with Plans(journal) as plans:
        await journal.waiting(NOW, limit=500)

    assert await plans.steps(journal) == [
        "SEARCH intents USING INDEX intents_by_end (state=? AND expires_at>?)"
    ]


async def test_the_newest_intents_are_not_sorted(journal: Journal) -> None:
    """The list of all goes along an index, from its end, and stops when it has enough."""
    with Plans(journal) as plans:
        await journal.find()

    assert await plans.steps(journal) == ["SCAN intents USING INDEX intents_by_age"]


async def test_an_older_journal_gets_the_indexes(journal: Journal, tmp_path: Path) -> None:
    """They are made on what was written before there were any."""
    await journal.add(an_intent())
    for sql in (
        "DROP INDEX intents_by_age",
        "DROP INDEX intents_by_end",
        "DROP INDEX intents_by_caller_and_state",
        "CREATE INDEX intents_by_caller ON intents (caller, sent_at)",
        "UPDATE schema_version SET version = 2",
    ):
        await tamper(journal, sql)
    newer = Journal(f"sqlite+aiosqlite:///{tmp_path / 'journal.db'}")
    assert await newer.get(ONE) == an_intent()

    rows = await tamper(newer, "SELECT name FROM sqlite_schema WHERE type = 'index'")
    names = {row[0] for row in rows}
    assert {"intents_by_age", "intents_by_caller_and_state", "intents_by_end"} <= names
    assert "intents_by_caller" not in names
    await newer.close()
