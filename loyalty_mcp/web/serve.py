"""Serve over HTTP: open the port, run the server, shut it down."""

import gc
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Final

import anyio
import uvicorn
from starlette.types import ASGIApp

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import Settings
from loyalty_mcp.web.app import create_app
from loyalty_mcp.web.edge.allowed_hosts import exposed_by
from loyalty_mcp.web.edge.connection_table import ConnectionTable
from loyalty_mcp.web.edge.http_protocol import protocol_class
from loyalty_mcp.web.edge.open_streams import OpenStreams
from loyalty_mcp.web.edge.request_id import RequestIdFilter
from loyalty_mcp.web.edge.tls_handshake import over_tls
from loyalty_mcp.web.metrics import CallMetrics

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
log = logging.getLogger(__name__)

OTHER_FILES: Final = 200
"""Open files that are not connections of clients: the journal, the upstream, modules."""

GC_THRESHOLDS: Final = (10_000, 2, 2)
"""See `gc.set_threshold`. A read leaves few objects to collect and a change about a thousand; with
the default thresholds, collections would be far too frequent."""

LISTEN_BACKLOG: Final = 1_024
KEEP_ALIVE_SECONDS: Final = 30
SHUTDOWN_SECONDS: Final = 90


class HttpServer(uvicorn.Server):
    """A server that closes event streams on shutdown, and finishes all other work."""

    def __init__(self, config: uvicorn.Config, streams: OpenStreams) -> None:
        super().__init__(config)
        self._streams = streams

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle stop signals while serving; unlike uvicorn's own, do not raise them again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close event streams immediately, and wait for all other work."""
        self._streams.close_all()
        await super().shutdown(sockets)


async def require_authentication(runtime: Runtime, host: str) -> None:
    """Refuse to serve other machines without tokens or OAuth.

    Raises:
        BadSetting: anybody could call; the message says how to fix it.
        JournalUnavailable: the tokens cannot be read.
    """
    exposed = exposed_by(runtime.settings, host)
    if exposed is None or runtime.settings.oauth_issuer is not None:
        return
    if not await runtime.context.journal.open().tokens.all():
        raise BadSetting(
            f"{exposed} lets others reach this server, and anybody could call: create a token "
            "with `loyalty-mcp token create`, or set LOYALTY_MCP_OAUTH_ISSUER."
        )


def serve_http(settings: Settings, host: str, port: int) -> None:
    """Serve until the process is told to stop.

    Args:
        settings: as read.
        host: address to listen on.
        port: port to listen on; 0 for any free one.

    Raises:
        LoyaltyError: the settings do not allow it, or the port cannot be opened.
    """
    # uvloop reads from a connection that was paused when it was made, so the first bytes of a TLS
    # handshake would be lost; see `edge/tls_handshake.py`.
    use_uvloop = settings.tls_certificate is None and find_spec("uvloop") is not None
    anyio.run(_serve, settings, host, port, backend_options={"use_uvloop": use_uvloop})


async def _serve(settings: Settings, host: str, port: int) -> None:
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
    calls, streams = CallMetrics(), OpenStreams()
    runtime = compose(settings, observe=calls.observe)
    try:
        tls_context(settings)
        await require_authentication(runtime, host)
        table = ConnectionTable(
            connections_allowed(settings.max_connections),
            settings.max_connections_per_address,
            settings.trusted_proxies,
        )
        app = create_app(runtime, calls, host=host, streams=streams, connections=table)
        listener = open_listener(host, port)
    except BaseException:
        await runtime.close()
        raise
    shown_host = f"[{host}]" if ":" in host else host
    # Objects loaded by now live as long as the process, so the garbage collector can skip them.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    config = uvicorn_config(app, settings, table)
    scheme = "http" if settings.tls_certificate is None else "https"
    log.info("serving on %s://%s:%s/mcp", scheme, shown_host, listener.getsockname()[1])
    await HttpServer(config, streams).serve(sockets=[listener])


def uvicorn_config(app: ASGIApp, settings: Settings, table: ConnectionTable) -> uvicorn.Config:
    """The uvicorn configuration for the application.

    Raises:
        BadSetting: the certificate cannot be used.
    """
    http = protocol_class(table, settings.header_timeout)
    context = tls_context(settings)
    if context is not None:
        http = over_tls(table, context, settings.header_timeout, http)
    return uvicorn.Config(
        app,
        http=http,
        # Else uvicorn would hand connections to a WebSocket library that happens to be installed.
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def connections_allowed(wanted: int) -> int:
    """The number of connections that the limit of open files allows, after raising it if necessary.

    Args:
        wanted: the number of connections in the settings.
    """
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, needed)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - OTHER_FILES)
    if allowed < wanted:
        log.warning("%s connections at once, because %s files may be open", allowed, soft)
    return allowed


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The certificate to serve HTTPS with; None without one.

    Raises:
        BadSetting: what is wrong.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "LOYALTY_MCP_TLS_CERTIFICATE" if certificate is None else "LOYALTY_MCP_TLS_KEY"
        raise BadSetting(f"{missing} is missing: HTTPS needs the certificate and its key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or getattr(error, "reason", None) or "no certificate and key"
        raise BadSetting(
            "LOYALTY_MCP_TLS_CERTIFICATE and LOYALTY_MCP_TLS_KEY cannot be used: "
            f"{str(reason).lower().replace('_', ' ')}."
        ) from None
    return context


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        BadSetting: the host or port cannot be used.
    """
    with ExitStack() as on_error:
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = on_error.enter_context(socket.socket(family, kind, proto))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(LISTEN_BACKLOG)
        except OSError as error:
            reason = error.strerror or "there is no such name"
            raise BadSetting(f"--host {host} --port {port} cannot be used: {reason}.") from None
        on_error.pop_all()
        return listener
