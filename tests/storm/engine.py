"""The sandbox as a process of its own, its history in a file, and the world a storm needs."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
from anyio.abc import Process

from tests.ports import free_port

START_SECONDS: Final = 30
WEALTH: Final = 100_000
REWARD: Final = "free-coffee"


@dataclass(frozen=True)
class World:
    """What the changes of a storm are about.

    Args:
        program: its id.
        balance: the id of its balance.
        members: contact ids.
        vouchers: vouchers that can be redeemed, as (member, voucher id).
    """

    program: str
    balance: str
    members: tuple[int, ...]
    vouchers: tuple[tuple[int, str], ...]


class Engine:
    """A running sandbox.

    Args:
        port: where it listens.
        database: its file.
    """

    def __init__(self, port: int, database: Path) -> None:
        self.port = port
        self.database = database
        self.http = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"api-key": "storm"}, timeout=30
        )

    @property
    def base_url(self) -> str:
        """What `LOYALTY_MCP_BASE_URL` has to be."""
        return f"http://127.0.0.1:{self.port}/v3"

    async def get(self, path: str, **query: Any) -> Any:
        """GET a path of the engine."""
        return (await self.http.get(path, params=query)).raise_for_status().json()

    async def post(self, path: str, body: Any = None) -> Any:
        """POST to a path of the engine."""
        answer = (await self.http.post(path, json=body or {})).raise_for_status()
        return answer.json() if answer.content else {}

    async def faults(self, faults: list[dict[str, Any]]) -> None:
        """Replace the faults that are still to come."""
        await self.post("/sandbox/faults", {"faults": faults})

    async def populate(self, members: int, vouchers: int) -> World:
        """Make members who are rich enough, and hand out vouchers among them."""
        program = (await self.get("/v3/loyalty/config/programs"))["items"][0]["id"]
        offers = f"/v3/loyalty/offer/programs/{program}"
        points = f"/v3/loyalty/balance/programs/{program}"
        definitions = await self.get(f"{points}/balance-definitions", version="active")
        balance = definitions["items"][0]["id"]
        rewards = (await self.get(f"{offers}/offers", version="active"))["items"]
        reward = next(item["id"] for item in rewards if item["name"] == REWARD)
        contacts = []
        for number in range(members):
            email = f"storm{number}@example.com"
            contact = (await self.post("/v3/contacts", {"email": email}))["id"]
            enrolment = f"/v3/loyalty/config/programs/{program}/subscriptions"
            await self.post(enrolment, {"contactId": contact})
            credit = {
                "contactId": contact,
                "balanceDefinitionId": balance,
                "amount": WEALTH,
                "autoComplete": True,
            }
            await self.post(f"{points}/transactions", credit)
            contacts.append(contact)
        held = []
        for number in range(vouchers):
            contact = contacts[number % members]
            issue = {"rewardId": reward, "contactId": contact}
            made = await self.post(f"{offers}/rewards/attribute", issue)
            held.append((contact, made["id"]))
        return World(program, balance, tuple(contacts), tuple(held))


@asynccontextmanager
async def running_engine(folder: Path) -> AsyncIterator[Engine]:
    """A fresh, seeded sandbox without a rate limit, until the block ends."""
    port, database = free_port(), folder / "sandbox.db"
    command = [
        *(sys.executable, "-m", "loyalty_mcp", "sandbox", "--port", str(port)),
        *("--database", str(database), "--rate-limit", "0"),
    ]
    engine = Engine(port, database)
    with (folder / "sandbox.log").open("wb") as log:
        process = await anyio.open_process(command, stdout=log, stderr=log)
    try:
        await _answering(engine, process)
        yield engine
    finally:
        with anyio.CancelScope(shield=True):
            await engine.http.aclose()
            process.terminate()
            await process.wait()


async def _answering(engine: Engine, process: Process) -> None:
    with anyio.fail_after(START_SECONDS):
        while True:
            assert process.returncode is None, "the sandbox ended at once"
            try:
                await engine.get("/sandbox/clock")
            except httpx2.TransportError:
                await anyio.sleep(0.05)
            else:
                return
