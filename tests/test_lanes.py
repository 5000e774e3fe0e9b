"""Lanes: as many connections as were ever busy at once, and none lost to a bad answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx2
import pytest

from loyalty_mcp.lanes import Lanes


class Upstream:
    """A server that counts connections, keeps who asks to wait, and can cut an answer."""

    def __init__(self) -> None:
        self.connections = 0
        self.asked = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every request of a connection."""
        self.connections += 1
        self.writers.append(writer)
        while head := await self._head(reader):
            self.asked.release()
            if b" /wait " in head:
                await self.go.wait()
            cut = b" /cut " in head
            size = 100 if cut else 2
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\nok" % size)
            if cut:
                break
        writer.close()

    async def end(self) -> None:
        """Let everybody who waits go, and close every connection."""
        self.go.set()
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A server of a few lines on a free port."""
    found = Upstream()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await found.end()


@pytest.fixture
async def http(upstream: Upstream) -> AsyncIterator[httpx2.AsyncClient]:
    """A client on lanes."""
    base = f"http://127.0.0.1:{upstream.port}"
    async with httpx2.AsyncClient(base_url=base, transport=Lanes()) as client:
        yield client


async def test_one_after_the_other(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Requests that follow one another share a connection."""
    for _ in range(5):
        assert (await http.get("/")).text == "ok"

    assert upstream.connections == 1


async def test_at_once(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Requests at once have a connection each, which later ones use again."""
    tasks = [asyncio.create_task(http.get("/wait")) for _ in range(5)]
    for _ in range(5):
        await upstream.asked.acquire()
    upstream.go.set()
    await asyncio.gather(*tasks)
    await asyncio.gather(*(http.get("/") for _ in range(5)))

    assert upstream.connections == 5


async def test_a_cut_answer(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """An answer that ends too early is an error, and the lane goes on with a new connection."""
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.get("/cut")

    assert (await http.get("/")).text == "ok"
    assert upstream.connections == 2


async def test_a_request_given_up(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """A request that is given up leaves a lane that works."""
    task = asyncio.create_task(http.get("/wait"))
    await upstream.asked.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await http.get("/")).text == "ok"
