"""Fast reads give the same answers as the MCP library, and everything else goes to the library."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.trace import NoOpTracerProvider
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from loyalty_mcp.intents.principal import Principal, local
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.caller_session import CallerSession
from loyalty_mcp.server.handlers import PRINCIPAL, result_meta
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.web import fast_reads
from loyalty_mcp.web.edge.body_limit import BODY, MAX_BODY_BYTES
from loyalty_mcp.web.fast_reads import FastReads, parse_plain_read
from loyalty_mcp.web.mcp_endpoint import McpEndpoint, mcp_endpoint
from tests.conftest import text_of
from tests.web.conftest import RunningServer
from tests.web.test_response_forms import posted
from tests.world import GOOD, World

READS = [name for name, tool in menu(read_settings()).items() if not tool.guarded]
MARK = re.compile(r"\b[0-9a-f]{16,}\b")

Header = tuple[bytes, bytes]


@pytest.fixture(autouse=True)
def _untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing is off, also after a test of this process that had turned it on for good."""
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)


@dataclass(frozen=True)
class Asked:
    """A request to the MCP endpoint."""

    headers: tuple[Header, ...]
    body: bytes
    method: str = "POST"


@dataclass(frozen=True)
class Outcome:
    """Its response."""

    status: int
    kind: str
    body: Any


def call(tool: str, arguments: dict[str, Any]) -> Asked:
    """A plain tool call."""
    sent = posted(tool, progress=False, arguments=arguments)
    named = {"host": "127.0.0.1", "content-type": "application/json", **sent["headers"]}
    headers = tuple((name.encode(), value.encode()) for name, value in named.items())
    return Asked(headers, json.dumps(sent["json"]).encode())


@dataclass
class Paths:
    """The two ways a request is answered.

    Args:
        runtime: what the server is made of.
        endpoint: the library.
        principal: who calls.
        reached: how often the fast path passed a request to the library.
    """

    runtime: Runtime
    endpoint: McpEndpoint
    principal: Principal
    reached: int = 0

    async def fast_reads(self, asked: Asked) -> Outcome:
        """Through the fast path, as served."""
        meta = {**result_meta(self.runtime.settings), **self.endpoint.meta}
        return await self._answered(FastReads(self._tally, self.runtime.sessions, meta), asked)

    async def library(self, asked: Asked) -> Outcome:
        """Through the library only."""
        return await self._answered(self.endpoint.app, asked)

    async def _tally(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1
        await self.endpoint.app(scope, receive, send)

    async def _answered(self, app: Callable[..., Any], asked: Asked) -> Outcome:
        sent: list[Message] = []
        arriving = [{"type": "http.request", "body": asked.body, "more_body": False}]

        async def receive() -> Message:
            if not arriving:
                await anyio.sleep_forever()
            return arriving.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": asked.method,
            "path": "/mcp",
            "query_string": b"",
            "headers": list(asked.headers),
            PRINCIPAL: self.principal,
            BODY: asked.body,
        }
        await app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        kind = dict(sent[0]["headers"]).get(b"content-type", b"").decode()
        try:
            value = json.loads(MARK.sub("mark", body.decode()))
        except ValueError:
            value = body
        return Outcome(sent[0]["status"], kind, value)


@asynccontextmanager
async def both_ways(sandbox: Starlette, principal: Principal) -> AsyncIterator[Paths]:
    """Both ways for one caller, on one sandbox."""
    runtime = compose(read_settings(), sandbox)
    endpoint = mcp_endpoint(
        runtime.http_server(), sessions=True, session_idle=600, max_body_bytes=MAX_BODY_BYTES
    )
    async with endpoint.run():
        yield Paths(runtime, endpoint, principal)


@pytest.fixture
async def paths(sandbox: Starlette) -> AsyncIterator[Paths]:
    """Both ways for the local caller."""
    async with both_ways(sandbox, local(read_settings())) as found:
        yield found


# The status shows the remaining requests, and each call uses one.
@pytest.mark.parametrize("name", [name for name in READS if name != "get_server_status"])
async def test_a_read_equals_the_librarys_answer(name: str, paths: Paths, world: World) -> None:
    """Status, content type and every value are the same, and the library is not called."""
    asked = call(name, GOOD[name](world))

    found = await paths.fast_reads(asked)

    assert paths.reached == 0
    assert found.status == 200
    assert found == await paths.library(asked)


@pytest.mark.parametrize(
    "arguments",
    [
        {"member": "nobody@example.com"},
        {"member": "101", "secret": "sesame"},
        {"member": ["101"]},
        {},
    ],
    ids=["unknown", "an argument too many", "another type", "none"],
)
async def test_an_error_equals_the_librarys_answer(arguments: dict[str, Any], paths: Paths) -> None:
    """Wrong arguments give the same error both ways."""
    asked = call("get_member_overview", arguments)

    found = await paths.fast_reads(asked)

    assert paths.reached == 0
    assert found.body["result"]["isError"] is True
    assert found == await paths.library(asked)


@pytest.mark.parametrize("name", ["debit_points", "delete_program", "no_such_tool"])
async def test_other_tools_go_to_the_library(name: str, paths: Paths, world: World) -> None:
    """Guarded and unknown tools are left to the library."""
    await paths.fast_reads(call(name, GOOD[name](world) if name in GOOD else {}))

    assert paths.reached == 1


async def test_a_tool_outside_the_role_goes_to_the_library(sandbox: Starlette) -> None:
    """Only the reads of the caller's role are answered here."""
    async with both_ways(sandbox, Principal("till", Role.MEMBER, member="102")) as paths:
        inside = await paths.fast_reads(call("get_member_overview", {}))
        assert paths.reached == 0
        outside = await paths.fast_reads(call("get_program", {}))

    assert "135 points" in inside.body["result"]["content"][0]["text"]
    assert paths.reached == 1
    assert "no such tool" in outside.body["result"]["content"][0]["text"]


def other_headers(asked: Asked) -> Iterator[tuple[Header, ...]]:
    """Headers with one left out, duplicated, changed or added."""
    for place, (name, value) in enumerate(asked.headers):
        before, after = asked.headers[:place], asked.headers[place + 1 :]
        yield before + after
        yield (*asked.headers, (name, value))
        yield (*asked.headers, (name, b"other"))
        for changed in (b"", b"other", value.upper(), value + b"; q=1", value + b"x", b"*/*"):
            yield (*before, (name, changed), *after)
    yield (*asked.headers, (b"mcp-session-id", b"1"))
    yield (*asked.headers, (b"mcp-param-member", b"101"))


OTHER_VALUES: tuple[Any, ...] = (None, True, 1.5, -1, "", "other", [], {}, {"other": 1})


def other_messages(value: Any) -> Iterator[Any]:
    """Messages with one part left out, replaced or added."""
    if isinstance(value, dict):
        yield {**value, "other": 1}
        yield {**value, "io.modelcontextprotocol/logLevel": "debug", "progressToken": 7}
        yield {**value, "requestState": "x", "inputResponses": {}}
        for name, part in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for changed in (*OTHER_VALUES, *other_messages(part)):
                yield {**value, name: changed}


async def test_altered_requests_get_the_same_answer_both_ways(paths: Paths) -> None:
    """Each altered request gets the same status and body both ways."""
    good = call("list_rewards", {"limit": 2})
    bodies = [json.dumps(each).encode() for each in other_messages(json.loads(good.body))]
    bodies += [b"", b"{", b"[]", b"null", b"[" + good.body + b"]", good.body + b"x", b"\xff"]
    bodies += [good.body.replace(b'"id": 1', b'"id": 1, "id": 2'), b" " + good.body + b"\n"]
    asked = [Asked(headers, good.body) for headers in other_headers(good)]
    asked += [Asked(good.headers, body) for body in bodies]
    asked += [Asked(good.headers, good.body, method) for method in ("GET", "DELETE", "PUT")]

    for each in asked:
        if b"progressToken" not in each.body:  # its answer is a stream
            assert await paths.fast_reads(each) == await paths.library(each), each

    assert len(asked) > 200
    assert 0 < paths.reached < len(asked)


async def test_the_official_clients_reads_are_fast(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The official client's reads take the fast path, and it understands the answers."""
    plain: list[bool] = []

    def seen(scope: Scope, session: CallerSession) -> Any:
        message = parse_plain_read(scope, session)
        plain.append(message is not None)
        return message

    monkeypatch.setattr(fast_reads, "parse_plain_read", seen)
    async with server.client() as client:
        answer = await client.call_tool("get_member_overview", {"member": "102"})

    assert "135 points" in text_of(answer)
    assert plain.count(True) == 1


async def test_traced_calls_go_to_the_library(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tracing on, the library answers, and so makes its spans."""
    asked = call("list_programs", {})
    monkeypatch.setattr(trace, "get_tracer_provider", NoOpTracerProvider)

    await paths.fast_reads(asked)

    assert paths.reached == 1
