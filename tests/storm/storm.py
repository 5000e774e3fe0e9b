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
from tests.storm.account import StormAccount, opened
from tests.storm.agent import Diary
from tests.storm.moving_world import MovingWorld
from tests.storm.replica import Replica
from tests.storm.truth import Verdict, effects, verdict
from tests.storm.weather import Climate, Weather

PATIENCE: Final = 120.0
LOOKED_AGAIN: Final = 0.25
BURST_EVERY: Final = 25
SECOND_ACCOUNT_EVERY: Final = 4
"""Of this many agents, one works on the second account, if there is one."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Plan:
    """What a storm is made of.

    Args:
        intents: how many changes are previewed.
        processes: how many servers of the first account share the journal.
        journal: its address; None for a file of SQLite.
        agents: how many ask at the same time.
        members: how many they ask for.
        timeout: `LOYALTY_MCP_TIMEOUT`, in seconds.
        seed: of everything that is drawn.
        climate: how bad it gets.
        server: what a server is: over stdio, or over HTTP.
        clocks: seconds by which the clocks of the servers are ahead, in turn.
        batches: the share of the changes that are batches.
        moving: whether configuration changes, servers pause, and an operator reconciles meanwhile.
        without_marks: whether a second account, whose API hides `meta`, shares the journal.
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
    clocks: tuple[float, ...] = (0.0,)
    moving: bool = False
    batches: float = 0
    without_marks: bool = False


async def storm(plan: Plan, progress: Progress = lambda _: None) -> Verdict:
    """Let it rage, reconcile, and compare."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storm", dir=MEMORY)))
        address = plan.journal or f"sqlite+aiosqlite:///{folder / 'journal.db'}"
        weather = Weather(plan.seed, plan.climate)
        diary = Diary()
        accounts: list[StormAccount] = []
        for key in ("storm", "storm-without-marks")[: 1 + plan.without_marks]:
            first = not accounts
            settings = {
                "BREVO_API_KEY": key,
                "LOYALTY_MCP_DATABASE_URL": address,
                "LOYALTY_MCP_CONFIRM": "token",
                "LOYALTY_MCP_TIMEOUT": str(plan.timeout),
            }
            vouchers = max(plan.intents // 6, 1)
            account = await stack.enter_async_context(
                opened(
                    folder,
                    settings,
                    weather.hold,
                    members=plan.members,
                    vouchers=vouchers,
                    shows_marks=first,
                )
            )
            count = plan.processes if first else 1
            seed = plan.seed + len(accounts)
            account.start(plan.server, count, plan.clocks, diary, seed, plan.batches)
            accounts.append(account)
        sums = await _Rage(plan, weather, accounts, diary, progress).run()
        for account in accounts:
            await account.relay.quiet()
        runtimes = []
        for account in accounts:
            runtime = compose(
                read_settings(
                    api_key=account.settings["BREVO_API_KEY"],
                    base_url=account.engine.base_url,
                    database_url=address,
                    timeout=plan.timeout / 2,
                )
            )
            stack.push_async_callback(runtime.close)
            runtimes.append(runtime)
        sums["unsettled when it was over"] = sum(
            [
                await reconciled(runtime, final=account.shows_marks)
                for runtime, account in zip(runtimes, accounts, strict=True)
            ]
        )
        happened = [
            effect
            for account in accounts
            for effect in effects(account.engine.database, account.since)
        ]
        tolerated = {
            runtime.context.account
            for runtime, account in zip(runtimes, accounts, strict=True)
            if not account.shows_marks
        }
        journal = runtimes[0].context.journal.open()
        return await verdict(journal, happened, diary, sums, tolerated)


class _Rage:
    """All changes previewed while everything fails.

    Args:
        plan: what the storm is made of.
        weather: draws what goes wrong.
        accounts: whose servers are used.
        diary: where it is written down how many changes were previewed.
        progress: told how many.
    """

    def __init__(
        self,
        plan: Plan,
        weather: Weather,
        accounts: list[StormAccount],
        diary: Diary,
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._weather = weather
        self._accounts = accounts
        self._diary = diary
        self._progress = progress
        self._chance = random.Random(plan.seed + 2)
        self._replicas = [replica for account in accounts for replica in account.replicas]
        self._asked = 0
        self._faults = 0
        self._movers = [
            MovingWorld(
                account.engine,
                account.world,
                account.replicas,
                account.settings,
                random.Random(plan.seed + 3 + number),
            )
            for number, account in enumerate(accounts)
            if plan.moving
        ]

    async def run(self) -> dict[str, int]:
        """Preview as many changes as planned; gives what went on, counted."""
        async with anyio.create_task_group() as group:
            for replica in self._replicas:
                group.start_soon(replica.run)
            async with anyio.create_task_group() as moving:
                for mover in self._movers:
                    moving.start_soon(mover.run)
                async with anyio.create_task_group() as work:
                    for place in range(self._plan.agents):
                        other = place % SECOND_ACCOUNT_EVERY == SECOND_ACCOUNT_EVERY - 1
                        account = self._accounts[-1 if other else 0]
                        work.start_soon(self._asking, account, work)
                moving.cancel_scope.cancel()
            self._weather.calm = True
            for account in self._accounts:
                await account.engine.faults([])
            for replica in self._replicas:
                replica.stop()
        return self._counts()

    async def _asking(self, account: StormAccount, deaths: TaskGroup) -> None:
        while self._diary.proposed < self._plan.intents:
            self._asked += 1
            asked = self._asked
            self._progress(self._diary.proposed)
            if self._weather.turns(asked):
                await self._blow(asked)
            if self._weather.kills(asked):
                deaths.start_soon(self._dying)
            await account.agent.ask()

    async def _blow(self, asked: int) -> None:
        """Faults for one of the accounts; sometimes a burst of refusals."""
        drawn = self._weather.faults()
        if self._movers and asked % BURST_EVERY < self._weather.fault_every:
            drawn = [self._movers[0].burst()]
        self._faults += len(drawn)
        await self._chance.choice(self._accounts).engine.faults(drawn)

    async def _dying(self) -> None:
        await anyio.sleep(self._weather.moment())
        victim = self._replicas[self._weather.victim(len(self._replicas))]
        if victim.up:
            victim.kill()

    def _counts(self) -> dict[str, int]:
        return {
            "servers killed": sum(replica.kills for replica in self._replicas),
            "servers paused": sum(mover.pauses for mover in self._movers),
            "publications meanwhile": sum(mover.publications for mover in self._movers),
            "reconciliations meanwhile": sum(mover.reconciliations for mover in self._movers),
            "faults": self._faults,
            "bursts of refusals": sum(mover.bursts for mover in self._movers),
            "requests delivered late": sum(account.relay.late for account in self._accounts),
        }


async def reconciled(runtime: Runtime, *, final: bool) -> int:
    """Reconcile everything; gives how many intents had to be looked at.

    Args:
        runtime: of the operator.
        final: whether every outcome can be read; else one round after the last deadline is enough.
    """
    context, looked_at = runtime.context, 0
    with anyio.fail_after(PATIENCE):
        while True:
            found = await context.reconciler.reconcile_all(context)
            looked_at = max(looked_at, len(found))
            left = [intent for intent in found if intent.state in {"sent", "unknown"}]
            if not left or not final:
                return looked_at
            await anyio.sleep(LOOKED_AGAIN)
