"""Limits on bodies and sessions."""

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from loyalty_mcp.web.edge.body_limit import MAX_BODY_BYTES
from loyalty_mcp.web.mcp_endpoint import MAX_SESSIONS
from tests.web.conftest import INITIALIZE, RunningServer, Serve

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
@pytest.mark.parametrize("path", ["/mcp", "/approvals/login"])
async def test_a_large_body_is_refused(server: RunningServer, path: str, version: str) -> None:
    """A body over 1 MiB is refused before it is read, in both eras."""
    async with server.http() as http:
        headers = {**ACCEPT, "mcp-protocol-version": version}
        answer = await http.post(path, content=b"x" * (MAX_BODY_BYTES + 1), headers=headers)

        assert answer.status_code == 413


async def test_a_large_body_without_a_length_is_refused(server: RunningServer) -> None:
    """A body without Content-Length is read up to 1 MiB."""
    given = 0

    async def chunks() -> Any:
        nonlocal given
        while given < 4 * MAX_BODY_BYTES:
            given += 65_536
            yield b"x" * 65_536

    async with server.http() as http:
        answer = await http.post("/mcp", content=chunks(), headers=ACCEPT)

        assert answer.status_code == 413


async def test_the_largest_body_is_accepted(server: RunningServer) -> None:
    """A body of exactly 1 MiB is accepted."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}})
    async with server.http() as http:
        http.headers.update(ACCEPT)
        answer = await http.post("/mcp", content=body.ljust(MAX_BODY_BYTES).encode())

        assert answer.status_code == 400
        assert "Missing session ID" in answer.text


async def test_a_slow_body_is_refused(serve: Serve) -> None:
    """A body that does not arrive in time gets 408, and the connection is closed."""
    async with serve(options={"body_seconds": 0.01}) as server:
        port = int(server.url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(
                b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
            )
            answer = await stream.receive()

        assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0"}',
        b"[" * 100_000,
        b"1" * 9_999,
    ],
)
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", "1999-01-01"])
async def test_malformed_content_is_a_client_error(
    server: RunningServer, content: bytes, version: str
) -> None:
    """Malformed content gets a 4xx, never a 5xx."""
    async with server.http() as http:
        headers = {**ACCEPT, "mcp-protocol-version": version}
        answer = await http.post("/mcp", content=content, headers=headers)

        assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/mcp", "/health", "/approvals"])
async def test_other_methods_are_refused(server: RunningServer, path: str, method: str) -> None:
    """A method that the path does not have is refused."""
    async with server.http() as http:
        answer = await http.request(method, path)

        assert answer.status_code in {400, 404, 405, 406} or (method, answer.status_code) == (
            "HEAD",
            200,
        )


def resident() -> int:
    """Resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
async def test_the_number_of_sessions_is_bounded(server: RunningServer) -> None:
    """Of 2,500 sessions 2,000 are opened, the others get 503, and memory stays bounded."""
    found: dict[int, int] = {}
    before = resident()
    body = json.dumps(INITIALIZE).encode()
    lines = ["POST /mcp HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in ACCEPT.items()]
    opening = "\r\n".join([*lines, "", ""]).encode() + body
    port = int(server.url.rpartition(":")[2])

    async def open_sessions(number: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            for _ in range(number):
                await stream.send(opening)
                answer = b""
                while not answer.endswith((b"\r\n0\r\n\r\n", b"}")):
                    answer += await stream.receive()
                status = int(answer[9:12])
                found[status] = found.get(status, 0) + 1

    async with server.http() as http:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(open_sessions, 250)
        held = resident() - before
        assert (await http.get("/health")).status_code == 200

    assert found == {200: MAX_SESSIONS, 503: 2_500 - MAX_SESSIONS}
    assert held < 400_000_000, f"{MAX_SESSIONS} sessions hold {held / 1e6:.0f} MB"
    print(f"{MAX_SESSIONS} sessions hold {held / 1e6:.0f} MB")  # noqa: T201 - shown with -rP
