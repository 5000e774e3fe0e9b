"""uvicorn's HTTP/1.1 protocol with limits for heads, waiting times, pipelines and connections.

Neither of uvicorn's parsers has a deadline for the head of a request or a limit for trailers and
pipelined requests, and the faster one has no size limit for a head either. See
`docs/decisions/http-parser.md`.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from loyalty_mcp.web.edge.connection_table import ConnectionTable

MAX_HEAD_BYTES: Final = 65_536
"""Request line and headers together; also the data between and after the chunks of a body."""

MAX_PIPELINED: Final = 16
"""Requests of one connection that may wait for their answers."""

BODY_SECONDS: Final = 20.0
"""How long the rest of a body may arrive after its request was answered."""

WRITE_SECONDS: Final = 30.0
"""How long a client may stop reading an answer."""

AUTHORITY_END: Final = re.compile(rb"[/?#]")
LINGER_SECONDS: Final = 1.0
MAX_LINGER_BYTES: Final = 16 * 1_048_576
"""The amount of data that is read and dropped after a refusal. Most clients look for an answer only
after sending, and closing with unread data would destroy it."""


class InvalidRequest(Exception):
    """A request that is refused while it is parsed."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection.

    Args:
        table: all open connections.
        head_seconds: how long the head of a request may take.
        arguments: of uvicorn's protocol.
    """

    def __init__(self, table: ConnectionTable, head_seconds: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.url = b""
        self._table = table
        self._head_seconds = head_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._reads_head = True
        self._head_begun = False
        self._head_bytes = 0
        self._framing_bytes = 0
        self._unanswered = 0
        self._refused_bytes: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection if there is room, and start the deadline of its first head."""
        super().connection_made(transport)
        if self._table.add(self, self.client[0] if self.client else ""):
            self._set_deadline(self._head_seconds, self._refuse_late_head)
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all deadlines."""
        self._table.remove(self)
        self._clear_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse the received data, at most `MAX_HEAD_BYTES` of a head."""
        while data and not self.transport.is_closing():
            if self._refused_bytes is not None:
                self._discard(len(data))
                return
            part, data = data, b""
            if self._reads_head:
                room = MAX_HEAD_BYTES - self._head_bytes
                part, data = part[:room], part[room:]
                self._head_bytes += len(part)
            self._framing_bytes += len(part)
            super().data_received(part)
            if (self._head_bytes if self._reads_head else self._framing_bytes) >= MAX_HEAD_BYTES:
                self._refuse_large_head()
        self._expect_head()

    def on_message_begin(self) -> None:
        """A head begins.

        Raises:
            InvalidRequest: too many requests of this connection wait for their answers.
        """
        if self._unanswered >= MAX_PIPELINED:
            raise InvalidRequest
        self._head_begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. What follows the body is none (RFC 9110, section 6.5.1)."""
        if self._reads_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: its request is answered from now on.

        Raises:
            InvalidRequest: it is not clear where the body ends.
        """
        check_transfer_encoding(self.headers, self.parser.get_http_version())
        name_host(self.headers, self.url)
        self._reads_head = False
        self._framing_bytes = 0
        self._clear_deadline()
        self._unanswered += 1
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A part of the body has arrived."""
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is complete; another head may follow."""
        self._reads_head = True
        self._head_begun = False
        self._head_bytes = 0
        if self.parser.should_upgrade():
            self._refused_bytes = 0  # what follows would be in another protocol
        if self._unanswered == 0:
            self._clear_deadline()
        else:
            self._table.set_busy(self)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse what cannot be parsed."""
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _unsupported_upgrade_warning(self) -> None:
        """Stay silent: the request is answered as any other."""

    def on_response_complete(self) -> None:
        """The answer is sent; the connection may wait for the next request."""
        self._unanswered -= 1
        if self._unanswered == 0:
            self._table.set_waiting(self)
            if not self._reads_head:
                self._set_deadline(BODY_SECONDS, self.abort)
        self._expect_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        super().pause_writing()
        if self._write_deadline is None:
            self._write_deadline = self.loop.call_later(WRITE_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
        super().resume_writing()

    def _expect_head(self) -> None:
        """Start the deadline of a head that has begun, once all earlier requests are answered."""
        begun = self._head_begun or self._head_bytes > 0
        if self._reads_head and begun and self._unanswered == 0 and self._deadline is None:
            self._set_deadline(self._head_seconds, self._refuse_late_head)

    def _set_deadline(self, seconds: float, then: Callable[[], None]) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, then)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_late_head(self) -> None:
        if self._head_begun or self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse_large_head(self) -> None:
        too_long = len(self.url) > MAX_HEAD_BYTES // 2
        self._refuse(
            HTTPStatus.REQUEST_URI_TOO_LONG
            if too_long
            else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        )

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with a status, then drop what still arrives, and close."""
        if not self._may_answer():
            self.abort()  # it would be taken for the answer to an earlier request
        elif not self.transport.is_closing():
            if self._unanswered:
                # Its body will not arrive: the application is told that nobody waits for an answer.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._answer(status)
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self._refused_bytes = 0
            self._set_deadline(LINGER_SECONDS, self.transport.close)

    def _may_answer(self) -> bool:
        """Whether an answer sent now belongs to the request that is arriving."""
        if self._reads_head:
            return self._unanswered == 0
        return self._unanswered == 1 and not self.cycle.response_started

    def _answer(self, status: HTTPStatus) -> None:
        body = b'{"error": "%s"}' % status.phrase.lower().replace(" ", "_").encode("ascii")
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}".encode("ascii"),
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"connection: close",
            *([b"retry-after: 5"] if status is HTTPStatus.SERVICE_UNAVAILABLE else []),
        ]
        self.transport.write(b"\r\n".join([*lines, b"", body]))

    def _discard(self, size: int) -> None:
        self._refused_bytes = (self._refused_bytes or 0) + size
        if self._refused_bytes > MAX_LINGER_BYTES:
            self.abort()


def check_transfer_encoding(headers: Sequence[tuple[bytes, bytes]], version: str) -> None:
    """Accept one encoding alone, `chunked` (RFC 9112, section 6.1).

    Args:
        headers: of the request, names in lower case.
        version: of HTTP.

    Raises:
        InvalidRequest: others may understand the end of the body in another way.
    """
    encodings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if encodings and (encodings != [b"chunked"] or version != "1.1"):
        raise InvalidRequest


def name_host(headers: list[tuple[bytes, bytes]], target: bytes) -> None:
    """Put the host of a target in absolute form into its Host header (RFC 9112, section 3.2.2).

    Args:
        headers: of the request, names in lower case; changed in place.
        target: as in the request line.
    """
    place = [number for number, (name, _) in enumerate(headers) if name == b"host"]
    _, separator, rest = target.partition(b"://")
    if not target.startswith(b"/") and separator and len(place) == 1:
        headers[place[0]] = (b"host", AUTHORITY_END.split(rest, maxsplit=1)[0])


def protocol_class(table: ConnectionTable, head_seconds: float) -> type[asyncio.Protocol]:
    """The protocol for `uvicorn.Config(http=…)`.

    Args:
        table: all open connections.
        head_seconds: how long the head of a request may take.
    """
    return cast("type[asyncio.Protocol]", partial(LimitedHttpProtocol, table, head_seconds))
