"""The embedded sandbox: fresh in each process and said to be, or kept in a file."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from mcp import Client

from loyalty_mcp.cli.commands import main
from loyalty_mcp.errors import BadSetting
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
from tests.conftest import Connect, Mode, text_of

DEBIT: Final[dict[str, Any]] = {"member": "101", "amount": 10, "reason": "Correction"}
FRESH: Final = "fresh sandbox"

Run = Callable[..., Any]


@pytest.fixture
def run(mode: Mode) -> Run:
    """Runs a server of its own, as a client that starts one for each call does."""

    @asynccontextmanager
    async def server(**flags: Any) -> AsyncIterator[Client]:
        runtime = compose(read_settings(confirm="token", **flags))
        async with Client(runtime.server(), mode=mode) as client:
            yield client

    return server


async def balance(client: Client) -> float:
    """The points of the member now."""
    found = await client.call_tool("get_member_overview", {"member": "101"})
    return float(found.structured_content["balances"][0]["value"])


async def test_a_file_keeps_the_sandbox_between_processes(run: Run, tmp_path: Path) -> None:
    """One process previews, the next confirms, and a third sees the new balance."""
    file = tmp_path / "new folder" / "sandbox.db"
    async with run(sandbox_file=str(file)) as client:
        before = await balance(client)
        preview = await client.call_tool("debit_points", DEBIT)
    async with run(sandbox_file=str(file)) as client:
        confirmation = preview.structured_content["confirmation"]
        done = await client.call_tool("debit_points", {**DEBIT, "confirmation": confirmation})
    async with run(sandbox_file=str(file)) as client:
        after = await balance(client)

    assert done.structured_content["status"] == "applied"
    assert after == before - 10


async def test_without_a_file_each_process_begins_anew(run: Run) -> None:
    """What was done in memory is gone with its process."""
    async with run() as client:
        before = await balance(client)
        preview = await client.call_tool("debit_points", DEBIT)
        confirmation = preview.structured_content["confirmation"]
        await client.call_tool("debit_points", {**DEBIT, "confirmation": confirmation})
        assert await balance(client) == before - 10
    async with run() as client:
        assert await balance(client) == before


async def test_the_first_answer_says_that_the_sandbox_is_fresh(run: Run) -> None:
    """A model that sees points come back learns why; it is told once."""
    async with run() as client:
        first = await client.call_tool("list_programs", {})
        second = await client.call_tool("list_programs", {})

    assert FRESH in text_of(first)
    assert "LOYALTY_MCP_SANDBOX_FILE" in text_of(first)
    assert FRESH in first.structured_content["note"]
    assert FRESH not in text_of(second)
    assert "note" not in second.structured_content


async def test_an_error_as_first_answer_says_it_too(run: Run) -> None:
    """A refusal that is the first answer of the process says that the sandbox is new."""
    async with run() as client:
        refused = await client.call_tool("debit_points", {**DEBIT, "member": "999999"})

    assert refused.is_error
    assert FRESH in text_of(refused)


async def test_a_kept_sandbox_is_not_called_fresh(run: Run, tmp_path: Path) -> None:
    """Whoever keeps it in a file knows."""
    async with run(sandbox_file=str(tmp_path / "s.db")) as client:
        assert FRESH not in text_of(await client.call_tool("list_programs", {}))


async def test_a_sandbox_that_was_given_is_not_called_fresh(connect: Connect) -> None:
    """Only a sandbox that began with the server is fresh."""
    async with connect() as client:
        assert FRESH not in text_of(await client.call_tool("list_programs", {}))


@pytest.mark.parametrize(
    "content", [b"no database at all, but a text", None], ids=["text", "folder"]
)
def test_a_file_that_cannot_keep_a_sandbox_stops_the_start(
    content: bytes | None, tmp_path: Path
) -> None:
    """A wrong file is told in one sentence, and is left as it is."""
    file = tmp_path / "sandbox.db"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(BadSetting, match="LOYALTY_MCP_SANDBOX_FILE is wrong"):
        compose(read_settings(sandbox_file=str(file)))
    result = CliRunner().invoke(main, ["--sandbox-file", str(file)])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("loyalty-mcp: LOYALTY_MCP_SANDBOX_FILE is wrong")
    assert content is None or file.read_bytes() == content
