"""A plain read is answered past the library, and nobody can tell; all else reaches the library."""

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
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.caller_session import CallerSession
from loyalty_mcp.server.handlers import PRINCIPAL, result_meta
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.web import fast_reads
from loyalty_mcp.web.edge.body_limit import BODY, LARGEST
from loyalty_mcp.web.fast_reads import FastReads, plain_read
from loyalty_mcp.web.mcp_endpoint import Endpoint, http_endpoint
from tests.conftest import text_of
from tests.web.conftest import Edge
from tests.web.test_answers import posted
from tests.world import GOOD, World

READS = [name for name, tool in menu(read_settings()).items() if not tool.guarded]
MARK = re.compile(r"\b[0-9a-f]{16,}\b")

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Asked:
    """A request as it reaches the MCP endpoint."""

    headers: tuple[Header, ...]
    body: bytes
    method: str = "POST"


@dataclass(frozen=True)
class Outcome:
    """Its answer."""

    status: int
    kind: str
    body: Any


def call(tool: str, arguments: dict[str, Any]) -> Asked:
    """A plain call of a tool."""
    sent = posted(tool, progress=False, arguments=arguments)
    named = {"host": "127.0.0.1", "content-type": "application/json", **sent["headers"]}
    headers = tuple((name.encode(), value.encode()) for name, value in named.items())
    return Asked(headers, json.dumps(sent["json"]).encode())


@dataclass
class Paths:
    """Both ways to an answer.

    Args:
        runtime: what the server is made of.
        endpoint: the library.
        principal: who calls.
        reached: how often the library was asked by way of the other.
    """

    runtime: Runtime
    endpoint: Endpoint
    principal: Principal
    reached: int = 0

    async def fast_reads(self, asked: Asked) -> Outcome:
        """As it is served."""
        meta = {**result_meta(self.runtime.settings), **self.endpoint.identity}
        return await self._answered(FastReads(self._tally, self.runtime.sessions, meta), asked)

    async def library(self, asked: Asked) -> Outcome:
        """As the library alone answers."""
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
    """Both ways of a caller, on one sandbox."""
    runtime = compose(read_settings(), sandbox)
    endpoint = http_endpoint(runtime.http_server(), sessions=True, max_body=LARGEST)
    async with endpoint.run():
        yield Paths(runtime, endpoint, principal)


@pytest.fixture
async def paths(sandbox: Starlette) -> AsyncIterator[Paths]:
    """Both ways of whoever starts the server."""
    async with both_ways(sandbox, local(read_settings())) as found:
        yield found


# The status tells how many requests are left, and asking costs one.
@pytest.mark.parametrize("name", [name for name in READS if name != "get_server_status"])
async def test_a_read_is_answered_as_by_the_library(name: str, paths: Paths, world: World) -> None:
    """Status, kind and every value are the same, and the library is not asked."""
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
async def test_an_error_is_told_as_by_the_library(arguments: dict[str, Any], paths: Paths) -> None:
    """What is wrong with the arguments is for the tool to say, on either way."""
    asked = call("get_member_overview", arguments)

    found = await paths.fast_reads(asked)

    assert paths.reached == 0
    assert found.body["result"]["isError"] is True
    assert found == await paths.library(asked)


@pytest.mark.parametrize("name", ["debit_points", "delete_program", "no_such_tool"])
async def test_what_is_no_read_goes_to_the_library(name: str, paths: Paths, world: World) -> None:
    """A guarded tool may have to ask; a tool that is not there is refused in one place."""
    await paths.fast_reads(call(name, GOOD[name](world) if name in GOOD else {}))

    assert paths.reached == 1


async def test_a_tool_outside_the_role_goes_to_the_library(sandbox: Starlette) -> None:
    """A caller has the reads of its own menu."""
    async with both_ways(sandbox, Principal("till", "member", member="102")) as paths:
        inside = await paths.fast_reads(call("get_member_overview", {}))
        assert paths.reached == 0
        outside = await paths.fast_reads(call("get_program", {}))

    assert "135 points" in inside.body["result"]["content"][0]["text"]
    assert paths.reached == 1
    assert "no such tool" in outside.body["result"]["content"][0]["text"]


def other_headers(asked: Asked) -> Iterator[tuple[Header, ...]]:
    """Each header left out, twice, and with other values; and some that are new."""
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
    """A message with each part of it left out or replaced, and with something added to each."""
    if isinstance(value, dict):
        yield {**value, "other": 1}
        yield {**value, "io.modelcontextprotocol/logLevel": "debug", "progressToken": 7}
        yield {**value, "requestState": "x", "inputResponses": {}}
        for name, part in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for changed in (*OTHER_VALUES, *other_messages(part)):
                yield {**value, name: changed}


async def test_whatever_is_sent_both_ways_answer_alike(paths: Paths) -> None:
    """One change of a good request at a time: what is refused, and in which words, is the same."""
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


async def test_the_official_client_is_answered_straight(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sends of a read is plain, and it understands the answer."""
    plain: list[bool] = []

    def seen(scope: Scope, session: CallerSession) -> Any:
        message = plain_read(scope, session)
        plain.append(message is not None)
        return message

    monkeypatch.setattr(fast_reads, "plain_read", seen)
    async with edge.client() as client:
        answer = await client.call_tool("get_member_overview", {"member": "102"})

    assert "135 points" in text_of(answer)
    assert plain.count(True) == 1


async def test_who_traces_has_the_spans_of_the_library(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that somebody follows is not cut short."""
    asked = call("list_programs", {})
    monkeypatch.setattr(trace, "get_tracer_provider", NoOpTracerProvider)

    await paths.fast_reads(asked)

    assert paths.reached == 1
