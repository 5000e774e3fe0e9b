"""The embedded sandbox: the engine in this process, with its data in memory or in a file."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2

from loyalty_mcp.brevo.client import Brevo, open_http_client
from loyalty_mcp.errors import BadSetting

SANDBOX_URL: Final = "http://sandbox/v3"
SANDBOX_KEY: Final = "sandbox"
REHEARSAL_SECONDS: Final = 20.0

Engine = Any
"""The ASGI application of the sandbox; its state holds the store."""


class EmbeddedSandbox:
    """An ASGI application that creates its engine on the first request.

    Many sessions never send a request, and loading the engine takes a sixth of the start-up time.

    Args:
        create_engine: creates the engine; called at most once.
        fresh: whether its data live only as long as this process.
    """

    def __init__(self, create_engine: Callable[[], Engine], *, fresh: bool = True) -> None:
        self._create_engine = create_engine
        self._engine: Engine = None
        self.fresh = fresh

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._engine is None:
            self._engine = self._create_engine()
        await self._engine(scope, receive, send)

    def close(self) -> None:
        """Close the engine's store, if an engine was created."""
        if self._engine is not None:
            self._engine.state.store.close()


def sandbox_in_memory() -> EmbeddedSandbox:
    """A sandbox that starts with the seeded data and loses its data at the end."""
    return EmbeddedSandbox(_create_engine)


def sandbox_in_file(file: Path) -> EmbeddedSandbox:
    """A sandbox with its data in a file; a new file starts with the seeded data.

    Raises:
        BadSetting: the file cannot be used.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = _create_engine(database=file)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise BadSetting(
            f"LOYALTY_MCP_SANDBOX_FILE is wrong: {file} cannot keep a sandbox ({error})."
        ) from None
    return EmbeddedSandbox(lambda: engine, fresh=False)


@asynccontextmanager
async def private_sandbox() -> AsyncIterator[Brevo]:
    """A client of a separate empty sandbox, which is discarded afterwards."""
    engine = _create_engine(empty=True, rate_limit=0)
    transport = httpx2.ASGITransport(app=engine)
    http = open_http_client(
        SANDBOX_URL, SANDBOX_KEY, timeout=REHEARSAL_SECONDS, transport=transport
    )
    try:
        yield Brevo(http, timeout=REHEARSAL_SECONDS)
    finally:
        await http.aclose()
        engine.state.store.close()


def _create_engine(**settings: Any) -> Engine:
    # The engine is slow to load, and a server with an API key does not need it.
    from loyalty_mcp.sandbox.app import create_app  # noqa: PLC0415
    from loyalty_mcp.sandbox.settings import SandboxSettings  # noqa: PLC0415

    return create_app(SandboxSettings(**settings))
