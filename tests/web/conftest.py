"""What tests of the HTTP edge share: a real server on a free port, and callers of every kind."""

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

from loyalty_mcp.brevo.exchange import Borrowed
from loyalty_mcp.intents.access_token import Token, digest_of, new_secret
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import Role, Settings, read_settings
from loyalty_mcp.web.app import create_app
from loyalty_mcp.web.auth.throttle import Slowdown
from loyalty_mcp.web.edge.open_streams import Streams
from loyalty_mcp.web.metrics import Calls
from loyalty_mcp.web.serve import Service, config, listen

SHARED = "what all replicas know, in more than 32 bytes"

OPENING: dict[str, Any] = {
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


class Started(Service):
    """A service that tells when it has begun, and when it begins to end."""

    def __init__(self, app: ASGIApp, streams: Streams) -> None:
        super().__init__(config(app), streams)
        self.begun = anyio.Event()
        self.ending = anyio.Event()

    async def startup(self, sockets: Any = None) -> None:
        """Begin, and tell."""
        await super().startup(sockets)
        self.begun.set()

    async def shutdown(self, sockets: Any = None) -> None:
        """Tell, and end."""
        self.ending.set()
        await super().shutdown(sockets)


class Waits:
    """Stands in for waiting: remembers how long, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Do not wait."""
        self.seconds.append(seconds)


@dataclass
class Edge:
    """A server that listens.

    Args:
        url: without a path.
        runtime: what it is made of.
        waits: what failed attempts would have waited.
        service: can be told to stop.
    """

    url: str
    runtime: Runtime
    waits: Waits
    service: Started

    @property
    def sent(self) -> list[Callable[[httpx2.Request], Awaitable[None]]]:
        """What looks at each request to the upstream before it leaves."""
        exchange = self.runtime.exchange
        assert isinstance(exchange, Borrowed)
        return exchange._http.event_hooks["request"]

    async def token(
        self,
        name: str,
        role: Role = "full",
        *,
        member: str | None = None,
        operator: bool = False,
        expires: datetime | None = None,
    ) -> str:
        """A new token."""
        secret = new_secret()
        made = Token(
            name, digest_of(secret), role, member, operator, datetime.now(UTC), expires_at=expires
        )
        await self.runtime.context.journal.open().tokens.add(made)
        return secret

    @asynccontextmanager
    async def http(
        self, token: str | None = None, **options: Any
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """A plain HTTP client, with a token if one is given."""
        headers = dict(options.pop("headers", {}))
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
            self.http(token, timeout=30) as http,
            Client(
                streamable_http_client(f"{self.url}/mcp", http_client=http), mode=mode, **options
            ) as client,
        ):
            yield client


@asynccontextmanager
async def serving(
    settings: Settings, sandbox: Starlette | None = None, **options: Any
) -> AsyncIterator[Edge]:
    """A server on a free port, until the block ends."""
    calls, streams, waits = Calls(), Streams(), Waits()
    runtime = compose(settings, sandbox, observe=calls.observe)
    app = create_app(runtime, calls, slowdown=Slowdown(waits), streams=streams, **options)
    listening = listen("127.0.0.1", 0)
    service = Started(app, streams)
    async with anyio.create_task_group() as group:
        group.start_soon(service.serve, [listening])
        await service.begun.wait()
        try:
            yield Edge(f"http://127.0.0.1:{listening.getsockname()[1]}", runtime, waits, service)
        finally:
            service.should_exit = True


Serve = Callable[..., AbstractAsyncContextManager[Edge]]


@pytest.fixture
def serve(sandbox: Starlette) -> Serve:
    """Serves the sandbox of the test with the given flags."""

    @asynccontextmanager
    async def served(*, options: dict[str, Any] | None = None, **flags: Any) -> AsyncIterator[Edge]:
        async with serving(read_settings(**flags), sandbox, **(options or {})) as edge:
            yield edge

    return served


@pytest.fixture
async def edge(serve: Serve) -> AsyncIterator[Edge]:
    """A server with default settings."""
    async with serve() as found:
        yield found


def form_token_in(page: str) -> str:
    """The token of the forms on a page."""
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def in_seconds(seconds: float) -> datetime:
    """A moment from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
