"""Listening streams: told to end, each ends whole, whoever ended it."""

from typing import Any

import anyio
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.http_errors import Refusal
from loyalty_mcp.web.edge.open_streams import Streams

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"part", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


async def nothing() -> Any:
    """Nobody sends anything."""
    await anyio.sleep_forever()


async def answered(app: ASGIApp) -> list[Message]:
    """What an application sends to a GET."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET"}, nothing, send)
    return sent


async def test_a_stream_that_is_ended_ends_whole() -> None:
    """Told to end, an open stream gets its last part."""
    streams = Streams()

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send(START)
        await send(PART)
        streams.end()
        await anyio.sleep_forever()

    assert await answered(streams.watching(listening)) == [START, PART, END]


async def test_a_stream_that_was_left_open_ends_whole() -> None:
    """An application that returns without an end of its own is given one."""

    async def left(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send(START)
        await send(PART)

    assert await answered(Streams().watching(left)) == [START, PART, END]


async def test_what_ended_by_itself_is_left_alone() -> None:
    """An answer that is whole gets nothing more."""

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI
        await send(START)
        await send(END)

    assert await answered(Streams().watching(whole)) == [START, END]


async def test_what_begins_too_late_is_refused() -> None:
    """After the end no stream begins."""
    streams = Streams()
    streams.end()

    with pytest.raises(Refusal, match="ending"):
        await answered(streams.watching(lambda *_: anyio.sleep_forever()))
