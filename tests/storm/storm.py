"""One storm from its first wind to the verdict."""

import random
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import TaskGroup

from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import read_settings
from tests.memory import MEMORY
from tests.storm.agent import Agent, Diary
from tests.storm.engine import Engine, running_engine
from tests.storm.relay import relaying
from tests.storm.replica import Replica
from tests.storm.truth import Verdict, effects, marks, verdict
from tests.storm.weather import Climate, Weather

PATIENCE: Final = 120.0
LOOKED_AGAIN: Final = 0.25

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Plan:
    """What a storm is made of.

    Args:
        intents: how many changes are previewed.
        processes: how many servers share the journal.
        journal: its address; None for a file of SQLite.
        agents: how many ask at the same time.
        members: how many they ask for.
        timeout: `LOYALTY_MCP_TIMEOUT`, in seconds.
        seed: of everything that is drawn.
        climate: how bad it gets.
        server: what a server is: over stdio, or over HTTP.
    """

    intents: int = 300
    processes: int = 2
    journal: str | None = None
    agents: int = 12
    members: int = 40
    timeout: float = 1.0
    seed: int = 1
    climate: Climate = field(default_factory=Climate)
    server: type[Replica] = Replica


async def storm(plan: Plan, progress: Progress = lambda _: None) -> Verdict:
    """Let it rage, reconcile, and compare."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storm", dir=MEMORY)))
        engine = await stack.enter_async_context(running_engine(folder))
        world = await engine.populate(plan.members, max(plan.intents // 6, 1))
        since = marks(engine.database)
        weather = Weather(plan.seed, plan.climate)
        target = f"http://127.0.0.1:{engine.port}"
        relay, port = await stack.enter_async_context(relaying(target, weather.hold))
        address = plan.journal or f"sqlite+aiosqlite:///{folder / 'journal.db'}"
        settings = {
            "BREVO_API_KEY": "storm",
            "LOYALTY_MCP_BASE_URL": f"http://127.0.0.1:{port}/v3",
            "LOYALTY_MCP_DATABASE_URL": address,
            "LOYALTY_MCP_CONFIRM": "token",
            "LOYALTY_MCP_TIMEOUT": str(plan.timeout),
        }
        replicas = [plan.server(f"server{n}", folder, settings) for n in range(plan.processes)]
        diary = Diary()
        agent = Agent(replicas, world, random.Random(plan.seed + 1), diary)
        faults = await _rage(plan, engine, weather, replicas, agent, progress)
        await relay.quiet()
        runtime = compose(
            read_settings(
                api_key="storm",
                base_url=engine.base_url,
                database_url=address,
                timeout=plan.timeout,
            )
        )
        stack.push_async_callback(runtime.close)
        at_rest = await reconciled(runtime)
        sums = {
            "servers killed": sum(replica.kills for replica in replicas),
            "faults": faults,
            "requests delivered late": relay.late,
            "unsettled when it was over": at_rest,
        }
        happened = effects(engine.database, since)
        return await verdict(runtime.context.journal.open(), happened, diary, sums)


async def _rage(
    plan: Plan,
    engine: Engine,
    weather: Weather,
    replicas: list[Replica],
    agent: Agent,
    progress: Progress,
) -> int:
    """All changes previewed, while everything fails; gives the number of faults."""
    counts = {"asked": 0, "faults": 0}
    diary = agent.diary

    async def asking(deaths: TaskGroup) -> None:
        while diary.proposed < plan.intents:
            counts["asked"] += 1
            asked = counts["asked"]
            progress(diary.proposed)
            if weather.turns(asked):
                drawn = weather.faults()
                counts["faults"] += len(drawn)
                await engine.faults(drawn)
            if weather.kills(asked):
                deaths.start_soon(dying)
            await agent.ask()

    async def dying() -> None:
        await anyio.sleep(weather.moment())
        victim = replicas[weather.victim(len(replicas))]
        if victim.up:
            victim.kill()

    async with anyio.create_task_group() as group:
        for replica in replicas:
            group.start_soon(replica.run)
        async with anyio.create_task_group() as work:
            for _ in range(plan.agents):
                work.start_soon(asking, work)
        weather.calm = True
        await engine.faults([])
        for replica in replicas:
            replica.stop()
    return counts["faults"]


async def reconciled(runtime: Runtime) -> int:
    """Settle everything; gives how many intents had to be looked at."""
    context, looked_at = runtime.context, 0
    with anyio.fail_after(PATIENCE):
        while True:
            reconciled = await context.reconciler.reconcile_all(context)
            looked_at = max(looked_at, len(reconciled))
            if not any(intent.state in {"sent", "unknown"} for intent in reconciled):
                return looked_at
            await anyio.sleep(LOOKED_AGAIN)
