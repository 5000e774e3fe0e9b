"""Read the whole body of a request first, within a size limit and a time limit."""

import asyncio
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.http_errors import HttpError

BODY: Final = "loyalty_mcp.body"
"""Key of the body in the request's scope."""

MAX_BODY_BYTES: Final = 1_048_576
BODY_SECONDS: Final = 20.0
MAX_DISCARDED_BYTES: Final = 16 * MAX_BODY_BYTES


class BodyLimit:
    """Passes requests to an application after reading the body, which is also in the scope.

    Args:
        app: the application.
        max_bytes: size limit of a body.
        seconds: time limit for the whole body.

    Raises:
        HttpError: the body is too large (413) or too slow (408).
    """

    def __init__(
        self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then call the application."""
        for declared in Headers(scope=scope).getlist("content-length"):
            if not declared.isdecimal() or int(declared) > self._max_bytes:
                raise await self._discard_and_refuse(receive)
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._read_body(receive)
        except TimeoutError:
            headers = {"Connection": "close"}
            raise HttpError(408, "The body did not arrive in time.", headers) from None

        if message["type"] != "http.request":
            return  # the client has left, and nobody waits for an answer
        messages = [message]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app({**scope, BODY: message["body"]}, replay, send)

    async def _read_body(self, receive: Receive) -> Message:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                body.clear()
                raise await self._discard_and_refuse(receive)
            if not message.get("more_body", False):
                return {"type": "http.request", "body": bytes(body), "more_body": False}

    async def _discard_and_refuse(self, receive: Receive) -> HttpError:
        """The refusal, after discarding the rest of the body: most clients read only then."""
        discarded = 0
        with anyio.move_on_after(self._seconds):
            while discarded < MAX_DISCARDED_BYTES:
                message = await receive()
                discarded += len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
        return HttpError(
            413, f"A body has at most {self._max_bytes} bytes here.", {"Connection": "close"}
        )
