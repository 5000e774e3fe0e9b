"""Streams that stay open: a client's listening GET, which would otherwise hold up the end."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.http_errors import Refusal


class Streams:
    """Knows the streams that are open, and ends them."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._ended = False

    def watching(self, app: ASGIApp) -> ASGIApp:
        """The application, its listening streams known here."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "GET":
                await app(scope, receive, send)
                return
            begun, done = [False], [False]

            async def followed(message: Message) -> None:
                begun[0] = True
                last = message["type"] == "http.response.body"
                done[0] = last and not message.get("more_body", False)
                await send(message)

            with anyio.CancelScope() as until:
                self._scopes.add(until)
                if self._ended:
                    until.cancel()
                try:
                    await app(scope, receive, followed)
                finally:
                    self._scopes.discard(until)
            if until.cancelled_caught and not begun[0]:
                raise Refusal(503, "The server is ending.")
            if begun[0] and not done[0]:
                # Ended by us, or by itself because it saw the same signal.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        return watched

    def end(self) -> None:
        """End all streams, and those to come."""
        self._ended = True
        for scope in self._scopes:
            scope.cancel()
