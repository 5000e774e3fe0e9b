"""Event streams are closed with a complete response."""

from typing import Any

import anyio
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.http_errors import HttpError
from loyalty_mcp.web.edge.open_streams import OpenStreams

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"part", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


async def nothing() -> Any:
    """Nothing ever arrives."""
    await anyio.sleep_forever()


async def answered(app: ASGIApp) -> list[Message]:
    """What an application sends in answer to a GET."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET"}, nothing, send)
    return sent


async def test_a_closed_stream_gets_its_last_part() -> None:
    """An open stream that is closed gets its last body part."""
    streams = OpenStreams()

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send(START)
        await send(PART)
        streams.close_all()
        await anyio.sleep_forever()

    assert await answered(streams.track(listening)) == [START, PART, END]


async def test_an_unfinished_stream_gets_its_last_part() -> None:
    """If the application returns without a last body part, one is sent."""

    async def left(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send(START)
        await send(PART)

    assert await answered(OpenStreams().track(left)) == [START, PART, END]


async def test_a_finished_stream_gets_nothing_more() -> None:
    """A complete response is left as it is."""

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send(START)
        await send(END)

    assert await answered(OpenStreams().track(whole)) == [START, END]


async def test_a_stream_after_shutdown_is_refused() -> None:
    """After `close_all`, a new stream gets 503."""
    streams = OpenStreams()
    streams.close_all()

    with pytest.raises(HttpError, match="shutting down"):
        await answered(streams.track(lambda *_: anyio.sleep_forever()))
