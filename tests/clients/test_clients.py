"""Real client libraries, each as a process of its own, drive the server as their users do.

`.ci/client-tools` installs them; `docs/clients/libraries.md` lists what was tried.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from tests import node_tools
from tests.web.server_process import server_process

ROOT: Final = Path(__file__).parents[2]
INSTALLED: Final = ROOT / "build" / "clients"
STDIO: Final = (sys.executable, "-m", "loyalty_mcp", "serve")
LONGEST_SECONDS: Final = 240

pytestmark = [pytest.mark.slow, pytest.mark.long]


@dataclass(frozen=True)
class Library:
    """A client library.

    Args:
        name: its folder under `build/clients`.
        title: as the table in the documents has it.
        program: the file that drives it.
        dialogs: whether it can show them.
        bridge: whether it only passes on what another client sends, here the old Python SDK.
    """

    name: str
    title: str
    program: str
    dialogs: bool = True
    bridge: bool = False

    def __str__(self) -> str:
        """For the name of a test."""
        return self.name


LIBRARIES: Final = (
    Library("python-v1", "Python SDK, first line", "with_python_v1"),
    Library("python-v2", "Python SDK, second line", "with_python_v2"),
    Library("typescript-v1", "TypeScript SDK, first line", "with_typescript_v1.mjs"),
    Library("typescript-v2", "TypeScript SDK, second line", "with_typescript_v2.mjs"),
    Library("fastmcp", "FastMCP", "with_fastmcp"),
    Library("langchain", "LangChain MCP Adapters", "with_langchain"),
    Library("openai-agents", "OpenAI Agents SDK", "with_openai_agents", dialogs=False),
    Library("pydantic-ai", "Pydantic AI", "with_pydantic_ai"),
    Library("mcp-remote", "mcp-remote", "with_python_v1", bridge=True),
)


def folder(name: str) -> Path:
    """Where a library is installed; skips the test where it could not be.

    In CI only what the registry refused may be missing: `.ci/client-tools` leaves a note of that.
    """
    found = INSTALLED / name
    refused = found / "refused"
    if refused.exists():
        pytest.skip(f"{name} does not install: {refused.read_text(encoding='utf-8').strip()}")
    if not (found / "ready").exists():
        reason = f"{name} is not installed; .ci/client-tools installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def python_of(name: str) -> str:
    """The interpreter that has a library; ours has the second line of the Python SDK."""
    return sys.executable if name == "python-v2" else str(folder(name) / "bin" / "python")


def node() -> str:
    """The Node.js that runs libraries."""
    return str(node_tools.required("node"))


def command_of(library: Library, here: Path) -> list[str]:
    """The command that drives a library; the command of the server comes after it."""
    if library.bridge:
        return [python_of("python-v1"), "-m", f"tests.clients.{library.program}"]
    if not library.program.endswith(".mjs"):
        return [python_of(library.name), "-m", f"tests.clients.{library.program}"]
    for name in ("story.mjs", library.program):
        (here / name).write_bytes((Path(__file__).parent / name).read_bytes())
    (here / "node_modules").symlink_to(folder(library.name) / "node_modules")
    return [node(), str(here / library.program)]


def bridged(name: str, address: str) -> list[str]:
    """The command of a bridge to a server over HTTP, which a client takes for the server."""
    program = folder(name) / "node_modules" / name / "dist" / "proxy.js"
    return [node(), str(program), address]


def output_of(command: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a program tells on standard output, which has one line of JSON."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def version_of(library: Library, seen: dict[str, Any]) -> str:
    """The version that was tried."""
    if not library.bridge:
        return str(seen["version"])
    described = folder(library.name) / "node_modules" / library.name / "package.json"
    return str(json.loads(described.read_text(encoding="utf-8"))["version"])


def row_of(library: Library) -> str:
    """What the documents say was tried."""
    page = (ROOT / "docs" / "clients" / "libraries.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| {re.escape(library.title)} \|.*$", page, re.MULTILINE)
    assert found is not None
    return found[0]


def points(answer: str) -> float:
    """The balance in what a model sees of an overview: in words, or as data."""
    if answer.startswith("{"):
        return float(json.loads(answer)["balances"][0]["value"])
    found = re.search(r'"Purchase Points": ([\d,]+) points', answer)
    assert found is not None, answer
    return float(found[1].replace(",", ""))


@pytest.mark.parametrize("library", LIBRARIES, ids=str)
def test_a_library_reads_and_changes_once(library: Library, tmp_path: Path) -> None:
    """It lists every tool, reads, and moves points once for each agreement and never without."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LOYALTY_MCP_SANDBOX_FILE": str(tmp_path / "sandbox.db"),
        "MCP_REMOTE_CONFIG_DIR": str(tmp_path / "bridge"),
    }
    command = command_of(library, tmp_path)
    with ExitStack() as started:
        server: Sequence[str] = STDIO
        if library.bridge:
            service = started.enter_context(server_process(environment=environment))
            server = bridged(library.name, f"{service.url}/mcp")
        seen = output_of([*command, *server], environment)

    assert f" {version_of(library, seen)} |" in row_of(library)
    # Of the tools, a library with strict schemas tells those that it could make strict.
    assert set(seen["tools"]) == set(menu(read_settings()))
    assert [points(seen[read]) for read in ("before", "after")] == [280, 230]
    assert "at most 280 points can be debited" in seen["error"]
    assert "280 points → 230 points" in seen["preview"]
    assert "Show this to the person. If they agree, repeat the call" in seen["preview"]
    for outcome in (seen["applied"], seen["again"]):
        assert "Debited 50 points" in outcome
    if library.dialogs:
        assert "Nothing was changed" in seen["declined"]
        assert "Debited 50 points" in seen["agreed"]
        assert points(seen["end"]) == 180
        assert len(seen["dialogs"]) == 2
        assert all("230 points → 180 points" in message for message in seen["dialogs"])
    said = [text for name, text in seen.items() if name not in {"tools", "version", "dialogs"}]
    assert all("sandbox" in text for text in (*said, *seen.get("dialogs", ())))
