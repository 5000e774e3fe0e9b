"""What the HTTP tests share: a real server on a free port, and clients of every kind."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.types import ASGIApp

from loyalty_mcp.intents.access_token import Token, digest_of, new_secret
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import Settings, read_settings
from loyalty_mcp.web.app import create_app
from loyalty_mcp.web.auth.throttle import Throttle
from loyalty_mcp.web.edge.connection_table import ConnectionTable
from loyalty_mcp.web.edge.open_streams import OpenStreams
from loyalty_mcp.web.metrics import CallMetrics
from loyalty_mcp.web.serve import HttpServer, open_listener, uvicorn_config

SHARED = "a secret of all replicas longer than 32 bytes"

INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
"""The first message of a handshake client."""


class ObservedServer(HttpServer):
    """A server that signals when it has started and when it begins to shut down."""

    def __init__(
        self, app: ASGIApp, settings: Settings, table: ConnectionTable, streams: OpenStreams
    ) -> None:
        super().__init__(uvicorn_config(app, settings, table), streams)
        self.started_event = anyio.Event()
        self.stopping_event = anyio.Event()

    async def startup(self, sockets: Any = None) -> None:
        """Start, then signal."""
        await super().startup(sockets)
        self.started_event.set()

    async def shutdown(self, sockets: Any = None) -> None:
        """Signal, then shut down."""
        self.stopping_event.set()
        await super().shutdown(sockets)


class RecordedSleeps:
    """Takes the place of sleeping: records the seconds and returns at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Record."""
        self.seconds.append(seconds)


class Clock:
    """Monotonic seconds that a test advances."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


@dataclass
class RunningServer:
    """A server that listens.

    Args:
        url: without a path.
        runtime: what it is made of.
        sleeps: the delays of failed sign-ins.
        process: can be told to stop.
    """

    url: str
    runtime: Runtime
    sleeps: RecordedSleeps
    process: ObservedServer

    @property
    def upstream_hooks(self) -> list[Callable[[httpx2.Request], Awaitable[None]]]:
        """Called with each request to the upstream before it leaves."""
        return self.runtime.http.event_hooks["request"]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    async def token(
        self,
        name: str,
        role: str = "full",
        *,
        member: str | None = None,
        operator: bool = False,
        expires: datetime | None = None,
    ) -> str:
        """Create a token."""
        secret = new_secret()
        token = Token(
            name, digest_of(secret), role, member, operator, datetime.now(UTC), expires_at=expires
        )
        await self.runtime.context.journal.open().tokens.add(token)
        return secret

    @asynccontextmanager
    async def http(
        self, token: str | None = None, **options: Any
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """A plain HTTP client, with a token if one is given."""
        headers = dict(options.pop("headers", {}))
        options.setdefault("timeout", 30)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, **options) as http:
            yield http

    @asynccontextmanager
    async def client(
        self, token: str | None = None, mode: str = "auto", **options: Any
    ) -> AsyncIterator[Client]:
        """An MCP client, with a token if one is given."""
        async with (
            self.http(token) as http,
            Client(
                streamable_http_client(f"{self.url}/mcp", http_client=http), mode=mode, **options
            ) as client,
        ):
            yield client


@asynccontextmanager
async def running_server(
    settings: Settings, sandbox: Starlette | None = None, **options: Any
) -> AsyncIterator[RunningServer]:
    """A server on a free port, until the block ends."""
    calls, streams, sleeps = CallMetrics(), OpenStreams(), RecordedSleeps()
    runtime = compose(settings, sandbox, observe=calls.observe)
    options.setdefault("throttle", Throttle(sleeps))
    table = ConnectionTable(settings.max_connections, settings.max_connections_per_address)
    app = create_app(runtime, calls, streams=streams, connections=table, **options)
    listener = open_listener("127.0.0.1", 0)
    process = ObservedServer(app, settings, table, streams)
    async with anyio.create_task_group() as group:
        group.start_soon(process.serve, [listener])
        await process.started_event.wait()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield RunningServer(url, runtime, sleeps, process)
        finally:
            process.should_exit = True


Serve = Callable[..., AbstractAsyncContextManager[RunningServer]]


@pytest.fixture
def serve(sandbox: Starlette) -> Serve:
    """Starts a server on the test's sandbox with the given settings."""

    @asynccontextmanager
    async def start(
        *, options: dict[str, Any] | None = None, **flags: Any
    ) -> AsyncIterator[RunningServer]:
        async with running_server(read_settings(**flags), sandbox, **(options or {})) as server:
            yield server

    return start


@pytest.fixture
async def server(serve: Serve) -> AsyncIterator[RunningServer]:
    """A server with default settings."""
    async with serve() as running:
        yield running


def form_token_in(page: str) -> str:
    """The token of the forms on a page."""
    match = re.search(r'name="form_token" value="([^"]+)"', page)
    assert match is not None
    return match[1]


def in_seconds(seconds: float) -> datetime:
    """A moment from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
