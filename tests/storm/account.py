"""One Brevo account in a storm: its sandbox, the network to it, its servers and its assistant."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.storm.agent import Agent, Diary
from tests.storm.engine import Engine, World, running_engine
from tests.storm.relay import Relay, relaying
from tests.storm.replica import Replica
from tests.storm.truth import marks


@dataclass
class StormAccount:
    """An account, and everything that acts on it.

    Args:
        folder: where its files go.
        engine: its sandbox.
        world: what is in it.
        relay: the network in between.
        settings: the environment of its servers.
        since: how far its history went before the storm.
        shows_marks: whether its history shows `meta`.
    """

    folder: Path
    engine: Engine
    world: World
    relay: Relay
    settings: Mapping[str, str]
    since: Mapping[str, int]
    shows_marks: bool
    replicas: list[Replica] = field(default_factory=list)
    _agent: Agent | None = None

    @property
    def agent(self) -> Agent:
        """Its assistant, once it was started."""
        assert self._agent is not None
        return self._agent

    def start(
        self,
        server: type[Replica],
        count: int,
        clocks: tuple[float, ...],
        diary: Diary,
        seed: int,
        batches: float = 0,
    ) -> None:
        """Make its servers, their clocks ahead by so many seconds in turn, and its assistant."""
        for number in range(count):
            ahead = {"STORM_CLOCK_AHEAD": str(clocks[number % len(clocks)])}
            name = f"{self.folder.name}-server{number}"
            self.replicas.append(server(name, self.folder, {**self.settings, **ahead}))
        chance = random.Random(seed + 1)
        self._agent = Agent(self.replicas, self.world, chance, diary, batches)


@asynccontextmanager
async def opened(
    folder: Path,
    settings: Mapping[str, str],
    hold: Callable[[str], float],
    *,
    members: int,
    vouchers: int,
    shows_marks: bool,
) -> AsyncIterator[StormAccount]:
    """A fresh account with members and vouchers, until the block ends."""
    own = folder / settings["BREVO_API_KEY"]
    own.mkdir()
    async with running_engine(own) as engine:
        world = await engine.populate(members, vouchers)
        if not shows_marks:
            await engine.post("/sandbox/switches", {"no_meta_in_history": True})
        since = marks(engine.database)
        async with relaying(f"http://127.0.0.1:{engine.port}", hold) as (relay, port):
            there = {"LOYALTY_MCP_BASE_URL": f"http://127.0.0.1:{port}/v3"}
            complete = {**settings, **there}
            yield StormAccount(own, engine, world, relay, complete, since, shows_marks)
