"""Two replicas on one PostgreSQL behind a round-robin load balancer; and graceful shutdown."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
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
from tests.web.auth.test_stream_watch import short_pause
from tests.web.conftest import SHARED, RunningServer, Serve, form_token_in, running_server

DEBIT: dict[str, Any] = {"member": "101", "amount": 5, "reason": "broken mug"}
BALANCER = "http://127.0.0.1:80"


class RoundRobin(httpx2.AsyncBaseTransport):
    """A round-robin load balancer without sticky sessions.

    Args:
        urls: of the replicas.
    """

    def __init__(self, urls: list[str]) -> None:
        self._urls = cycle(httpx2.URL(url) for url in urls)
        self._transport = httpx2.AsyncHTTPTransport()
        self.asked: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Forward one request."""
        target = next(self._urls)
        self.asked.append(target.port or 0)
        request.url = request.url.copy_with(host=target.host, port=target.port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


class Replicas:
    """Replicas of one server.

    Args:
        edges: each of them.
    """

    def __init__(self, edges: list[RunningServer]) -> None:
        self.edges = edges

    @asynccontextmanager
    async def http(self, token: str) -> AsyncIterator[httpx2.AsyncClient]:
        """An HTTP client that reaches them in turn."""
        balancer = RoundRobin([server.url for server in self.edges])
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(
            base_url=BALANCER, transport=balancer, headers=headers, timeout=60
        ) as http:
            yield http
        if len(balancer.asked) > 1:
            assert len(set(balancer.asked)) == len(self.edges)

    @asynccontextmanager
    async def client(self, token: str, mode: str = "auto", **options: Any) -> AsyncIterator[Client]:
        """An MCP client that reaches them in turn."""
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
    """Two replicas that share only a database and a secret."""
    flags = getattr(request, "param", {"confirm": "token"})
    settings = read_settings(database_url=postgres.fresh(), secret=SHARED, **flags)
    async with AsyncExitStack() as stack:
        edges = [
            await stack.enter_async_context(
                running_server(settings, sandbox, stream_pause=short_pause)
            )
            for _ in range(2)
        ]
        yield Replicas(edges)


async def debit(client: Client, **more: Any) -> dict[str, Any]:
    """Call `debit_points`."""
    found = await client.call_tool("debit_points", {**DEBIT, **more})
    return dict(found.structured_content or {"status": "error"})


async def test_a_preview_is_confirmed_on_another_replica(
    replicas: Replicas, control: SandboxControl, mode: Mode
) -> None:
    """One replica previews, the other carries out, in both eras and without sticky sessions."""
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
async def test_a_dialog_is_answered_on_another_replica(
    replicas: Replicas, control: SandboxControl
) -> None:
    """A dialog opened by one replica can be answered to the other; its state travels signed."""
    token, before = await replicas.edges[0].token("agent"), await control.balance(101)

    async def answer(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert "Debit" in params.message
        return YES

    async with replicas.client(token, elicitation_callback=answer) as client:
        for _ in range(2):
            assert (await debit(client))["status"] == "applied"

    assert await control.balance(101) == before - 10


async def test_fifty_concurrent_confirmations_have_one_effect(
    replicas: Replicas, control: SandboxControl
) -> None:
    """Fifty concurrent uses of one confirmation on two replicas have one effect."""
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
async def test_any_replica_accepts_an_approval(replicas: Replicas, control: SandboxControl) -> None:
    """An operator logged in on one replica can approve on the other."""
    server = replicas.edges[0]
    agent, before = await server.token("agent"), await control.balance(101)
    anna = await server.token("anna", operator=True)
    async with replicas.client(agent) as client, replicas.http(anna) as browser:
        asked = await debit(client)
        await browser.post("/approvals/login", data={"token": anna})
        pages = [(await browser.get("/approvals")).text for _ in range(2)]
        assert all(asked["intent"] in page for page in pages)
        answer = await browser.post(
            f"/approvals/{asked['intent']}",
            data={"form_token": form_token_in(pages[0]), "decision": "approved"},
        )
        assert answer.headers["location"] == "/approvals?notice=approved"
        assert (await debit(client, confirmation=asked["intent"]))["status"] == "applied"

    assert await control.balance(101) == before - 5


async def test_a_token_works_on_every_replica(replicas: Replicas) -> None:
    """A token created on one replica works on the other."""
    token = await replicas.edges[1].token("agent")
    for server in replicas.edges:
        async with server.client(token) as client:
            assert (await client.list_tools()).tools


@pytest.mark.parametrize("replicas", [{"max_open_requests_per_caller": 3}], indirect=True)
async def test_streams_without_sessions_are_bounded(replicas: Replicas) -> None:
    """Where no session bounds them, a caller opens so many event streams on each replica."""
    server = replicas.edges[0]
    token, accept = await server.token("kim"), {"accept": "application/json, text/event-stream"}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(server.http(token, headers=accept))
        streams = [await stack.enter_async_context(http.stream("GET", "/mcp")) for _ in range(4)]

        assert [stream.status_code for stream in streams] == [200, 200, 200, 429]


async def test_a_token_revoked_on_one_replica_ends_streams_on_another(replicas: Replicas) -> None:
    """Every replica watches the streams it serves."""
    one, other = replicas.edges
    token, accept = await one.token("kim"), {"accept": "application/json, text/event-stream"}
    async with other.http(token, headers=accept) as http, http.stream("GET", "/mcp") as stream:
        assert stream.status_code == 200
        await one.runtime.context.journal.open().tokens.revoke("kim", datetime.now(UTC))
        with anyio.fail_after(10):
            assert [part async for part in stream.aiter_raw()] == []


async def test_nothing_changes_while_the_database_is_down(
    replicas: Replicas, control: SandboxControl, postgres: Postgres
) -> None:
    """While the database is down nothing is changed; afterwards the server recovers by itself."""
    server = replicas.edges[0]
    token, before = await server.token("agent"), await control.balance(101)
    async with replicas.client(token) as client:
        asked = await debit(client)
        postgres.stop()
        try:
            for _ in range(4):
                with pytest.raises(Exception):  # noqa: B017, PT011 - 503, or what the client makes of it
                    assert (await debit(client, confirmation=asked["confirmation"]))["status"] == (
                        "applied"
                    )
            async with server.http() as http:
                assert (await http.get("/health")).status_code == 200
                assert (await http.get("/ready")).status_code == 503
            assert await control.balance(101) == before
        finally:
            postgres.start()
        done = await debit(client, confirmation=asked["confirmation"])

    assert done["status"] == "applied"
    assert await control.balance(101) == before - 5


async def test_a_shutdown_finishes_the_change_under_way(
    serve: Serve, control: SandboxControl
) -> None:
    """A server told to stop during a change finishes it, answers, and then stops."""
    before, held, release = await control.balance(101), anyio.Event(), anyio.Event()
    found: list[dict[str, Any]] = []

    async def hold(request: httpx2.Request) -> None:
        if request.url.path.endswith("/complete"):
            held.set()
            await release.wait()

    async with serve(confirm="off") as server, server.client() as client:
        await client.list_tools()  # or the client would ask again when the answer is there
        server.upstream_hooks.append(hold)

        async def change() -> None:
            found.append(await debit(client))

        async with anyio.create_task_group() as group:
            group.start_soon(change)
            await held.wait()
            server.process.should_exit = True
            await server.process.stopping_event.wait()
            release.set()

    assert found[0]["status"] == "applied"
    assert await control.balance(101) == before - 5
