"""How many requests each guarded tool takes of the hour's budget, in its worst case."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx2
from starlette.types import Message, Receive, Scope, Send

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.bulk.batch_preview import most_requests_of
from loyalty_mcp.tools.registry import TOOLS
from tests.conftest import SandboxControl
from tests.memory import MEMORY
from tests.world import BALANCE, CONFIG, GOOD, SPEC, World, fill

GUARDED: Final = tuple(name for name, tool in TOOLS.items() if tool.guarded)
NOWHERE: Final = World("", "", "", "", "", "", "", "")
TAKES: Final = re.compile(r"This takes (\d+) requests")
NO_CHANGES: Final = ("GET", "HEAD")


def worst_arguments(tool: str, world: World) -> dict[str, Any]:
    """Good arguments of a tool; of several ways the one that takes the most requests."""
    match tool:
        case "enroll_member":
            return {"contact": "nora.lind@example.com", "create_contact": True, "own_id": "NEW-2"}
        case "apply_program":
            limit = {"transaction_type": "credit", "constraint_type": "amount", "value": 500}
            limits = [{**limit, "per": {"value": 1, "unit": "day"}}]
            balances = [{"name": "Leaves", "unit": "POINTS", "limits": limits}]
            return {"spec": {**SPEC, "balances": balances}, "publish": True}
        case _:
            return GOOD[tool](world)


@dataclass(frozen=True)
class Counts:
    """Requests that a tool took.

    Args:
        cold: before the agreement and after it, each in a process that has read nothing.
        warm: the same in a process that has just read all of it.
        lost: after the agreement, if an answer is lost; of several the most.
        drift: what an agreed call takes that no longer holds, with its new preview.
        repeated: what a confirmation takes that is used a second time.
        reconciled: what it takes another process to find out what became of a lost change.
    """

    cold: tuple[int, int]
    warm: tuple[int, int]
    lost: int
    drift: int
    repeated: int
    reconciled: int

    @property
    def before(self) -> int:
        """The most before the agreement."""
        return max(self.cold[0], self.warm[0])

    @property
    def after(self) -> int:
        """The most after the agreement."""
        return max(self.cold[1], self.warm[1], self.lost)


class Upstream:
    """An engine that counts what it is asked, and can lose an answer.

    Args:
        app: the engine.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.state = app.state
        self.asked = 0
        self.writes = 0
        self.lost_write: int | None = None
        self.refuses_reads = False
        self.then_refuses = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back unless that is to be lost."""
        self.asked += 1
        changes = scope["method"] not in NO_CHANGES and not scope["path"].endswith("/validate")
        if self.refuses_reads and not changes:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})
            return
        self.writes += changes
        if changes and self.writes == self.lost_write:
            self.refuses_reads = self.then_refuses
            await self._app(scope, receive, _drop)
            raise httpx2.ReadError("the answer was lost")
        await self._app(scope, receive, send)


async def _drop(_message: Message) -> None:
    """Nobody hears it."""


class Account:
    """A seeded account with one of everything, and servers in front of it.

    Args:
        upstream: counts the requests.
        control: the engine from outside.
        world: what is in it.
        folder: for the journal, which all its servers share.
    """

    def __init__(
        self, upstream: Upstream, control: SandboxControl, world: World, folder: str
    ) -> None:
        self.upstream = upstream
        self.control = control
        self.world = world
        self._journal = f"sqlite:///{folder}/journal.db"
        self._servers: list[Runtime] = []

    def server(self) -> Runtime:
        """A process that has read nothing yet."""
        settings = read_settings(confirm="token", database_url=self._journal)
        self._servers.append(compose(settings, self.upstream))
        return self._servers[-1]

    async def call(
        self, server: Runtime, tool: str, arguments: Mapping[str, Any]
    ) -> tuple[Answer, int]:
        """Call a tool; gives its answer, and how many requests it took."""
        before = self.upstream.asked
        answer = await server.dispatcher.call(tool, arguments, Caller(LOCAL, can_ask=False))
        assert isinstance(answer, Answer)
        return answer, self.upstream.asked - before

    async def preview(
        self, server: Runtime, tool: str, arguments: Mapping[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Call a tool for its preview; gives the arguments to agree with, and the requests."""
        answer, took = await self.call(server, tool, arguments)
        structured = answer.structured or {}
        assert structured.get("status") == "confirmation_required", answer.text
        return {**arguments, "confirmation": structured["confirmation"]}, took

    async def close(self) -> None:
        """Close all servers."""
        for server in self._servers:
            await server.http.aclose()
            await server.context.journal.close()


@asynccontextmanager
async def an_account(tool: str) -> AsyncIterator[Account]:
    """A new account with what a tool is about."""
    app = create_app(SandboxSettings(rate_limit=0))
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://sandbox",
        headers={"api-key": "test"},
    )
    async with AsyncExitStack() as stack:
        stack.callback(app.state.store.close)
        control = SandboxControl(await stack.enter_async_context(http))
        world = await fill(control)
        folder = stack.enter_context(TemporaryDirectory(prefix="loyalty-mcp-", dir=MEMORY))
        account = Account(Upstream(app), control, world, folder)
        stack.push_async_callback(account.close)
        if tool == "create_subscription_balance":
            await add_tea_points(account)
        yield account


async def add_tea_points(account: Account) -> None:
    """Add a balance that the member does not have yet."""
    program = await account.control.program()
    second = {"name": "Tea Points", "unit": "POINTS"}
    await account.control.post(f"{BALANCE}/{program}/balance-definitions", second)
    await account.control.post(f"{CONFIG}/{program}/publish", {})


async def counts_of(tool: str) -> Counts:
    """Carry out a tool in all the ways that take the most, each in a new account."""
    async with an_account(tool) as account:
        arguments = worst_arguments(tool, account.world)
        agreed, before = await account.preview(account.server(), tool, arguments)
        account.upstream.writes = 0
        answer, after = await account.call(account.server(), tool, agreed)
        assert (answer.structured or {}).get("status") == "applied", answer.text
        writes = account.upstream.writes
        _, repeated = await account.call(account.server(), tool, agreed)
    warm, drift = await _warm_and_drift(tool)
    lost = [await _lost(tool, number) for number in range(1, writes + 1)]
    return Counts(
        cold=(before, after),
        warm=warm,
        lost=max(lost),
        drift=drift,
        repeated=repeated,
        reconciled=await _reconciled(tool, writes),
    )


async def _warm_and_drift(tool: str) -> tuple[tuple[int, int], int]:
    """A process that has just previewed the same, and what the first preview takes then."""
    async with an_account(tool) as account:
        arguments, server = worst_arguments(tool, account.world), account.server()
        first, _ = await account.preview(server, tool, arguments)
        second, before = await account.preview(server, tool, arguments)
        _, after = await account.call(server, tool, second)
        _, drift = await account.call(account.server(), tool, first)
        return (before, after), drift


async def _lost(tool: str, number: int) -> int:
    """What comes after the agreement if the answer to one of its changes is lost."""
    async with an_account(tool) as account:
        arguments = worst_arguments(tool, account.world)
        agreed, _ = await account.preview(account.server(), tool, arguments)
        account.upstream.writes, account.upstream.lost_write = 0, number
        _, took = await account.call(account.server(), tool, agreed)
        return took


async def _reconciled(tool: str, number: int) -> int:
    """What another process reads to find out about a change that a dead one has sent."""
    async with an_account(tool) as account:
        arguments = worst_arguments(tool, account.world)
        agreed, _ = await account.preview(account.server(), tool, arguments)
        account.upstream.writes, account.upstream.lost_write = 0, number
        account.upstream.then_refuses = True
        await account.call(account.server(), tool, agreed)
        account.upstream.refuses_reads = False
        _, took = await account.call(account.server(), tool, agreed)
        return took


async def declared(tool: str) -> tuple[int, int]:
    """What a tool requires of the hour before its preview, and what comes after the agreement.

    For a tool that declares by its size, both are of the arguments that are measured here.
    """
    known = TOOLS[tool]
    if tool == "bulk_change":
        after = most_requests_of("credit_points", len(worst_arguments(tool, NOWHERE)["rows"]))
    elif tool == "apply_program":
        after = await _required_by_plan()
    else:
        return known.requests, known.requests_after_agreement
    return known.requests + after, after


async def _required_by_plan() -> int:
    """What a plan requires after its preview, as it says where less than that is left."""
    async with an_account("apply_program") as account:
        left = TOOLS["apply_program"].requests
        await account.control.post("/sandbox/switches", {"rate_limit": left})
        arguments = worst_arguments("apply_program", account.world)
        answer, _ = await account.call(account.server(), "apply_program", arguments)
        found = TAKES.search(answer.text)
        assert found is not None, answer.text
        return int(found[1])
