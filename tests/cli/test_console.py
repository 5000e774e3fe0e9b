"""Commands on consoles that are not UTF-8: they print everything, and never fail to."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import anyio
import pytest

from loyalty_mcp.cli.commands import main
from loyalty_mcp.cli.console import never_fail_to_print
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings

ENCODINGS = ["cp1252", "cp437", "ascii", "latin-1", "utf-8"]
COMMANDS = [
    ["--help"],
    ["tools"],
    ["tools", "--help"],
    ["intents", "list"],
    ["intents", "--help"],
    ["audit", "show"],
    ["audit", "verify"],
    ["doctor"],
    ["token", "list"],
]


@contextmanager
def console(encoding: str) -> Iterator[io.BytesIO]:
    """A console of an encoding in the place of the real one; what is printed on it."""
    printed = io.BytesIO()
    stream = io.TextIOWrapper(printed, encoding=encoding, write_through=True)
    with redirect_stdout(stream), redirect_stderr(stream):
        yield printed
    stream.detach()  # it would close what was printed


def propose(member: str, reason: str) -> None:
    """Put an intent into the journal whose preview holds a reason."""

    async def call() -> None:
        runtime = compose(read_settings(confirm="operator"))
        arguments = {"member": member, "amount": 5, "reason": reason}
        answer = await runtime.dispatcher.call(
            "debit_points", arguments, Caller("support", can_ask=False)
        )
        assert isinstance(answer, Answer)
        assert not answer.failed, answer.text
        await runtime.close()

    anyio.run(call)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_prints_on_every_console(encoding: str, command: list[str]) -> None:
    """Arrows, emoji and names of people are printed as far as the console supports them."""
    propose("101", "Sorry 👍, 李雷 — here…")
    with console(encoding) as printed:
        main.main(command, standalone_mode=False)

    assert printed.getvalue()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("cp1252", "280 -> 230 … ?"),
        ("ascii", "280 -> 230 ... ?"),
        ("utf-8", "280 → 230 … 👍"),
    ],
)
def test_what_a_console_lacks_is_spelled_in_ascii(encoding: str, shown: str) -> None:
    """Common characters have an ASCII spelling, and all others become a question mark."""
    with console(encoding) as printed:
        never_fail_to_print()
        sys.stdout.write("280 → 230 … 👍")

    assert printed.getvalue().decode(encoding) == shown


def test_half_an_emoji_is_printed_too() -> None:
    """No encoding has an unpaired surrogate."""
    with console("utf-8") as printed:
        never_fail_to_print()
        sys.stdout.write("\ud83d")

    assert printed.getvalue() == b"?"


def test_a_stream_without_an_encoding_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may have replaced the standard streams."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", None)
    never_fail_to_print()


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_the_demo_prints_on_every_console(encoding: str, tmp_path: Path) -> None:
    """The demo draws boxes and arrows, but also works without them."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONIOENCODING": encoding,
        "XDG_STATE_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "loyalty_mcp", "demo"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"debit_points" in done.stdout
