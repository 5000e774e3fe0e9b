"""The service on a port: from the settings to the last answer."""

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
from loyalty_mcp.web.edge.allowed_hosts import is_loopback
from loyalty_mcp.web.edge.open_streams import Streams
from loyalty_mcp.web.metrics import Calls

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
log = logging.getLogger(__name__)

CONNECTIONS: Final = 2_000
GARBAGE: Final = (10_000, 2, 2)
"""New objects after which the garbage collector looks among them, and how often it looks further.

What a change leaves behind is found after a few thousand of them; a read leaves next to nothing.
"""

BACKLOG: Final = 1_024
KEEP_ALIVE_SECONDS: Final = 30
LONGEST_END_SECONDS: Final = 90


class Service(uvicorn.Server):
    """A server that ends listening streams as soon as it is told to stop.

    What is being carried out is waited for.
    """

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals while serving; one that was obeyed is not raised again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sign: signal.signal(sign, self.handle_exit) for sign in SIGNALS}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: listening streams at once, everything else when it is done."""
        self._streams.end()
        await super().shutdown(sockets)


async def check_reachable(runtime: Runtime, host: str) -> None:
    """Refuse to be reached from elsewhere before anybody has to say who they are.

    Raises:
        BadSetting: what to do about it.
        JournalUnavailable: it cannot be told whether there are tokens.
    """
    if is_loopback(host) or runtime.settings.oauth_issuer is not None:
        return
    if not await runtime.context.journal.open().tokens.all():
        raise BadSetting(
            f"--host {host} is reached from elsewhere, and anybody could call: make a token with "
            "`loyalty-mcp token create`, or set LOYALTY_MCP_OAUTH_ISSUER."
        )


def serve_http(settings: Settings, host: str, port: int) -> None:
    """Serve until the process is told to stop.

    Args:
        settings: what to build.
        host: what to listen on.
        port: 0 for any that is free.

    Raises:
        LoyaltyError: it cannot be served like this.
    """
    faster = find_spec("uvloop") is not None
    anyio.run(_serve, settings, host, port, backend_options={"use_uvloop": faster})


async def _serve(settings: Settings, host: str, port: int) -> None:
    calls, streams = Calls(), Streams()
    runtime = compose(settings, observe=calls.observe)
    try:
        await check_reachable(runtime, host)
        app = create_app(runtime, calls, host=host, streams=streams)
        listening = listen(host, port)
    except BaseException:
        await runtime.close()
        raise
    shown = f"[{host}]" if ":" in host else host
    # What is loaded by now stays, and a call leaves little behind: looking at either again and
    # again, as the collector does by default, is lost work.
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    log.info("serving on http://%s:%s/mcp", shown, listening.getsockname()[1])
    await Service(config(app), streams).serve(sockets=[listening])


def config(app: ASGIApp) -> uvicorn.Config:
    """How an application is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LONGEST_END_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        BadSetting: it cannot be had.
    """
    with ExitStack() as undone:
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = undone.enter_context(socket.socket(family, kind, proto))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError as error:
            why = error.strerror or "there is no such name"
            raise BadSetting(f"--host {host} --port {port} cannot be used: {why}.") from None
        undone.pop_all()
        return listening
