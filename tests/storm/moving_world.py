"""A world that does not keep still: published changes, bursts, paused servers, a hasty operator."""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import anyio
import httpx2

from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
from tests.storm.engine import WEALTH, Engine, World
from tests.storm.replica import Replica

CEILINGS: Final = (None, WEALTH + 20, WEALTH + 60, WEALTH + 200)
THRESHOLDS: Final = (WEALTH - 30, WEALTH, WEALTH + 30)
REFUSED_BURST: Final = (429, 401)
HASTY_TIMEOUT: Final = 0.25
HASTY_SECONDS: Final = 3.0


class MovingWorld:
    """Changes what a preview rests on while people make up their minds.

    Args:
        engine: whose program is changed.
        world: the program.
        replicas: servers that are paused.
        settings: the environment of the servers; the operator has a shorter timeout.
        chance: draws what changes.
    """

    def __init__(
        self,
        engine: Engine,
        world: World,
        replicas: Sequence[Replica],
        settings: Mapping[str, str],
        chance: random.Random,
    ) -> None:
        self._engine = engine
        self._world = world
        self._replicas = replicas
        self._settings = settings
        self._chance = chance
        self.publications = 0
        self.pauses = 0
        self.bursts = 0
        self.reconciliations = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._publishing)
            group.start_soon(self._pausing)
            group.start_soon(self._operating)

    def burst(self) -> dict[str, Any]:
        """A fault that refuses the next requests, whatever they are."""
        self.bursts += 1
        return {
            "method": "*",
            "path": "*",
            "kind": "refuse_before",
            "status": self._chance.choice(REFUSED_BURST),
            "times": self._chance.randint(5, 25),
        }

    async def _publishing(self) -> None:
        """Change a ceiling or a threshold and publish it, unless a fault meets one of the calls."""
        publish = f"/v3/loyalty/config/programs/{self._world.program}/publish"
        while True:
            await anyio.sleep(self._chance.uniform(0.2, 1.5))
            with suppress(httpx2.HTTPError, ValueError):
                await self._chance.choice((self._change_ceiling, self._change_threshold))()
                (await self._engine.http.post(publish)).raise_for_status()
                self.publications += 1

    async def _change_ceiling(self) -> None:
        fields: dict[str, Any] = {"name": "Purchase Points", "unit": "POINTS"}
        ceiling = self._chance.choice(CEILINGS)
        if ceiling is not None:
            fields["maxAmount"] = ceiling
            fields["balanceOptionAmountOvertakingStrategy"] = "partial"
        points = f"/v3/loyalty/balance/programs/{self._world.program}/balance-definitions"
        await self._put(f"{points}/{self._world.balance}", fields)

    async def _change_threshold(self) -> None:
        tiers = f"/v3/loyalty/tier/programs/{self._world.program}/tiers"
        listed = (await self._engine.get(tiers))["items"]
        top = next(item for item in listed if item["name"] == "Gold")
        threshold = {
            "balanceDefinitionId": self._world.balance,
            "minimumValue": self._chance.choice(THRESHOLDS),
        }
        fields = {"name": "Gold", "accessConditions": [threshold], "tierRewards": []}
        await self._put(f"{tiers}/{top['tierId']}", fields)

    async def _put(self, path: str, body: Mapping[str, Any]) -> None:
        (await self._engine.http.put(path, json=dict(body))).raise_for_status()

    async def _pausing(self) -> None:
        """Stop a server in the middle of what it does, and let it go on later."""
        while True:
            await anyio.sleep(self._chance.uniform(2, 5))
            replica = self._chance.choice(self._replicas)
            if replica.up:
                self.pauses += 1
                await replica.pause(self._chance.uniform(0.5, 4))

    async def _operating(self) -> None:
        """`intents reconcile` while all goes on, with a timeout of its own, ended by Ctrl-C."""
        while True:
            await anyio.sleep(self._chance.uniform(3, 8))
            runtime = compose(
                read_settings(
                    api_key=self._settings["BREVO_API_KEY"],
                    base_url=self._settings["LOYALTY_MCP_BASE_URL"],
                    database_url=self._settings["LOYALTY_MCP_DATABASE_URL"],
                    timeout=HASTY_TIMEOUT,
                )
            )
            try:
                with anyio.move_on_after(HASTY_SECONDS):
                    await runtime.context.reconciler.reconcile_all(runtime.context)
            finally:
                with anyio.CancelScope(shield=True):
                    await runtime.close()
            self.reconciliations += 1
