"""Track open event streams, so that they do not delay the shutdown."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.http_errors import HttpError


class OpenStreams:
    """The event streams that are open: each is a client's GET that only listens."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._closed = False

    def track(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application so that its event streams can be closed.

        Raises:
            HttpError: the server is shutting down (503).
        """

        async def tracked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "GET":
                await app(scope, receive, send)
                return
            started = finished = False

            async def observe(message: Message) -> None:
                nonlocal started, finished
                started = True
                is_body = message["type"] == "http.response.body"
                finished = is_body and not message.get("more_body", False)
                await send(message)

            with anyio.CancelScope() as until_closed:
                self._scopes.add(until_closed)
                if self._closed:
                    until_closed.cancel()
                try:
                    await app(scope, receive, observe)
                finally:
                    self._scopes.discard(until_closed)
            if until_closed.cancelled_caught and not started:
                raise HttpError(503, "The server is shutting down.")
            if started and not finished:
                # Cancelled above, or the application stopped on the same signal.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        return tracked

    def close_all(self) -> None:
        """Close all streams, and refuse new ones."""
        self._closed = True
        for scope in self._scopes:
            scope.cancel()
