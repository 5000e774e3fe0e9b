"""Serve over HTTP: open the port, run the server, shut it down."""

import gc
import logging
import signal
import socket
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
from loyalty_mcp.web.edge.open_streams import OpenStreams
from loyalty_mcp.web.metrics import CallMetrics

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 2_000
GC_THRESHOLDS: Final = (10_000, 2, 2)
"""See `gc.set_threshold`. A read leaves almost nothing behind to collect, a change some thousand
objects; the default thresholds would look far too often."""

LISTEN_BACKLOG: Final = 1_024
KEEP_ALIVE_SECONDS: Final = 30
SHUTDOWN_SECONDS: Final = 90


class HttpServer(uvicorn.Server):
    """A server that closes event streams when it is told to stop, and finishes all other work."""

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
        """Close event streams at once, and wait for everything else."""
        self._streams.close_all()
        await super().shutdown(sockets)


async def require_authentication(runtime: Runtime, host: str) -> None:
    """Refuse to serve others than this machine's users without tokens or OAuth.

    Raises:
        BadSetting: anybody could call; says what to do about it.
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
        settings: the settings.
        host: address to listen on.
        port: port to listen on; 0 for any free one.

    Raises:
        LoyaltyError: the settings do not allow it, or the port cannot be opened.
    """
    uvloop_installed = find_spec("uvloop") is not None
    anyio.run(_serve, settings, host, port, backend_options={"use_uvloop": uvloop_installed})


async def _serve(settings: Settings, host: str, port: int) -> None:
    calls, streams = CallMetrics(), OpenStreams()
    runtime = compose(settings, observe=calls.observe)
    try:
        await require_authentication(runtime, host)
        app = create_app(runtime, calls, host=host, streams=streams)
        listener = open_listener(host, port)
    except BaseException:
        await runtime.close()
        raise
    shown_host = f"[{host}]" if ":" in host else host
    # Everything loaded by now stays for good; the collector need not look at it again.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    log.info("serving on http://%s:%s/mcp", shown_host, listener.getsockname()[1])
    await HttpServer(uvicorn_config(app), streams).serve(sockets=[listener])


def uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


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
