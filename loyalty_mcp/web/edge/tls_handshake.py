"""The TLS handshake of a connection, within the bounds of all connections.

asyncio and uvicorn tell a protocol of a connection only after its handshake, and give that a
minute. Until then nobody would count it, and silent connections could use up all open files.
"""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from loyalty_mcp.web.edge.connection_table import ConnectionTable


class TlsHandshake(asyncio.Protocol):
    """A connection that is not encrypted yet; handed over to HTTP when it is.

    Args:
        table: all open connections.
        context: the server's certificate.
        seconds: how long the handshake may take.
        http: makes the HTTP protocol of a connection.
        arguments: for `http`.
    """

    def __init__(
        self,
        table: ConnectionTable,
        context: ssl.SSLContext,
        seconds: float,
        http: Callable[..., asyncio.Protocol],
        **arguments: Any,
    ) -> None:
        self._table = table
        self._context = context
        self._seconds = seconds
        self._http = http(**arguments)
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._shaking: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, if there is room, and start the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if self._table.add(self, str(peer[0]) if peer else ""):
            self._transport.pause_reading()
            shaking = self._shake_hands(self._transport)
            self._shaking = asyncio.get_running_loop().create_task(shaking)
        else:
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Keep what was decrypted before HTTP took over."""
        self._received += data

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the connection."""
        self._table.remove(self)

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self._seconds,
            )
        except OSError:  # ssl.SSLError and a timeout are such
            encrypted = None
        finally:
            self._table.remove(self)
        if encrypted is None or encrypted.is_closing():
            self.abort()
            return
        encrypted.set_protocol(self._http)
        self._http.connection_made(encrypted)
        if self._received:
            self._http.data_received(bytes(self._received))


def over_tls(
    table: ConnectionTable,
    context: ssl.SSLContext,
    seconds: float,
    http: Callable[..., asyncio.Protocol],
) -> type[asyncio.Protocol]:
    """The protocol for `uvicorn.Config(http=…)` that speaks HTTP over TLS.

    Args:
        table: all open connections.
        context: the server's certificate.
        seconds: how long a handshake may take.
        http: makes the HTTP protocol of a connection.
    """
    return cast("type[asyncio.Protocol]", partial(TlsHandshake, table, context, seconds, http))
