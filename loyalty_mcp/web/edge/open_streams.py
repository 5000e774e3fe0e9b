"""Tracks open event streams, so that the server can close them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.http_errors import HttpError


@dataclass(eq=False, slots=True)
class OpenStream:
    """An open event stream: a client's GET that only listens.

    Args:
        request: the scope of the request that opened the stream.
        cancel_scope: cancels the work of the stream.
        reason: why it was closed; None while it is open.
    """

    request: Scope
    cancel_scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    reason: HttpError | None = None

    def close(self, reason: HttpError) -> None:
        """End it.

        Args:
            reason: the answer, if none has started.
        """
        self.reason = reason
        self.cancel_scope.cancel()


class OpenStreams:
    """The event streams that are open."""

    def __init__(self) -> None:
        self._streams: set[OpenStream] = set()
        self._closed = False

    def current(self) -> Sequence[OpenStream]:
        """The streams that are open now."""
        return tuple(self._streams)

    def track(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application so that its event streams can be closed.

        Raises:
            HttpError: the stream was closed before it started.
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

            stream = OpenStream(scope)
            with stream.cancel_scope:
                self._streams.add(stream)
                if self._closed:
                    stream.close(shutting_down())
                try:
                    await app(scope, receive, observe)
                finally:
                    self._streams.discard(stream)
            if stream.cancel_scope.cancelled_caught and stream.reason is not None and not started:
                raise stream.reason
            if started and not finished:
                # Cancelled above, or the application stopped on the same signal.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        return tracked

    def close_all(self) -> None:
        """Close all streams, and refuse new ones."""
        self._closed = True
        for stream in self._streams:
            stream.close(shutting_down())


def shutting_down() -> HttpError:
    """The answer to a stream that is opened during shutdown."""
    return HttpError(503, "The server is shutting down.")
