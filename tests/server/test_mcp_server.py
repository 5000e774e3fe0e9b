"""The server as a client meets it: over stdio, with and without dialogs, live and sandboxed."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp.client.stdio import stdio_client

from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.settings import state_folder
from tests.conftest import YES, Connect, Mode, SandboxControl, text_of
from tests.ports import free_port
from tests.sandbox.test_serve import wait_for
from tests.server.conftest import Clock

CANARY: Final = "xkeysib-canary-9c41"
DEBIT: Final[dict[str, Any]] = {"member": "101", "amount": 10, "reason": "Correction"}
NO = types.ElicitResult(action="decline")


def intents() -> int:
    """How many intents the journal holds, read without our own code."""
    file = state_folder() / "sandbox-journal.db"
    if not file.exists():
        return 0
    journal = sqlite3.connect(file)
    try:
        (found,) = journal.execute("SELECT count(*) FROM intents").fetchone()
    finally:
        journal.close()
    return int(found)


# On the sandbox, in process


async def test_sandbox_says_so_everywhere(connect: Connect) -> None:
    """Without a key, the server's name and every answer say that it is the sandbox."""
    async with connect() as client:
        answers = [
            await client.call_tool("get_program", {}),
            await client.call_tool("debit_points", DEBIT),
            await client.call_tool("debit_points", {**DEBIT, "amount": 0}),
            await client.call_tool("nonsense", {}),
        ]
        assert client.server_info is not None
        assert client.server_info.name == "loyalty-mcp (sandbox)"
        assert "sandbox" in (client.server_info.title or "")

    assert [answer.is_error for answer in answers] == [False, False, True, True]
    for answer in answers:
        assert text_of(answer).startswith("[sandbox] ")
        assert (answer.meta or {})["sandbox"] is True


async def test_dialog_says_that_it_is_the_sandbox(connect: Connect) -> None:
    """A person who is asked reads what it is about, quoted, and that it is the sandbox."""
    shown: list[types.ElicitRequestParams] = []

    def answer(params: types.ElicitRequestParams) -> types.ElicitResult:
        shown.append(params)
        return NO

    async with connect(answer) as client:
        await client.call_tool("debit_points", {**DEBIT, "reason": "Say yes\nnow"})

    (params,) = shown
    assert isinstance(params, types.ElicitRequestFormParams)
    assert params.message.startswith("[sandbox] Debit 10 points from")
    assert '"Say yesnow"' in params.message
    assert params.requested_schema["required"] == ["agree"]


async def test_mode_off_asks_nobody(connect: Connect, control: SandboxControl) -> None:
    """With confirmation off a change happens at once, and no dialog is shown."""
    before = await control.balance(101)

    def answer(_params: types.ElicitRequestParams) -> types.ElicitResult:
        raise AssertionError("nobody is asked")

    async with connect(answer, confirm="off") as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "applied"
    assert "confirmation" not in result.structured_content
    assert await control.balance(101) == before - 10


async def test_mode_token_shows_no_dialog(connect: Connect, control: SandboxControl) -> None:
    """In mode token the preview comes back with a confirmation, whatever the client can show."""
    before = await control.state_hash()

    def answer(_params: types.ElicitRequestParams) -> types.ElicitResult:
        raise AssertionError("nobody is asked")

    async with connect(answer, confirm="token") as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "confirmation_required"
    assert before == await control.state_hash()


@pytest.mark.parametrize("tool", ["debit_points", "create_program", "publish_program"])
async def test_mode_dialog_without_dialogs(
    connect: Connect, control: SandboxControl, tool: str
) -> None:
    """Where a person must be asked and cannot be, an error names the setting; no intent is made."""
    arguments = {
        "debit_points": DEBIT,
        "create_program": {"name": "Tea Club"},
        "publish_program": {"program": "VIP Club"},
    }
    before = await control.state_hash()
    async with connect(confirm="dialog") as client:
        result = await client.call_tool(tool, arguments[tool])

    assert result.is_error
    assert "LOYALTY_MCP_CONFIRM" in text_of(result)
    assert result.structured_content is None
    assert intents() == 0
    assert before == await control.state_hash()


async def test_mode_dialog_hands_out_no_confirmation(
    connect: Connect, control: SandboxControl
) -> None:
    """An intent that a person was asked about cannot be confirmed by repeating the call."""
    seen: list[str] = []

    def answer(_params: types.ElicitRequestParams) -> types.ElicitResult:
        journal = sqlite3.connect(state_folder() / "sandbox-journal.db")
        seen.extend(row[0] for row in journal.execute("SELECT id FROM intents"))
        journal.close()
        return NO

    before = await control.state_hash()
    async with connect(answer, confirm="dialog") as client:
        await client.call_tool("debit_points", DEBIT)
        result = await client.call_tool("debit_points", {**DEBIT, "confirmation": seen[0]})

    assert result.structured_content is None or result.structured_content["status"] == "declined"
    assert before == await control.state_hash()


async def test_expired_confirmation(
    connect: Connect, control: SandboxControl, clock: Clock
) -> None:
    """A confirmation that waited too long is an error; a new call brings a new preview."""
    before = await control.state_hash()
    async with connect(intent_ttl=60) as client:
        preview = await client.call_tool("debit_points", DEBIT)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        clock.advance(61)
        late = await client.call_tool("debit_points", confirmed)
        later = await client.call_tool("debit_points", confirmed)
        anew = await client.call_tool("debit_points", DEBIT)

    assert late.is_error
    assert late.structured_content["status"] == "expired"
    assert later.structured_content["status"] == "expired"
    assert anew.structured_content["status"] == "confirmation_required"
    assert anew.structured_content["intent"] != late.structured_content["intent"]
    assert before == await control.state_hash()


async def test_confirmation_in_time(
    connect: Connect, control: SandboxControl, clock: Clock
) -> None:
    """Until its last second a confirmation is good."""
    before = await control.balance(101)
    async with connect(intent_ttl=60) as client:
        preview = await client.call_tool("debit_points", DEBIT)
        clock.advance(58)
        done = await client.call_tool(
            "debit_points", {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        )

    assert done.structured_content["status"] == "applied"
    assert await control.balance(101) == before - 10


async def test_dialog_answered_too_late(
    connect: Connect, control: SandboxControl, clock: Clock
) -> None:
    """A yes that comes after the dialog's time is none."""
    before = await control.state_hash()

    def answer(_params: types.ElicitRequestParams) -> types.ElicitResult:
        clock.advance(31)
        return YES

    async with connect(answer, dialog_timeout=30) as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "declined"
    assert "not answered in time" in result.structured_content["reason"]
    assert "confirmation" not in result.structured_content
    assert before == await control.state_hash()


# A suspended call of the modern protocol


@pytest.fixture
async def modern(make_runtime: Callable[..., Runtime]) -> AsyncIterator[Client]:
    """A modern client that declares dialogs, and answers suspended calls by hand."""

    async def unused(
        context: ClientRequestContext,  # noqa: ARG001 - the protocol of the client names it
        params: types.ElicitRequestParams,  # noqa: ARG001 - same reason
    ) -> types.ElicitResult:
        raise AssertionError("these calls are resumed by hand")

    async with Client(make_runtime().server(), mode="auto", elicitation_callback=unused) as client:
        yield client


async def raw(client: Client, arguments: dict[str, Any], **back: Any) -> Any:
    """Call `debit_points` without any help of the client."""
    return await client.session.call_tool(
        "debit_points", arguments, allow_input_required=True, **back
    )


async def suspended(client: Client) -> str:
    """The state of a call that waits for a person."""
    found = await raw(client, DEBIT)
    assert isinstance(found, types.InputRequiredResult)
    assert found.request_state is not None
    return found.request_state


async def test_replayed_answer_acts_once(modern: Client, control: SandboxControl) -> None:
    """Who sends the same answer to a dialog twice gets the first outcome twice."""
    before = await control.balance(101)
    back = {"request_state": await suspended(modern), "input_responses": {"confirm": YES}}
    first = await raw(modern, DEBIT, **back)
    second = await raw(modern, DEBIT, **back)

    assert first.structured_content["status"] == "applied"
    assert first.structured_content == second.structured_content
    assert await control.balance(101) == before - 10


async def test_answer_replayed_at_the_same_moment_acts_once(
    modern: Client, control: SandboxControl
) -> None:
    """Of several answers at once one acts, and all tell the same."""
    before = await control.balance(101)
    back = {"request_state": await suspended(modern), "input_responses": {"confirm": YES}}
    outcomes: list[Any] = []

    async def use() -> None:
        outcomes.append((await raw(modern, DEBIT, **back)).structured_content)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(use)

    assert [outcomes[0]] * 5 == outcomes
    assert outcomes[0]["status"] == "applied"
    assert await control.balance(101) == before - 10


async def test_yes_after_no_stays_no(modern: Client, control: SandboxControl) -> None:
    """After a person said no, the same dialog cannot be answered again."""
    before = await control.state_hash()
    state = await suspended(modern)
    declined = await raw(modern, DEBIT, request_state=state, input_responses={"confirm": NO})
    again = await raw(modern, DEBIT, request_state=state, input_responses={"confirm": YES})

    assert declined.structured_content["status"] == "declined"
    assert again.structured_content["status"] == "declined"
    assert before == await control.state_hash()


@pytest.mark.parametrize("altered", [{"amount": 11}, {"member": "102"}, {"order_id": "A1"}])
async def test_answer_to_other_arguments_is_refused(
    modern: Client, control: SandboxControl, altered: dict[str, Any]
) -> None:
    """An answer is to the call that was asked about, and to no other."""
    before = await control.state_hash()
    back = {"request_state": await suspended(modern), "input_responses": {"confirm": YES}}
    with pytest.raises(MCPError, match="requestState"):
        await raw(modern, {**DEBIT, **altered}, **back)

    assert before == await control.state_hash()


async def test_forged_state_is_refused(modern: Client, control: SandboxControl) -> None:
    """A state that the server did not make is refused, whatever it says."""
    before = await control.state_hash()
    good = await suspended(modern)
    forged = json.dumps({"intent": "0" * 32, "rounds": 1})
    for state in (forged, good[:-2], good + "A", "", "x" * 10_000):
        with pytest.raises(MCPError):
            await raw(modern, DEBIT, request_state=state, input_responses={"confirm": YES})

    assert before == await control.state_hash()


@pytest.mark.parametrize(
    "responses",
    [
        {},
        {"other": YES},
        {"confirm": types.ElicitResult(action="accept", content={"agree": 1})},
        {"confirm": types.ElicitResult(action="accept", content={"agree": True, "x": 1})},
    ],
    ids=["none", "another", "a number", "too much"],
)
async def test_unclear_answer_declines(
    modern: Client, control: SandboxControl, responses: dict[str, Any]
) -> None:
    """Anything but a clear yes declines."""
    before = await control.state_hash()
    back = {"request_state": await suspended(modern), "input_responses": responses}
    result = await raw(modern, DEBIT, **back)

    assert result.structured_content["status"] == "declined"
    assert before == await control.state_hash()


# Over stdio, on a sandbox that listens like the real API


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`loyalty-mcp sandbox` as a process that knows one key; its address."""
    port = free_port()
    log = tmp_path_factory.mktemp("sandbox") / "log"
    with log.open("wb") as stream:
        running = subprocess.Popen(
            [
                *(sys.executable, "-m", "loyalty_mcp", "sandbox", "--port", str(port)),
                *("--api-key", CANARY, "--rate-limit", "0"),
            ],
            stdout=stream,
            stderr=stream,
        )
        try:
            wait_for(port, running)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(timeout=20)
    assert CANARY not in log.read_text(encoding="utf-8")


@pytest.fixture
async def live(upstream: str) -> AsyncIterator[SandboxControl]:
    """The listening sandbox from outside, as it was at its start."""
    http = httpx2.AsyncClient(base_url=upstream, headers={"api-key": CANARY})
    control = SandboxControl(http)
    await control.post("/sandbox/reset", {})
    yield control
    await control.close()


@pytest.fixture
def environment(upstream: str, state_home: Path) -> dict[str, str]:
    """What a client's configuration gives the server."""
    return {
        "BREVO_API_KEY": CANARY,
        "LOYALTY_MCP_BASE_URL": f"{upstream}/v3",
        "LOYALTY_MCP_LOG_LEVEL": "DEBUG",
        "XDG_STATE_HOME": str(state_home),
    }


Start = Callable[..., Any]


@pytest.fixture
def start(environment: dict[str, str], mode: Mode, state_home: Path) -> Start:
    """Starts the server as a client does, and connects to it."""

    @asynccontextmanager
    async def started(answer: Any = None, **settings: str) -> AsyncIterator[Client]:
        parameters = StdioServerParameters(
            command=sys.executable, args=["-m", "loyalty_mcp"], env={**environment, **settings}
        )
        with (state_home / "stderr").open("a", encoding="utf-8") as errors:
            transport = stdio_client(parameters, errlog=errors)
            async with Client(transport, mode=mode, elicitation_callback=answer) as client:
                yield client

    return started


async def test_stdio_with_confirmations(
    start: Start, live: SandboxControl, state_home: Path
) -> None:
    """Over stdio: the menu, a preview that changes nothing, one debit, and no second one."""
    before, balance = await live.state_hash(), await live.balance(101)
    async with start() as client:
        assert client.server_info.name == "loyalty-mcp"
        assert "debit_points" in {tool.name for tool in (await client.list_tools()).tools}

        preview = await client.call_tool("debit_points", DEBIT)
        assert preview.structured_content["status"] == "confirmation_required"
        assert before == await live.state_hash()

        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        first = await client.call_tool("debit_points", confirmed)
        second = await client.call_tool("debit_points", confirmed)
        wrong = await client.call_tool("debit_points", {**confirmed, "amount": 11})

    assert first.structured_content["status"] == "applied"
    assert first.structured_content == second.structured_content
    assert wrong.is_error
    assert await live.balance(101) == balance - 10
    for answer in (preview, first, wrong):
        assert "sandbox" not in text_of(answer)
        assert "sandbox" not in (answer.meta or {})
    assert_no_key(state_home)


async def test_stdio_with_dialogs(start: Start, live: SandboxControl, state_home: Path) -> None:
    """Over stdio: a dialog that is declined changes nothing, one that is accepted acts once."""
    before, balance = await live.state_hash(), await live.balance(101)
    reactions = [NO, types.ElicitResult(action="cancel"), YES]

    async def answer(_context: ClientRequestContext, _params: Any) -> types.ElicitResult:
        return reactions.pop(0)

    async with start(answer) as client:
        declined = await client.call_tool("debit_points", DEBIT)
        cancelled = await client.call_tool("debit_points", DEBIT)
        assert before == await live.state_hash()
        applied = await client.call_tool("debit_points", DEBIT)

    assert declined.structured_content["status"] == "declined"
    assert cancelled.structured_content["status"] == "declined"
    assert applied.structured_content["status"] == "applied"
    assert await live.balance(101) == balance - 10
    assert_no_key(state_home)


@pytest.mark.parametrize("mode", ["legacy"])
async def test_stdio_dialog_that_nobody_answers(start: Start, live: SandboxControl) -> None:
    """A dialog left open ends declined in its time, though the client still shows it."""
    before = await live.state_hash()
    returned = anyio.Event()

    async def answer(_context: ClientRequestContext, _params: Any) -> types.ElicitResult:
        await returned.wait()
        return YES

    async with start(answer, LOYALTY_MCP_DIALOG_TIMEOUT="1") as client:
        result = await client.call_tool("debit_points", DEBIT)
        returned.set()
        await client.call_tool("get_program", {})

    assert result.structured_content["status"] == "declined"
    assert "not answered in time" in result.structured_content["reason"]
    assert before == await live.state_hash()


def assert_no_key(folder: Path) -> None:
    """No file of a server holds the key."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any("journal" in file.name for file in files)
    assert (folder / "stderr") in files
    for file in files:
        assert CANARY.encode() not in file.read_bytes(), file.name


class Wire:
    """The server's standard input and output, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.lines: list[str] = []
        self._number = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._line()
            if message.get("id") == self._number:
                return message

    def tell(self, method: str) -> None:
        """Send a notification."""
        self._send({"method": method})

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool."""
        found: dict[str, Any] = self.ask("tools/call", name=name, arguments=arguments)["result"]
        return found

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        self.lines.append(self._process.stdout.readline())
        found: dict[str, Any] = json.loads(self.lines[-1])
        assert found["jsonrpc"] == "2.0"
        return found


def process(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """The server, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "loyalty_mcp", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={"PATH": "", **environment},
    )


def greet(wire: Wire) -> None:
    """Shake hands, as the older protocol does."""
    wire.ask(
        "initialize",
        protocolVersion="2025-06-18",
        capabilities={},
        clientInfo={"name": "test", "version": "1"},
    )
    wire.tell("notifications/initialized")


@pytest.mark.parametrize(
    ("key", "address", "said"),
    [
        pytest.param(CANARY, None, None, id="good key"),
        pytest.param(f"{CANARY}-wrong", None, "refuses the API key", id="wrong key"),
        pytest.param(CANARY, "http://127.0.0.1:1/v3", "cannot be reached", id="no upstream"),
    ],
)
def test_only_the_protocol_is_on_standard_output(
    environment: dict[str, str], state_home: Path, key: str, address: str | None, said: str | None
) -> None:
    """Each line of output is a message; the key is in none, nor in the log; the end is clean."""
    environment["BREVO_API_KEY"] = key
    if address is not None:
        environment["LOYALTY_MCP_BASE_URL"] = address
    with process(environment) as running:
        wire = Wire(running)
        greet(wire)
        answers = [
            wire.call("get_member_overview", member="101"),
            wire.call("debit_points", **DEBIT),
            wire.call("debit_points", member="101", amount=CANARY, reason="x"),
            wire.call("find_member", member="anna.keller@example.com"),
        ]
        output, errors = running.communicate(timeout=20)

    assert running.returncode == 0
    assert output == ""
    assert answers[0].get("isError", False) == (said is not None)
    assert said is None or said in answers[0]["content"][0]["text"]
    assert CANARY not in "".join(wire.lines) + errors
    assert "Traceback" not in errors
    for file in state_home.rglob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes(), file.name


@pytest.mark.parametrize("begun", [False, True], ids=["at once", "after a greeting"])
def test_end_of_input_ends_the_server(environment: dict[str, str], begun: bool) -> None:
    """When the client goes, the server goes, with exit code 0."""
    with process(environment) as running:
        if begun:
            greet(Wire(running))
        output, errors = running.communicate(timeout=20)

    assert running.returncode == 0
    assert output == ""
    assert "Traceback" not in errors


def test_bad_setting_ends_the_server(environment: dict[str, str]) -> None:
    """A server that is set wrongly says so on standard error, and nothing on standard output."""
    with process({**environment, "LOYALTY_MCP_CONFIRM": "maybe"}) as running:
        output, errors = running.communicate(timeout=20)

    assert running.returncode == 2
    assert output == ""
    assert errors.startswith("loyalty-mcp: LOYALTY_MCP_CONFIRM is wrong: ")
    assert errors.count("\n") == 1
    assert CANARY not in errors
