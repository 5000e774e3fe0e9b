"""Lanes to the upstream: plain HTTP/1.1 over kept connections, one request at a time on each.

An HTTP library's client, its request and response objects and its pool take as much time as all
the rest of a call together. What is needed here is little: one host, a short head, a whole answer.
"""

import asyncio
from collections import deque
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
import httpx2

from loyalty_mcp.brevo.exchange import ACCEPTED, KEY, AnswerLost, Exchange, HttpAnswer, NeverSent

IDLE_SECONDS: Final = 5.0
"""A kept connection that rested longer may be closed by the other side just as it is used."""

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of an answer; more is none of ours."""

INFORMATIONAL: Final = range(100, 200)


class LeanTransport(Exchange):
    """An exchange with an upstream; as many connections as were ever busy at once.

    Args:
        base_url: the API root, without a slash at the end.
        api_key: sent with every request; fit for a header.
        connecting: seconds that a new connection may take.
    """

    def __init__(self, base_url: str, api_key: str, *, connecting: float) -> None:
        super().__init__(base_url, api_key)
        address = urlsplit(base_url)
        self._trust = httpx2.create_ssl_context() if address.scheme == "https" else None
        self._port = address.port or (80 if self._trust is None else 443)
        self._root = address.path
        self._connecting = connecting
        self._head = f"host: {address.netloc}\r\n{KEY}: {api_key}\r\naccept: {ACCEPTED}\r\n"
        self._free: deque[_Connection] = deque()
        self._open: set[_Connection] = set()

    async def send(self, method: str, target: str, content: bytes | None) -> HttpAnswer:
        """Send a request on a free lane, or on a new one.

        Raises:
            NeverSent: there is no connection.
            AnswerLost: the connection ended before the answer did.
        """
        connection = self._rested() or await self._opened()
        try:
            answer = await connection.ask(self._spelled(method, target, content))
        except BaseException:
            connection.close()
            raise
        if connection.usable:
            self._free.append(connection)
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in tuple(self._open):
            connection.close()
        await asyncio.gather(*(connection.gone.wait() for connection in tuple(self._open)))

    def _spelled(self, method: str, target: str, content: bytes | None) -> bytes:
        lines = f"{method} {self._root}{target} HTTP/1.1\r\n{self._head}"
        if content is not None:
            lines += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
        elif method != "GET":
            lines += "content-length: 0\r\n"
        return f"{lines}\r\n".encode("ascii") + (content or b"")

    def _rested(self) -> "_Connection | None":
        """The lane that was used last, if it can be used still; the others age away."""
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._free and not (self._free[0].usable and self._free[0].used_at > oldest):
            self._free.popleft().close()
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                return connection
        return None

    async def _opened(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connecting):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._open), self.host, self._port, ssl=self._trust
                )
        except OSError as error:
            raise NeverSent from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection.

    Args:
        among: the connections that are open; it adds and removes itself.
    """

    def __init__(self, among: "set[_Connection]") -> None:
        self.gone = asyncio.Event()
        self.used_at = 0.0
        self._among = among
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[HttpAnswer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._until_end = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> HttpAnswer:
        """Send a request as it stands on the wire, and wait for its answer.

        Raises:
            NeverSent: there is no connection yet.
            AnswerLost: the connection ended first, or what came is no HTTP.
        """
        if self._transport is None:
            raise NeverSent
        self._waiting = self._loop.create_future()
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)  # other loops have their own class
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        """Some of an answer; without a question nobody should speak."""
        if self._waiting is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, UnicodeDecodeError):
            self._lose()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; an answer without a length ends here, any other is lost."""
        if exc is None and self._until_end:
            self.on_message_complete()
        self._among.discard(self)
        self.gone.set()
        self._lose()

    # What the parser tells

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for spoils the lane."""
        if self._waiting is None or self._waiting.done():
            self.close()
        self._headers = {}
        self._body = []
        self._size = 0
        self._until_end = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of its head."""
        self._headers[name.decode("ascii").lower()] = value.decode("latin-1").strip(" \t")

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        bounded = {"content-length", "transfer-encoding"}.intersection(self._headers)
        empty = self._parser.get_status_code() in {*INFORMATIONAL, 204, 304}
        self._until_end = not bounded and not empty

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        self._size += len(body)
        if self._size > LARGEST:
            self._lose()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """It is whole: whoever waits has it, unless a better one is announced."""
        status = self._parser.get_status_code()
        self._until_end = False
        if status in INFORMATIONAL or self._waiting is None or self._waiting.done():
            return
        self.used_at = self._loop.time()
        if not self._parser.should_keep_alive():
            self.close()
        self._waiting.set_result(HttpAnswer(status, self._headers, b"".join(self._body)))

    def _lose(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(AnswerLost())
        self.close()
