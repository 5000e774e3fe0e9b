"""Bounds for each caller: requests, sessions, and its share of the hourly budget."""

import json
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx2
import pytest
from starlette.requests import Request

from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.server.handlers import PRINCIPAL
from loyalty_mcp.web.edge.http_errors import HttpError
from loyalty_mcp.web.edge.rate_limit import RateLimit
from loyalty_mcp.web.edge.session_limit import SessionLimit
from loyalty_mcp.web.health import Readiness
from tests.cli.test_commands import run
from tests.conftest import text_of
from tests.web.conftest import INITIALIZE, Clock, RunningServer, Serve
from tests.web.server_process import server_process

ACCEPT = {"accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
KIM = Principal("token:kim", Role.MEMBER, member="101")


async def open_session(http: httpx2.AsyncClient) -> httpx2.Response:
    """Open a session as a handshake client does."""
    return await http.post("/mcp", json=INITIALIZE, headers=ACCEPT)


async def test_requests_over_the_rate_are_refused(serve: Serve) -> None:
    """The sixth of five allowed requests gets 429 and Retry-After; other callers are answered."""
    async with serve(max_calls_per_minute=5) as server:
        kim, lee = await server.token("kim"), await server.token("lee")
        async with server.http(kim) as http:
            statuses = [(await http.post("/mcp", json=PING)).status_code for _ in range(5)]
            refused = await http.post("/mcp", json=PING)
        async with server.http(lee) as http:
            other = await http.post("/mcp", json=PING)

    assert 429 not in statuses
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 12
    assert refused.json()["error"] == "too_many_requests"
    assert other.status_code != 429


async def test_operators_and_local_callers_have_no_rate(serve: Serve) -> None:
    """An operator's token and a local caller without a token are not bounded."""
    async with serve(max_calls_per_minute=1) as server:
        async with server.http() as http:
            local = {(await http.post("/mcp", json=PING)).status_code for _ in range(5)}
        async with server.http(await server.token("ops", operator=True)) as http:
            operator = {(await http.post("/mcp", json=PING)).status_code for _ in range(5)}

    assert 429 not in local | operator


def test_used_requests_come_back_evenly() -> None:
    """Of 60 requests a minute, one comes back each second."""
    clock = Clock()
    limit = RateLimit(60, clock)
    for _ in range(60):
        limit.check(KIM)
    with pytest.raises(HttpError) as refused:
        limit.check(KIM)
    assert refused.value.headers["Retry-After"] == "1"
    clock.now += 2.0
    limit.check(KIM)
    limit.check(KIM)
    with pytest.raises(HttpError):
        limit.check(KIM)
    assert limit.refused == 2


async def test_an_open_request_too_many_is_refused(serve: Serve) -> None:
    """Streams and bodies that still arrive are open; another caller and the next one are served."""
    async with serve(max_open_requests_per_caller=2) as server, AsyncExitStack() as stack:
        kim, lee = await server.token("kim"), await server.token("lee")
        http = await stack.enter_async_context(server.http(kim, headers=ACCEPT))
        session = (await open_session(http)).headers["mcp-session-id"]
        listening = http.stream("GET", "/mcp", headers={"mcp-session-id": session})
        assert (await listening.__aenter__()).status_code == 200
        connection = await stack.enter_async_context(
            await anyio.connect_tcp("127.0.0.1", server.port)
        )
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {kim}\r\n"
        await connection.send(f"{head}Content-Length: 2\r\n\r\n{{".encode())
        refused = await http.post("/mcp", json=PING)
        while refused.status_code != 429:  # until the half request has arrived
            refused = await http.post("/mcp", json=PING)
        async with server.http(lee) as other:
            assert (await other.post("/mcp", json=PING)).status_code != 429
        await connection.send(b"}")
        await connection.receive()
        again = await http.post("/mcp", json=PING)
        await listening.__aexit__(None, None, None)

    assert refused.json()["error"] == "too_many_requests"
    assert "MAX_OPEN_REQUESTS_PER_CALLER" in refused.json()["error_description"]
    assert refused.headers["retry-after"] == "1"
    assert again.status_code != 429


async def test_a_session_too_many_is_refused(serve: Serve) -> None:
    """The fourth of three allowed sessions gets 429 until one is ended."""
    async with serve(max_sessions_per_caller=3) as server:
        kim, lee = await server.token("kim"), await server.token("lee")
        async with server.http(kim) as http, server.http(lee) as other:
            opened = [await open_session(http) for _ in range(3)]
            refused = await open_session(http)
            assert (await open_session(other)).status_code == 200
            session = {"mcp-session-id": opened[0].headers["mcp-session-id"]}
            await http.delete("/mcp", headers={**ACCEPT, **session})
            again = await open_session(http)

    assert [answer.status_code for answer in opened] == [200] * 3
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 600
    assert again.status_code == 200


async def test_failed_openings_use_up_no_sessions(serve: Serve) -> None:
    """A request that opens nothing leaves room for the one that does."""
    async with (
        serve(max_sessions_per_caller=1) as server,
        server.http(await server.token("kim")) as http,
    ):
        for _ in range(3):
            assert (await http.post("/mcp", json=PING, headers=ACCEPT)).status_code == 400
        assert (await open_session(http)).status_code == 200


async def test_an_idle_session_makes_room() -> None:
    """A session that was unused for the idle time is not counted any more."""
    clock = Clock()
    limit = SessionLimit(1, 600, clock)
    number = 0

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal number
        number += 1
        headers = [(b"mcp-session-id", str(number).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def nothing(*_arguments: Any) -> Any:
        return None

    async def open_one() -> None:
        scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": [], PRINCIPAL: KIM}
        await limit.wrap(app)(scope, nothing, nothing)

    await open_one()
    clock.now += 590
    with pytest.raises(HttpError) as refused:
        await open_one()
    assert refused.value.headers["Retry-After"] == "10"
    clock.now += 11
    await open_one()
    assert len(limit) == 1


def test_one_member_cannot_take_all_sessions() -> None:
    """Of 400 sessions of one token a hundred are opened; another token opens its own at once."""
    member = ("--role", "member", "--member", "101")
    kim = run("token", "create", "--name", "kim", *member).stdout.strip()
    lee = run("token", "create", "--name", "lee", *member).stdout.strip()
    with server_process() as server, httpx2.Client(base_url=server.url, timeout=30) as http:
        http.headers.update(ACCEPT)

        def status(token: str) -> int:
            headers = {"authorization": f"Bearer {token}"}
            return http.post("/mcp", json=INITIALIZE, headers=headers).status_code

        statuses = [status(kim) for _ in range(400)]
        other = status(lee)

    assert statuses == [200] * 100 + [429] * 300
    assert other == 200


async def spend(server: RunningServer, token: str, calls: int) -> list[str]:
    """The texts of that many overviews."""
    async with server.client(token) as client:
        return [
            text_of(await client.call_tool("get_member_overview", {"member": "101"}))
            for _ in range(calls)
        ]


async def test_a_greedy_caller_is_stopped_at_its_share(serve: Serve) -> None:
    """One caller uses its share of the hour and no more; others and changes under way go on."""
    async with serve(budget_share=10, confirm="token") as server:
        greedy, modest = await server.token("greedy"), await server.token("modest")
        async with server.client(greedy) as client:
            debit = {"member": "101", "amount": 1, "reason": "test"}
            asked = (await client.call_tool("debit_points", debit)).structured_content
        assert asked is not None
        texts = await spend(server, greedy, 60)
        other = await spend(server, modest, 1)
        async with server.client(greedy) as client:
            status = text_of(await client.call_tool("get_server_status", {}))
            confirmed = {**debit, "confirmation": asked["confirmation"]}
            done = (await client.call_tool("debit_points", confirmed)).structured_content
        budget = server.runtime.context.brevo.budget

    assert "requests to Brevo that one caller may use in an hour" in texts[-1]
    assert "points" in other[0]
    assert "used 60 of its 60; 60 are kept for operators" in status
    assert done is not None
    assert done["status"] == "applied"
    assert budget is not None
    assert budget.remaining > 400


async def readiness(server: RunningServer) -> tuple[int, str]:
    """The status of /ready and what it says about the budget, without its short cache."""
    answer = await Readiness(server.runtime.context).ready(Request({"type": "http"}))
    return answer.status_code, json.loads(bytes(answer.body))["budget"]


async def test_readiness_and_metrics_show_the_budget(serve: Serve) -> None:
    """/ready tells when only the reserve is left, and is 503 when the budget is spent."""
    async with serve(budget_share=100, budget_reserve=50) as server:
        ops, agent = await server.token("ops", operator=True), await server.token("agent")
        before = await readiness(server)
        refused = (await spend(server, agent, 200))[-1]
        reserve = await readiness(server)
        for_operator = (await spend(server, ops, 200))[0]
        spent = await readiness(server)
        async with server.http(ops) as http:
            metrics = (await http.get("/metrics")).text

    assert before == (200, "available")
    assert "kept for operators" in refused
    assert reserve == (200, "reserve only")
    assert "points" in for_operator
    assert spent == (503, "spent")
    assert "loyalty_mcp_upstream_budget_reserve 300.0" in metrics
    assert "loyalty_mcp_upstream_budget_remaining 0.0" in metrics
    for limit in ("sessions", "calls_per_minute", "open_requests"):
        assert f'loyalty_mcp_refused_total{{limit="{limit}"}} 0.0' in metrics
