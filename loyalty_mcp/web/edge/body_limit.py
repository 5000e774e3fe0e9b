"""The body of a request: read whole before it is looked at, up to a size and a time."""

import asyncio
from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.headers import valued
from loyalty_mcp.web.edge.http_errors import Refusal

BODY: Final = "loyalty_mcp.body"
"""The key in the scope of a request under which its body stands."""

LARGEST: Final = 1_048_576
SLOWEST_SECONDS: Final = 20.0
DROPPED: Final = 16 * LARGEST


class BoundedBody:
    """Hands an application its request with the body already there, and in the scope too.

    Args:
        app: gets it.
        largest: bytes.
        seconds: that the whole body may take.

    Raises:
        Refusal: it is larger (413), or slower (408).
    """

    def __init__(
        self, app: ASGIApp, *, largest: int = LARGEST, seconds: float = SLOWEST_SECONDS
    ) -> None:
        self._app = app
        self._largest = largest
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then let the application answer."""
        for declared in valued(scope, b"content-length"):
            if not declared.isdecimal() or int(declared) > self._largest:
                raise await self._too_large(receive)
        try:
            async with asyncio.timeout(self._seconds):
                messages = [await self._whole(receive)]
        except TimeoutError:
            headers = {"Connection": "close"}
            raise Refusal(408, "The body did not arrive in time.", headers) from None

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app({**scope, BODY: messages[0].get("body", b"")}, replay, send)

    async def _whole(self, receive: Receive) -> Message:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            if len(body) > self._largest:
                body.clear()
                raise await self._too_large(receive)
            if not message.get("more_body", False):
                return {"type": "http.request", "body": bytes(body), "more_body": False}

    async def _too_large(self, receive: Receive) -> Refusal:
        """The refusal, once some more was read and dropped: who is cut off may not see it."""
        dropped = 0
        with anyio.move_on_after(self._seconds):
            while dropped < DROPPED:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
        return Refusal(
            413, f"A body has at most {self._largest} bytes here.", {"Connection": "close"}
        )
