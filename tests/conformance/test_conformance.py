"""Checks of our server by other tools: the official conformance suite and the Inspector."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml

from tests import node_tools
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
BASELINE = Path(__file__).parent / "baseline.yaml"
REVISIONS = ("2025-11-25", "2026-07-28")
FAILED = re.compile(r"^✗ ([a-z0-9-]+):", re.MULTILINE)


def known_failures(revision: str) -> dict[str, str]:
    """The scenarios that fail, and why."""
    found: dict[str, str] = yaml.safe_load(BASELINE.read_text(encoding="utf-8"))[revision]
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Our server with the suite's fixtures, on a free port of loopback."""
    port = free_port()
    state = tmp_path_factory.mktemp("conformance")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.server", str(port)],
        cwd=ROOT,
        env={"XDG_STATE_HOME": str(state), "PATH": "", "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers, for at most half a minute."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        assert process.poll() is None, "the server did not start"
        try:
            httpx2.get(url, trust_env=False)
        except httpx2.TransportError:
            continue
        return
    pytest.fail("the server did not answer")


@pytest.mark.parametrize("revision", REVISIONS)
def test_only_what_the_baseline_explains_fails(revision: str, address: str, tmp_path: Path) -> None:
    """The scenarios of a revision pass, except those of the baseline, which fail."""
    done = node_tools.run(
        "conformance",
        *("server", "--url", address, "--requirements", revision),
        *("-o", str(tmp_path)),
    )

    assert set(FAILED.findall(done.stdout)) == set(known_failures(revision)), done.stdout[-3000:]
    assert done.returncode == 0, "a scenario that is scored fails"


@pytest.mark.parametrize("revision", REVISIONS)
def test_baseline_says_why(revision: str) -> None:
    """Every line of the baseline gives a reason."""
    assert all(len(reason) > 20 for reason in known_failures(revision).values())


def inspected(tmp_path: Path, *target: str) -> "subprocess.CompletedProcess[str]":
    """The Inspector's result for a menu."""
    return node_tools.run(
        "mcp-inspector",
        *("--cli", "--strict", "--method", "tools/list", *target),
        MCP_CATALOG_PATH=str(tmp_path / "catalog.json"),
    )


def test_inspector_is_content_over_stdio(tmp_path: Path) -> None:
    """The Inspector finds nothing in our schemas that a model vendor would refuse."""
    command = Path(sys.executable).parent / "loyalty-mcp"
    done = inspected(tmp_path, "-e", f"XDG_STATE_HOME={tmp_path}", "--", str(command))

    assert done.returncode == 0, done.stderr
    assert "find_member" in done.stdout
    assert done.stderr.strip() == ""


def test_inspector_is_content_over_http(tmp_path: Path, address: str) -> None:
    """The same over HTTP."""
    done = inspected(tmp_path, address)

    assert done.returncode == 0, done.stderr
    assert "find_member" in done.stdout
    assert done.stderr.strip() == ""
