"""The server as a process: its output, and how it stops."""

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
from tests.web.conftest import INITIALIZE


@contextmanager
def started(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process on a free port, and its URL."""
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
def test_a_stop_signal_ends_the_process_cleanly(sign: signal.Signals) -> None:
    """On SIGTERM or SIGINT it exits with 0 and has written nothing to stdout."""
    with started() as (process, url):
        assert httpx2.get(f"{url}/health").status_code == 200
        process.send_signal(sign)
        stdout, stderr = process.communicate(timeout=30)

        assert (process.returncode, stdout) == (0, "")
        assert "Traceback" not in stderr


def test_an_open_stream_does_not_delay_the_shutdown() -> None:
    """A client that only listens does not keep the server from stopping."""
    with started() as (process, url), httpx2.Client(base_url=url, timeout=30) as http:
        http.headers["accept"] = "application/json, text/event-stream"
        session = http.post("/mcp", json=INITIALIZE).headers["mcp-session-id"]
        with http.stream("GET", "/mcp", headers={"mcp-session-id": session}) as listening:
            assert listening.status_code == 200
            process.send_signal(signal.SIGTERM)
            list(listening.iter_raw())
        _, stderr = process.communicate(timeout=30)

        assert process.returncode == 0
        assert "Traceback" not in stderr


def test_a_taken_port_is_a_usage_error() -> None:
    """A port in use is reported in one sentence, with exit code 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--http", "--port", str(taken.getsockname()[1]))

    assert result.exit_code == 2
    assert "cannot be used" in result.stderr


def test_an_invalid_host_is_a_usage_error() -> None:
    """A host that does not resolve is reported in one sentence, with exit code 2."""
    result = run("serve", "--http", "--host", "127.0.0.256")

    assert result.exit_code == 2
    assert result.stderr.startswith("loyalty-mcp: ")
