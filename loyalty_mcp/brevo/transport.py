"""A lean HTTP/1.1 transport: one origin, persistent connections, responses read in full.

See `docs/decisions/own-transport.md` for its gain over the stock transport.
"""

import asyncio
from collections import deque
from functools import cached_property
from typing import Any, Final, cast

import httptools
import httpx2

IDLE_SECONDS: Final = 5.0
"""An idle connection is not reused after this time, since the server may be closing it."""

LARGEST_BODY: Final = 32 * 1024 * 1024
"""Maximum size of an answer in bytes; a longer one does not come from the API."""

INFORMATIONAL: Final = range(100, 200)
WITHOUT_BODY: Final = {*INFORMATIONAL, 204, 304}


class LeanTransport(httpx2.AsyncBaseTransport):
    """Sends requests to one origin over persistent connections, one request at a time on each.

    Requests are never repeated. The timeouts for a connection and for a place in the pool are those
    of the request; the caller limits the time for the answer.

    Args:
        base_url: an address at the origin.
        connections: the maximum of open connections; further requests wait.
    """

    def __init__(self, base_url: str, *, connections: int) -> None:
        url = httpx2.URL(base_url)
        self._scheme, self._host = url.scheme, url.raw_host
        self._authority = url.netloc
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[_Connection] = deque()
        self._open: set[_Connection] = set()

    def __repr__(self) -> str:
        """The representation with the origin."""
        return f"LeanTransport('{self._scheme}://{self._authority.decode()}')"

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request on an idle connection, or on a new one.

        Raises:
            httpx2.UnsupportedProtocol: the request is for another origin.
            httpx2.PoolTimeout: no connection became free in time.
            httpx2.ConnectError: no connection could be opened.
            httpx2.ConnectTimeout: no connection could be opened in time.
            httpx2.RemoteProtocolError: the connection ended before the answer did, or the answer is
                not HTTP or too long.
        """
        if request.url.netloc != self._authority or request.url.scheme != self._scheme:
            raise httpx2.UnsupportedProtocol("this transport serves one origin")
        timeouts = request.extensions.get("timeout", {})
        message = _wire(request, await request.aread())
        await self._take_place(timeouts.get("pool"))
        try:
            connection = self._take_idle() or await self._connect(timeouts.get("connect"))
            try:
                response = await connection.send(message)
            except BaseException:
                connection.close()
                raise
            if connection.usable:
                self._idle.append(connection)
        finally:
            self._places.release()
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in tuple(self._open):
            connection.close()
        await asyncio.gather(*(connection.closed.wait() for connection in tuple(self._open)))

    async def _take_place(self, seconds: float | None) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            raise httpx2.PoolTimeout("every connection is busy") from None

    def _take_idle(self) -> "_Connection | None":
        """The most recently used idle connection; those that were idle too long are closed."""
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and not (self._idle[0].usable and self._idle[0].used_at > oldest):
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self, seconds: float | None) -> "_Connection":
        loop = asyncio.get_running_loop()
        tls = self._tls_context if self._scheme == "https" else None
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._open), self._host.decode(), self._port, ssl=tls
                )
        except TimeoutError:
            raise httpx2.ConnectTimeout("no connection in time") from None
        except OSError as error:  # includes TLS errors
            raise httpx2.ConnectError(str(error)) from error
        return connection

    @cached_property
    def _tls_context(self) -> Any:
        """Created at the first connection, because reading certificates would slow the start."""
        return httpx2.create_ssl_context()


def _wire(request: httpx2.Request, content: bytes) -> bytes:
    """A request in HTTP/1.1 format."""
    head = [b"%b %b HTTP/1.1\r\n" % (request.method.encode("ascii"), request.url.raw_path)]
    head += [b"%b: %b\r\n" % header for header in request.headers.raw]
    return b"".join((*head, b"\r\n", content))


class _Connection(asyncio.Protocol):
    """One connection, with the parser of its answers.

    Args:
        open_connections: the set of open connections, which it adds itself to.
    """

    def __init__(self, open_connections: "set[_Connection]") -> None:
        self.closed = asyncio.Event()
        self.used_at = 0.0
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[httpx2.Response] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._ends_with_connection = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent on this connection."""
        return self._transport is not None and not self._transport.is_closing()

    async def send(self, message: bytes) -> httpx2.Response:
        """Send a request and wait for its answer.

        Raises:
            httpx2.ConnectError: the connection is closed, so nothing was sent.
            httpx2.RemoteProtocolError: the connection ended first, or the answer is not HTTP.
        """
        if self._transport is None or self._transport.is_closing():
            raise httpx2.ConnectError("the connection is closed")
        self._response = self._loop.create_future()
        self._transport.write(message)
        try:
            return await self._response
        finally:
            self._response = None

    def close(self) -> None:
        """Close the connection immediately."""
        if self._transport is not None:
            self._transport.abort()

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)  # other loops have their own class
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        """Receive part of an answer; data without a request ends the connection."""
        if self._response is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("the answer is not HTTP")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended; an answer without a length is complete, any other is lost."""
        if exc is None and self._ends_with_connection:
            self.on_message_complete()
        self._open.discard(self)
        self.closed.set()
        self._fail("the connection ended before the answer did")

    # Called by the parser

    def on_message_begin(self) -> None:
        """An answer begins; without a request it ends the connection."""
        if self._response is None or self._response.done():
            self.close()
        self._headers = []
        self._body = []
        self._size = 0
        self._ends_with_connection = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """All headers are read."""
        names = {name.lower() for name, _ in self._headers}
        has_length = not names.isdisjoint({b"content-length", b"transfer-encoding"})
        status = self._parser.get_status_code()
        self._ends_with_connection = not has_length and status not in WITHOUT_BODY

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._size += len(body)
        if self._size > LARGEST_BODY:
            self._fail("the answer is too long")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is complete; after an informational answer the final one follows."""
        status = self._parser.get_status_code()
        self._ends_with_connection = False
        if status in INFORMATIONAL or self._response is None or self._response.done():
            return
        self.used_at = self._loop.time()
        if not self._parser.should_keep_alive():
            self.close()
        try:
            response = httpx2.Response(status, headers=self._headers, content=b"".join(self._body))
        except httpx2.DecodingError as error:
            self._response.set_exception(error)
        else:
            self._response.set_result(response)

    def _fail(self, reason: str) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_exception(httpx2.RemoteProtocolError(reason))
        self.close()
