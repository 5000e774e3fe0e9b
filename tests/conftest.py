"""What tests share: a fresh sandbox, the parts of a server on it, and real MCP clients."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx2
import hypothesis
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from starlette.applications import Starlette

from loyalty_mcp.composition import Parts, compose
from loyalty_mcp.config import Settings, read_settings
from loyalty_mcp.sandbox.app import create_app

Mode = Literal["auto", "legacy"]
Answer = Callable[[types.ElicitRequestParams], types.ElicitResult]
Connect = Callable[..., AbstractAsyncContextManager[Client]]

MEMORY = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)  # noqa: S108 - a fresh folder in it
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")  # a busy machine is not a broken program

YES = types.ElicitResult(action="accept", content={"agree": True})


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the product."""
    return "asyncio"


@pytest.fixture
def state_home() -> Iterator[Path]:
    """An empty folder for what a server keeps, in memory where the machine allows it.

    The journal waits for the disk at each step, and what a test writes need not outlive it.
    """
    with TemporaryDirectory(prefix="loyalty-mcp-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, state_home: Path) -> None:
    """No setting of the machine reaches a test, and no test reaches the machine."""
    for name in list(os.environ):
        if name.startswith(("LOYALTY_MCP_", "BREVO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """Both eras of the protocol."""
    found: Mode = request.param
    return found


@pytest.fixture
def sandbox() -> Iterator[Starlette]:
    """A fresh, seeded engine."""
    app = create_app()
    yield app
    app.state.store.close()


class SandboxControl:
    """The control API of a sandbox, and the member's balance without our own code in between."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def state_hash(self) -> str:
        """A fingerprint of all loyalty data."""
        return str((await self.get("/sandbox/state-hash"))["state_hash"])

    async def get(self, path: str) -> Any:
        """GET a path of the engine."""
        return (await self._http.get(path)).raise_for_status().json()

    async def post(self, path: str, body: Any) -> Any:
        """POST to a path of the engine."""
        return (await self._http.post(path, json=body)).raise_for_status().json()

    async def program(self) -> str:
        """The id of the seeded program."""
        return str((await self.get("/v3/loyalty/config/programs"))["items"][0]["id"])

    async def balance(self, member: int) -> float:
        """What a member has in the seeded program's one visible balance."""
        path = (
            f"/v3/loyalty/balance/programs/{await self.program()}/subscriptions/{member}/balances"
        )
        return float((await self.get(path))["balance"][0]["value"])

    async def close(self) -> None:
        """Let the client go."""
        await self._http.aclose()


@pytest.fixture
async def control(sandbox: Starlette) -> AsyncIterator[SandboxControl]:
    """The engine from outside."""
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=sandbox),
        base_url="http://sandbox",
        headers={"api-key": "test"},
    )
    found = SandboxControl(http)
    yield found
    await found.close()


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Settings with the given flags, in an empty environment."""
    return read_settings


@pytest.fixture
async def parts(sandbox: Starlette) -> AsyncIterator[Callable[..., Parts]]:
    """Makes the parts of a server on the sandbox; closes them at the end."""
    made: list[Parts] = []

    def make(**flags: Any) -> Parts:
        made.append(compose(read_settings(**flags), sandbox))
        return made[-1]

    yield make
    for item in made:
        await item.exchange.aclose()
        await item.context.journal.close()


@pytest.fixture
def connect(parts: Callable[..., Parts], mode: Mode) -> Connect:
    """Connects a real MCP client, in both eras, to a server with the given flags."""

    @asynccontextmanager
    async def connected(answer: Answer | None = None, **flags: Any) -> AsyncIterator[Client]:
        async def dialog(
            context: ClientRequestContext,  # noqa: ARG001 - the protocol of the client names it
            params: types.ElicitRequestParams,
        ) -> types.ElicitResult | types.ErrorData:
            assert answer is not None
            return answer(params)

        server = parts(**flags).server()
        callback = None if answer is None else dialog
        async with Client(server, mode=mode, elicitation_callback=callback) as client:
            yield client

    return connected


def text_of(result: types.CallToolResult) -> str:
    """The text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
