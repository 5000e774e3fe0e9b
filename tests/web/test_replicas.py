"""Two replicas on one PostgreSQL behind a load balancer that knows nothing; and a graceful end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette

from loyalty_mcp.settings import read_settings
from tests.conftest import YES, Mode, SandboxControl
from tests.storm.postgres import Postgres
from tests.web.conftest import SHARED, Edge, Serve, form_token_in, serving

DEBIT: dict[str, Any] = {"member": "101", "amount": 5, "reason": "broken mug"}
BALANCER = "http://127.0.0.1:80"


class RoundRobin(httpx2.AsyncBaseTransport):
    """A plain load balancer: each request goes to the next replica, whatever came before.

    Args:
        urls: of the replicas.
    """

    def __init__(self, urls: list[str]) -> None:
        self._urls = cycle(httpx2.URL(url) for url in urls)
        self._transport = httpx2.AsyncHTTPTransport()
        self.asked: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass a request on."""
        target = next(self._urls)
        self.asked.append(target.port or 0)
        request.url = request.url.copy_with(host=target.host, port=target.port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._transport.aclose()


class Replicas:
    """Replicas of one service.

    Args:
        edges: each of them.
    """

    def __init__(self, edges: list[Edge]) -> None:
        self.edges = edges

    @asynccontextmanager
    async def http(self, token: str) -> AsyncIterator[httpx2.AsyncClient]:
        """A client that speaks to all of them in turn."""
        balancer = RoundRobin([edge.url for edge in self.edges])
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(
            base_url=BALANCER, transport=balancer, headers=headers, timeout=60
        ) as http:
            yield http
        if len(balancer.asked) > 1:
            assert len(set(balancer.asked)) == len(self.edges)

    @asynccontextmanager
    async def client(self, token: str, mode: str = "auto", **options: Any) -> AsyncIterator[Client]:
        """An MCP client that speaks to all of them in turn."""
        async with (
            self.http(token) as http,
            Client(
                streamable_http_client(f"{BALANCER}/mcp", http_client=http), mode=mode, **options
            ) as client,
        ):
            yield client


@pytest.fixture
async def replicas(
    sandbox: Starlette, postgres: Postgres, request: pytest.FixtureRequest
) -> AsyncIterator[Replicas]:
    """Two replicas that share a database, a secret and nothing else."""
    flags = getattr(request, "param", {"confirm": "token"})
    settings = read_settings(database_url=postgres.fresh(), secret=SHARED, **flags)
    async with AsyncExitStack() as stack:
        edges = [await stack.enter_async_context(serving(settings, sandbox)) for _ in range(2)]
        yield Replicas(edges)


async def debit(client: Client, **more: Any) -> dict[str, Any]:
    """Ask for the debit."""
    found = await client.call_tool("debit_points", {**DEBIT, **more})
    return dict(found.structured_content or {"status": "error"})


async def test_confirmed_on_the_other(
    replicas: Replicas, control: SandboxControl, mode: Mode
) -> None:
    """What one replica previews, the other carries out; in both eras, without sticky sessions."""
    token, before = await replicas.edges[0].token("agent"), await control.balance(101)
    async with replicas.client(token, mode) as client:
        for _ in range(4):
            await client.list_tools()
        asked = await debit(client)
        assert asked["status"] == "confirmation_required"
        done = await debit(client, confirmation=asked["confirmation"])
        again = await debit(client, confirmation=asked["confirmation"])

    assert (done["status"], again["status"]) == ("applied", "applied")
    assert await control.balance(101) == before - 5


@pytest.mark.parametrize("replicas", [{"confirm": "ask"}], indirect=True)
async def test_dialog_answered_on_the_other(replicas: Replicas, control: SandboxControl) -> None:
    """A dialog that one replica asked for is answered to the other: the state travels sealed."""
    token, before = await replicas.edges[0].token("agent"), await control.balance(101)

    async def answer(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert "Debit" in params.message
        return YES

    async with replicas.client(token, elicitation_callback=answer) as client:
        for _ in range(2):
            assert (await debit(client))["status"] == "applied"

    assert await control.balance(101) == before - 10


async def test_fifty_at_once(replicas: Replicas, control: SandboxControl) -> None:
    """Fifty uses of one confirmation at the same moment, on two replicas, have one effect."""
    token, before = await replicas.edges[0].token("agent"), await control.balance(101)
    statuses: list[str] = []
    async with replicas.client(token) as client:
        asked = await debit(client)

        async def use() -> None:
            statuses.append((await debit(client, confirmation=asked["confirmation"]))["status"])

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(use)

    assert await control.balance(101) == before - 5
    assert statuses == ["applied"] * 50


@pytest.mark.parametrize("replicas", [{"confirm": "operator"}], indirect=True)
async def test_approved_on_any(replicas: Replicas, control: SandboxControl) -> None:
    """An operator who logged in on one replica approves on the other."""
    edge = replicas.edges[0]
    agent, before = await edge.token("agent"), await control.balance(101)
    anna = await edge.token("anna", operator=True)
    async with replicas.client(agent) as client, replicas.http(anna) as browser:
        asked = await debit(client)
        await browser.post("/approvals/login", data={"token": anna})
        pages = [(await browser.get("/approvals")).text for _ in range(2)]
        assert all(asked["intent"] in page for page in pages)
        answer = await browser.post(
            f"/approvals/{asked['intent']}",
            data={"form_token": form_token_in(pages[0]), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?said=approved"
        assert (await debit(client, confirmation=asked["intent"]))["status"] == "applied"

    assert await control.balance(101) == before - 5


async def test_revoked_everywhere(replicas: Replicas) -> None:
    """A token made on one replica is known to the other, for it is in the journal."""
    token = await replicas.edges[1].token("agent")
    for edge in replicas.edges:
        async with edge.client(token) as client:
            assert (await client.list_tools()).tools


async def test_the_database_stops(
    replicas: Replicas, control: SandboxControl, postgres: Postgres
) -> None:
    """Without its journal the service changes nothing and says so; it recovers by itself."""
    edge = replicas.edges[0]
    token, before = await edge.token("agent"), await control.balance(101)
    async with replicas.client(token) as client:
        asked = await debit(client)
        postgres.stop()
        try:
            for _ in range(4):
                with pytest.raises(Exception):  # noqa: B017, PT011 - 503, or what the client makes of it
                    assert (await debit(client, confirmation=asked["confirmation"]))["status"] == (
                        "applied"
                    )
            async with edge.http() as http:
                assert (await http.get("/health")).status_code == 200
                assert (await http.get("/ready")).status_code == 503
            assert await control.balance(101) == before
        finally:
            postgres.start()
        done = await debit(client, confirmation=asked["confirmation"])

    assert done["status"] == "applied"
    assert await control.balance(101) == before - 5


async def test_a_graceful_end(serve: Serve, control: SandboxControl) -> None:
    """Told to stop in the middle of a change, the service ends it, answers, and then ends."""
    before, held, release = await control.balance(101), anyio.Event(), anyio.Event()
    found: list[dict[str, Any]] = []

    async def hold(request: httpx2.Request) -> None:
        if request.url.path.endswith("/complete"):
            held.set()
            await release.wait()

    async with serve(confirm="off") as edge, edge.client() as client:
        await client.list_tools()  # or the client would ask again when the answer is there
        edge.sent.append(hold)

        async def change() -> None:
            found.append(await debit(client))

        async with anyio.create_task_group() as group:
            group.start_soon(change)
            await held.wait()
            edge.service.should_exit = True
            await edge.service.ending.wait()
            release.set()

    assert found[0]["status"] == "applied"
    assert await control.balance(101) == before - 5
