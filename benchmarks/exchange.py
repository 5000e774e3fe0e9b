"""One connection that speaks bare HTTP/1.1: a request as bytes, and its answer."""

import asyncio
from typing import NamedTuple, Self


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class Exchange:
    """A connection that is kept; opened and closed with its block.

    Args:
        port: on loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._connect()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Hang up."""
        self._writer.close()

    async def ask(self, request: bytes) -> Answer:
        """Send a request, and read its answer."""
        try:
            head = await self._head(request)
        except (asyncio.IncompleteReadError, ConnectionError):
            # A server hangs up on who was quiet for some seconds; it has read nothing then.
            self._writer.close()
            await self._connect()
            head = await self._head(request)
        return Answer(int(head[9:12]), await body_after(head, self._reader))

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def _head(self, request: bytes) -> bytes:
        self._writer.write(request)
        return await self._reader.readuntil(b"\r\n\r\n")


async def body_after(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """The body that follows a head."""
    place = head.lower().find(b"content-length:")
    if place >= 0:
        return await reader.readexactly(int(head[place + 15 :].split(b"\r\n", 1)[0]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request to the API, with a key."""
    head = (
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        "api-key: benchmark",
        "content-type: application/json",
        f"content-length: {len(body)}",
    )
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body
