"""The confirmation of a card is kept from models: no log, file or other answer of ours holds it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import Mode, SandboxControl, text_of
from tests.server.apps.hosts import SHOWS_CARDS, CardHost, confirmation_in_card

DEBIT: Final[dict[str, Any]] = {"member": "101", "amount": 10, "reason": "Correction"}


def files_in(folder: Path) -> dict[Path, bytes]:
    """Every file in a folder and below it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["auto"])  # a process is slow to start, and logs the same in both
async def test_no_log_and_no_file_holds_a_confirmation(mode: Mode, tmp_path: Path) -> None:
    """A server that logs all it can writes no confirmation anywhere, whatever was pressed."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "loyalty_mcp"],
        env={
            "LOYALTY_MCP_LOG_LEVEL": "DEBUG",
            "LOYALTY_MCP_SANDBOX_FILE": str(tmp_path / "sandbox.db"),
            "XDG_STATE_HOME": str(tmp_path),
        },
    )
    with (tmp_path / "stderr").open("a", encoding="utf-8") as errors:
        transport = stdio_client(parameters, errlog=errors)
        async with Client(transport, mode=mode, extensions=SHOWS_CARDS) as client:
            chat = CardHost(client)
            shown = [await chat.model_calls("debit_points", DEBIT) for _ in range(2)]
            await chat.person_agrees(shown[0])
            renewed = await chat.person_agrees(shown[1])
            await chat.person_declines(renewed)
            await chat.model_calls("debit_points", {**DEBIT, "confirmation": "0" * 32})
            secrets = [confirmation_in_card(each).encode() for each in (*shown, renewed)]
    written = files_in(tmp_path)

    assert len(set(secrets)) == 3
    assert any(path.suffix == ".db" for path in written)
    assert written[tmp_path / "stderr"]
    found = [path for path, text in written.items() if any(secret in text for secret in secrets)]
    assert found == []


async def test_a_press_is_answered_to_the_card_whatever_its_session_says(
    make_runtime: Callable[..., Runtime], mode: Mode, control: SandboxControl
) -> None:
    """A host may call for its card on a session that offers no cards; no model sees the new one."""
    runtime = make_runtime()
    before = await control.balance(101)
    async with (
        Client(runtime.server(), mode=mode, extensions=SHOWS_CARDS) as chat,
        Client(runtime.server(), mode=mode) as other,
    ):
        first = await CardHost(chat).model_calls("debit_points", DEBIT)
        moved = await CardHost(chat).model_calls("debit_points", {**DEBIT, "amount": 3})
        await CardHost(chat).person_agrees(moved)
        renewed = await CardHost(other).person_agrees(first)
        done = await CardHost(other).person_agrees(renewed)

    assert confirmation_in_card(renewed) not in text_of(renewed)
    assert "confirmation" not in (renewed.structured_content or {})
    assert (done.structured_content or {})["status"] == "applied"
    assert await control.balance(101) == before - 13


@pytest.mark.parametrize("said", ["{0}:", "decline:{0}:", "decline:decline:{0}", " {0}", "{0}\n"])
async def test_a_bent_confirmation_is_not_echoed(
    make_runtime: Callable[..., Runtime], mode: Mode, control: SandboxControl, said: str
) -> None:
    """What is not quite a confirmation comes back in no answer."""
    before = await control.balance(101)
    async with Client(make_runtime().server(), mode=mode, extensions=SHOWS_CARDS) as client:
        chat = CardHost(client)
        shown = await chat.model_calls("debit_points", DEBIT)
        secret = confirmation_in_card(shown)
        answer = await chat.model_calls(
            "debit_points", {**DEBIT, "amount": 11, "confirmation": said.format(secret)}
        )

    assert secret not in answer.model_dump_json()
    assert await control.balance(101) == before
