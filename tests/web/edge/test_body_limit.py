"""Bodies too large or too slow, and more sessions than there is room for."""

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from loyalty_mcp.web.edge.body_limit import LARGEST
from loyalty_mcp.web.mcp_endpoint import MOST_SESSIONS
from tests.web.conftest import OPENING, Edge, Serve

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
@pytest.mark.parametrize("path", ["/mcp", "/approvals/login"])
async def test_too_large(edge: Edge, path: str, version: str) -> None:
    """A body of more than a mebibyte is refused before it is read, in both eras."""
    async with edge.http() as http:
        headers = {**ACCEPT, "mcp-protocol-version": version}
        answer = await http.post(path, content=b"x" * (LARGEST + 1), headers=headers)

        assert answer.status_code == 413


async def test_too_large_and_not_declared(edge: Edge) -> None:
    """A body that does not say how long it is stops being read at a mebibyte."""
    given = 0

    async def chunks() -> Any:
        nonlocal given
        while given < 4 * LARGEST:
            given += 65_536
            yield b"x" * 65_536

    async with edge.http() as http:
        answer = await http.post("/mcp", content=chunks(), headers=ACCEPT)

        assert answer.status_code == 413


async def test_large_enough(edge: Edge) -> None:
    """A body of a mebibyte is read."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}})
    async with edge.http() as http:
        http.headers.update(ACCEPT)
        answer = await http.post("/mcp", content=body.ljust(LARGEST).encode())

        assert answer.status_code == 400
        assert "Missing session ID" in answer.text


async def test_too_slow(serve: Serve) -> None:
    """A body that does not arrive in time is refused, and its connection ended."""
    async with serve(options={"body_seconds": 0.01}) as edge:
        port = int(edge.url.rpartition(":")[2])
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
async def test_nonsense(edge: Edge, content: bytes, version: str) -> None:
    """Nonsense is the caller's mistake, never the server's."""
    async with edge.http() as http:
        headers = {**ACCEPT, "mcp-protocol-version": version}
        answer = await http.post("/mcp", content=content, headers=headers)

        assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/mcp", "/health", "/approvals"])
async def test_other_methods(edge: Edge, path: str, method: str) -> None:
    """A method that means nothing here is refused."""
    async with edge.http() as http:
        answer = await http.request(method, path)

        assert answer.status_code in {400, 404, 405, 406} or (method, answer.status_code) == (
            "HEAD",
            200,
        )


def resident() -> int:
    """Bytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc tells how much is held")
async def test_ten_thousand_sessions(edge: Edge) -> None:
    """Of ten thousand sessions some are kept, the others told so, and memory is bounded."""
    found: dict[int, int] = {}
    before = resident()
    body = json.dumps(OPENING).encode()
    lines = ["POST /mcp HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in ACCEPT.items()]
    opening = "\r\n".join([*lines, "", ""]).encode() + body
    port = int(edge.url.rpartition(":")[2])

    async def open_sessions(number: int) -> None:
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            for _ in range(number):
                await stream.send(opening)
                answer = b""
                while not answer.endswith((b"\r\n0\r\n\r\n", b"}")):
                    answer += await stream.receive()
                status = int(answer[9:12])
                found[status] = found.get(status, 0) + 1

    async with edge.http() as http:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(open_sessions, 1_000)
        held = resident() - before
        assert (await http.get("/health")).status_code == 200

    assert found == {200: MOST_SESSIONS, 503: 10_000 - MOST_SESSIONS}
    assert held < 400_000_000, f"{MOST_SESSIONS} sessions hold {held / 1e6:.0f} MB"
    print(f"{MOST_SESSIONS} sessions hold {held / 1e6:.0f} MB")  # noqa: T201 - told on request
