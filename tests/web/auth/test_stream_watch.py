"""An event stream ends when its caller's token stops working."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import anyio
import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from loyalty_mcp.intents.principal import LOCAL, Principal
from loyalty_mcp.intents.roles import Role
from loyalty_mcp.web.auth.stream_watch import UNCHECKED_SECONDS, StreamWatch
from loyalty_mcp.web.edge.http_errors import HttpError
from loyalty_mcp.web.edge.open_streams import OpenStreams
from tests.web.auth.test_oauth import OAUTH, Issuer
from tests.web.conftest import INITIALIZE, Clock, RunningServer, Serve, in_seconds

ACCEPT = {"accept": "application/json, text/event-stream"}


async def short_pause(_seconds: float) -> None:
    """Takes the place of the seconds between two checks."""
    await anyio.sleep(0.01)


@asynccontextmanager
async def listening(server: RunningServer, token: str | None) -> AsyncIterator[httpx2.Response]:
    """The event stream of a new session."""
    async with server.http(token, headers=ACCEPT) as http:
        session = (await http.post("/mcp", json=INITIALIZE)).headers["mcp-session-id"]
        async with http.stream("GET", "/mcp", headers={"mcp-session-id": session}) as stream:
            assert stream.status_code == 200
            yield stream


async def ends(stream: httpx2.Response) -> bool:
    """Read a stream until it ends; fails after some seconds if it does not."""
    with anyio.fail_after(10):
        return [part async for part in stream.aiter_raw()] == []


async def status_of_next_request(stream: httpx2.Response, server: RunningServer) -> int:
    """What the same caller's next request gets."""
    async with server.http(headers=dict(stream.request.headers)) as http:
        return (await http.get("/mcp")).status_code


async def test_the_stream_of_a_revoked_token_ends(serve: Serve) -> None:
    """It ends complete, and the streams of other tokens stay open."""
    async with serve(options={"stream_pause": short_pause}) as server, AsyncExitStack() as stack:
        one, two = await server.token("one", operator=True), await server.token("two")
        revoked = await stack.enter_async_context(listening(server, one))
        kept = await stack.enter_async_context(listening(server, two))
        await server.runtime.context.journal.open().tokens.revoke("one", datetime.now(UTC))

        assert await ends(revoked)
        assert await status_of_next_request(revoked, server) == 401
        with anyio.move_on_after(0.1) as waited:
            await ends(kept)
        assert waited.cancelled_caught


async def test_the_stream_of_an_expired_token_ends(serve: Serve) -> None:
    """A static token that expires while its holder listens ends the stream."""
    async with serve(options={"stream_pause": short_pause}) as server:
        token = await server.token("short", expires=in_seconds(0.5))
        async with listening(server, token) as stream:
            assert await ends(stream)
            assert await status_of_next_request(stream, server) == 401


async def test_the_stream_of_an_expired_access_token_ends(serve: Serve) -> None:
    """An OAuth token that expires while its holder listens ends the stream."""
    issuer = Issuer()
    options = {"stream_pause": short_pause, "jwks_http": issuer.http()}
    async with serve(options=options, **OAUTH) as server:
        # Thirty seconds of leeway belong to the expiry.
        token = issuer.token(exp=in_seconds(-28.5))
        async with listening(server, token) as stream:
            assert await ends(stream)
            assert await status_of_next_request(stream, server) == 401


async def test_the_first_token_ends_the_streams_of_callers_without_one(serve: Serve) -> None:
    """As soon as a token exists, nobody listens without one."""
    async with (
        serve(options={"stream_pause": short_pause}) as server,
        listening(server, None) as stream,
    ):
        await server.token("first")

        assert await ends(stream)


class Verification:
    """Takes the place of the authenticator: lets everybody in while it has no error."""

    def __init__(self) -> None:
        self.error: HttpError | None = None

    async def __call__(self, _scope: Scope) -> Principal:
        """Let in, or refuse."""
        if self.error is not None:
            raise self.error
        return Principal(LOCAL, Role.FULL)


@asynccontextmanager
async def one_open(streams: OpenStreams) -> AsyncIterator[None]:
    """A stream that is open until it is closed."""
    opened = anyio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        opened.set()
        await anyio.sleep_forever()

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(_message: Message) -> None:
        pass

    async def run() -> None:
        await streams.track(app)({"type": "http", "method": "GET"}, receive, send)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await opened.wait()
        yield
        group.cancel_scope.cancel()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_ends_a_stream_at_the_next_check(status: int) -> None:
    """One check is enough."""
    streams, verify = OpenStreams(), Verification()
    watch = StreamWatch(streams, verify, clock=Clock())
    async with one_open(streams):
        await watch.check()
        before = len(streams.current())
        verify.error = HttpError(status, "no")
        await watch.check()
        await anyio.wait_all_tasks_blocked()

    assert (before, len(streams.current())) == (1, 0)


async def test_a_stream_whose_token_cannot_be_checked_ends_after_a_while() -> None:
    """While nobody can tell, it stays open for half a minute; a good check begins that anew."""
    clock, streams, verify = Clock(), OpenStreams(), Verification()
    watch = StreamWatch(streams, verify, clock=clock)

    async def open_after(seconds: float, error: HttpError | None) -> int:
        clock.now += seconds
        verify.error = error
        await watch.check()
        await anyio.wait_all_tasks_blocked()
        return len(streams.current())

    unavailable = HttpError(503, "nobody can tell")
    async with one_open(streams):
        assert await open_after(0, unavailable) == 1
        assert await open_after(UNCHECKED_SECONDS - 1, unavailable) == 1
        assert await open_after(0, None) == 1
        assert await open_after(2, unavailable) == 1
        assert await open_after(UNCHECKED_SECONDS - 1, unavailable) == 1
        assert await open_after(1, unavailable) == 0
