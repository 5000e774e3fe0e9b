"""A network between servers and sandbox that delivers some requests after nobody waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx2

SKIPPED: Final = frozenset({"content-length", "transfer-encoding", "connection", "host"})


class Relay:
    """Passes requests on, in order on each connection.

    Args:
        target: where to, such as `http://127.0.0.1:8585`.
        hold: seconds to hold the next request with that method before it is delivered.
    """

    def __init__(self, target: str, hold: Callable[[str], float]) -> None:
        self._hold = hold
        self._http = httpx2.AsyncClient(base_url=target, timeout=60)
        self._deliveries: set[asyncio.Task[httpx2.Response]] = set()
        self.late = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        with suppress(OSError, asyncio.IncompleteReadError, httpx2.TransportError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                pairs = [line.split(": ", 1) for line in lines if line]
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, path, _ = first.split(" ")
                # A request that has arrived is delivered, whoever waits for its answer.
                delivery = asyncio.ensure_future(self._deliver(method, path, headers, body))
                self._deliveries.add(delivery)
                delivery.add_done_callback(self._delivered)
                answer = await asyncio.shield(delivery)
                writer.write(_spelled(answer))
                await writer.drain()
        writer.close()

    def _delivered(self, delivery: "asyncio.Task[httpx2.Response]") -> None:
        self._deliveries.discard(delivery)
        if not delivery.cancelled():
            delivery.exception()

    async def _deliver(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> httpx2.Response:
        seconds = self._hold(method)
        if seconds:
            self.late += 1
            await asyncio.sleep(seconds)
        kept = {name: value for name, value in headers.items() if name not in SKIPPED}
        return await self._http.request(method, path, headers=kept, content=body)

    async def quiet(self) -> None:
        """Wait until nothing is on its way any more."""
        if self._deliveries:
            await asyncio.wait(self._deliveries)

    async def close(self) -> None:
        """Let the network go."""
        await self.quiet()
        await self._http.aclose()


def _spelled(answer: httpx2.Response) -> bytes:
    kept = [(name, value) for name, value in answer.headers.items() if name not in SKIPPED]
    lines = [f"HTTP/1.1 {answer.status_code} X", *(f"{name}: {value}" for name, value in kept)]
    if answer.status_code != 204:
        lines.append(f"content-length: {len(answer.content)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.content


@asynccontextmanager
async def relaying(target: str, hold: Callable[[str], float]) -> AsyncIterator[tuple[Relay, int]]:
    """A relay and its port, until the block ends."""
    relay = Relay(target, hold)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        yield relay, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await relay.close()
