"""The server as a process on its standard streams: what comes in, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LONGEST_SECONDS = 60
PING = {"jsonrpc": "2.0", "id": 9, "method": "ping"}


class StdioServer:
    """A server process, greeted by a client of bare lines."""

    def __init__(self, state_home: Path, **settings: str) -> None:
        environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(state_home), **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loyalty_mcp"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "lines", "version": "1"},
        }
        assert "result" in self.ask("initialize", hello, 1)
        self.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())

    def send(self, line: bytes) -> None:
        """Send a line as it is."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next message of the server."""
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def ask(self, method: str, params: dict[str, Any], request_id: int) -> dict[str, Any]:
        """Send a request, and receive its answer."""
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self.send(json.dumps(request).encode())
        return self.receive()

    def ends(self) -> tuple[int, str]:
        """The exit code of the process, and what it wrote to standard error."""
        code = self.process.wait(LONGEST_SECONDS)
        assert self.process.stderr is not None
        return code, self.process.stderr.read().decode()


@pytest.fixture
def server(state_home: Path) -> Iterator[StdioServer]:
    """A server that was greeted; killed at the end if it is still there."""
    started = StdioServer(state_home)
    with started.process:
        yield started
        started.process.kill()


def test_every_line_is_answered(server: StdioServer) -> None:
    """Half an emoji, a mark, a batch and garbage are answered, and the server goes on."""
    params = '{"name": "find_member", "arguments": {"member": "Anna \\ud83d"}}'
    server.send(f'{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{params}}}'.encode())
    assert server.receive()["id"] == 2

    server.send(b"\xef\xbb\xbf" + json.dumps(PING).encode())
    assert server.receive() == {"jsonrpc": "2.0", "id": 9, "result": {}}

    server.send(json.dumps([PING, {**PING, "id": 10}]).encode())
    assert {server.receive()["id"], server.receive()["id"]} == {9, 10}

    server.send(b"hello")
    assert server.receive()["error"]["code"] == -32700

    server.send(b'{"id": 11, "method": "ping"}')
    assert server.receive() == {
        "jsonrpc": "2.0",
        "id": 11,
        "error": {
            "code": -32600,
            "message": "This is not a JSON-RPC 2.0 message with an id, a method and params.",
        },
    }

    server.send(json.dumps(PING).encode())
    assert server.receive()["result"] == {}


def test_the_last_line_needs_no_line_end(server: StdioServer) -> None:
    """A client that closes its end right after a line is still answered."""
    assert server.process.stdin is not None
    server.process.stdin.write(b"garbage")
    server.process.stdin.close()

    assert server.receive()["error"]["code"] == -32700
    assert server.ends() == (0, "")


def test_the_server_ends_with_its_input(server: StdioServer) -> None:
    """The end of the input is the end of the session, and no error."""
    assert server.process.stdin is not None
    server.process.stdin.close()

    assert server.ends() == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_although_its_input_is_open(
    server: StdioServer, sign: signal.Signals
) -> None:
    """Nobody has to close the input first, and nothing is said of it."""
    server.process.send_signal(sign)

    assert server.ends() == (0, "")
