"""Exactly once, proved by breaking things: see `tests/storm` for how."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from loyalty_mcp.intents.journal import Journal
from tests.intents.journal.test_journal import an_intent
from tests.storm.agent import Agreed, Diary
from tests.storm.engine import running_engine
from tests.storm.replica import Replica
from tests.storm.storm import Plan, storm
from tests.storm.truth import Effect, Verdict, effects, marks, verdict
from tests.storm.weather import Climate

USES = 50
CREDIT: dict[str, Any] = {"member": "101", "amount": 7, "reason": "Once"}


@pytest.mark.long
async def test_nothing_is_lost_doubled_or_unagreed_in_a_storm(
    tell: Callable[[str], None],
) -> None:
    """Whatever fails or moves: the journal ends as the ledger is, and nothing stays unknown."""
    climate = Climate(fault_every=2, death_every=30)

    plan = Plan(
        intents=140,
        agents=16,
        seed=4,
        climate=climate,
        clocks=(120.0, -120.0),
        moving=True,
        without_marks=True,
    )
    found = await storm(plan)

    tell(found.table())
    assert found.holds, found.problems
    assert found.sums["servers killed"] >= 3
    assert found.sums["applied"] >= 50
    assert found.sums["faults"] >= 60


@pytest.mark.long
async def test_rows_of_batches_happen_once_in_a_storm(tell: Callable[[str], None]) -> None:
    """Batches and their reversals while servers die, answers are lost and others publish."""
    climate = Climate(fault_every=2, death_every=12)
    plan = Plan(intents=30, agents=8, seed=5, climate=climate, batches=0.5, moving=True)

    found = await storm(plan)

    tell(found.table())
    assert found.holds, found.problems
    assert found.sums["servers killed"] >= 1
    assert found.sums["rows of batches applied"] >= 10


async def test_fifty_uses_of_one_confirmation_act_once(state_home: Path) -> None:
    """Over two processes at the same moment: one effect, and everybody is told the same."""
    answers: list[Any] = []
    async with running_engine(state_home) as engine:
        settings = {
            "BREVO_API_KEY": "storm",
            "LOYALTY_MCP_BASE_URL": engine.base_url,
            "LOYALTY_MCP_DATABASE_URL": f"sqlite+aiosqlite:///{state_home / 'journal.db'}",
            "LOYALTY_MCP_CONFIRM": "token",
        }
        replicas = [Replica(f"server{n}", state_home, settings) for n in range(2)]
        since = marks(engine.database)

        async def use(replica: Replica, confirmed: dict[str, Any]) -> None:
            result = await replica.call("credit_points", confirmed)
            answers.append(result.structured_content)

        async with anyio.create_task_group() as servers:
            for replica in replicas:
                servers.start_soon(replica.run)
            preview = await replicas[0].call("credit_points", CREDIT)
            assert preview.structured_content is not None
            confirmed = {**CREDIT, "confirmation": preview.structured_content["confirmation"]}
            async with anyio.create_task_group() as group:
                for number in range(USES):
                    group.start_soon(use, replicas[number % 2], confirmed)
            for replica in replicas:
                replica.stop()

        happened = effects(engine.database, since)

    assert [answers[0]] * USES == answers
    assert answers[0]["status"] == "applied"
    assert [(effect.intent, effect.amount) for effect in happened] == [(answers[0]["intent"], 7.0)]


class TestVerdict:
    """The judge of a storm sees each thing that can be wrong."""

    @pytest.fixture
    async def journal(self, state_home: Path) -> Any:
        """A journal with one applied and one declined credit."""
        journal = Journal(f"sqlite+aiosqlite:///{state_home / 'journal.db'}")
        for number, path in (("1", ("approved", "sent", "applied")), ("2", ("declined",))):
            intent = an_intent(id=number * 32)
            await journal.add(intent)
            origin: Any = "proposed"
            for target in path:
                await journal.move(intent.id, origin, target, intent.created_at)  # type: ignore[arg-type] # states, spelled out above
                origin = target
        yield journal
        await journal.close()

    @staticmethod
    async def judged(journal: Journal, *happened: Effect, **diary: Any) -> dict[str, int]:
        """What the verdict finds wrong."""
        shown = {"before": {"balance": 20}, "after": {"balance": 25}}
        agreed = Agreed("credit_points", {"member": "101", "amount": 5}, shown)
        known = Diary(agreed={"1" * 32: agreed}, answers=[("1" * 32, "applied")])
        found: Verdict = await verdict(journal, happened, replace(known, **diary), {})
        assert found.holds is not any(found.wrongs.values())
        return {name: count for name, count in found.wrongs.items() if count}

    async def test_what_was_agreed_and_happened_once_is_right(self, journal: Journal) -> None:
        """One effect of one agreed intent, told as it is."""
        assert await self.judged(journal, self.credit()) == {}

    async def test_a_second_effect_is_a_duplicate(self, journal: Journal) -> None:
        """The same intent twice in the ledger."""
        found = await self.judged(journal, self.credit(), self.credit())

        assert found == {"duplicate effects": 1}

    async def test_an_applied_intent_needs_its_effect(self, journal: Journal) -> None:
        """Applied in the journal, and said to be, and nothing in the ledger."""
        found = await self.judged(journal)

        assert found == {"applied without effect": 1, "answers that were not true": 1}

    async def test_a_declined_intent_has_no_effect(self, journal: Journal) -> None:
        """What nobody agreed to happened."""
        found = await self.judged(journal, self.credit(), self.credit(intent="2" * 32))

        assert found == {"effects without agreement": 1, "not applied with effect": 1}

    async def test_an_effect_without_mark_is_nobodys(self, journal: Journal) -> None:
        """Something moved that carries no intent."""
        found = await self.judged(journal, self.credit(), self.credit(intent=None))

        assert found == {"effects without agreement": 1, "effects without an intent": 1}

    @pytest.mark.parametrize(
        "wrong", [{"amount": 6.0}, {"balance": 26.0}, {"member": 102}, {"kind": "vouchers"}]
    )
    async def test_an_effect_is_what_was_agreed(
        self, journal: Journal, wrong: dict[str, Any]
    ) -> None:
        """Another amount, another balance, another member, another thing."""
        found = await self.judged(journal, replace(self.credit(), **wrong))

        assert found == {"effects other than agreed": 1}

    async def test_an_answer_that_denies_an_effect_is_untrue(self, journal: Journal) -> None:
        """It was said that nothing happened, and something did."""
        found = await self.judged(journal, self.credit(), answers=[("1" * 32, "not_applied")])

        assert found == {"answers that were not true": 1}

    @staticmethod
    def credit(intent: str | None = "1" * 32) -> Effect:
        """The credit that was agreed to, as the ledger has it."""
        return Effect("transactions", intent, 5.0, 101, 25.0)
