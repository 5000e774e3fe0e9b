"""The service as a process: what it prints, and how it ends."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.cli.test_commands import run
from tests.web.conftest import OPENING


@contextmanager
def started(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service on a free port, and its address."""
    command = [sys.executable, "-m", "loyalty_mcp", "serve", "--http", "--port", "0", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            found = re.search(r"serving on (http://[^/]+)/mcp", process.stderr.readline())
            assert found is not None
            yield process, found[1]
        finally:
            process.kill()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order(sign: signal.Signals) -> None:
    """Told to stop, it ends with 0, and standard output has stayed empty."""
    with started() as (process, url):
        assert httpx2.get(f"{url}/health").status_code == 200
        process.send_signal(sign)
        stdout, stderr = process.communicate(timeout=30)

        assert (process.returncode, stdout) == (0, "")
        assert "Traceback" not in stderr


def test_an_open_stream_does_not_hold_it_up() -> None:
    """A client that only listens does not keep a service from ending."""
    with started() as (process, url), httpx2.Client(base_url=url, timeout=30) as http:
        http.headers["accept"] = "application/json, text/event-stream"
        session = http.post("/mcp", json=OPENING).headers["mcp-session-id"]
        with http.stream("GET", "/mcp", headers={"mcp-session-id": session}) as listening:
            assert listening.status_code == 200
            process.send_signal(signal.SIGTERM)
            list(listening.iter_raw())
        _, stderr = process.communicate(timeout=30)

        assert process.returncode == 0
        assert "Traceback" not in stderr


def test_a_port_that_is_taken() -> None:
    """A port that another program has is told in one sentence, with exit code 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--http", "--port", str(taken.getsockname()[1]))

    assert result.exit_code == 2
    assert "cannot be used" in result.stderr


def test_a_host_that_is_none() -> None:
    """A name that leads nowhere is told in one sentence, before anything is served."""
    result = run("serve", "--http", "--host", "127.0.0.256")

    assert result.exit_code == 2
    assert result.stderr.startswith("loyalty-mcp: ")
