"""The transport: few connections, complete answers, and no request sent twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx2
import pytest

from loyalty_mcp.brevo import transport
from loyalty_mcp.brevo.transport import LeanTransport
from tests.brevo.certificates import make_certificate

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Upstream:
    """A server that counts connections, can delay answers, and answers as told."""

    def __init__(self) -> None:
        self.connections = 0
        self.asked = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.port = 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.answer = OK
        self.hangs_up = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every request of a connection."""
        self.connections += 1
        self.writers.append(writer)
        while await self._read(reader):
            self.asked.release()
            if b" /v3/wait " in self.heads[-1]:
                await self.go.wait()
            writer.write(self.answer)
            if self.hangs_up:
                break
        writer.close()

    async def end(self) -> None:
        """Release all waiting requests, and close every connection."""
        self.go.set()
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.bodies.append(await reader.readexactly(int(size or 0)))
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        self.heads.append(head)
        return True


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A server of a few lines on a free port."""
    found = Upstream()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await found.end()


@pytest.fixture
async def http(upstream: Upstream) -> AsyncIterator[httpx2.AsyncClient]:
    """A client over the transport."""
    async with client(f"http://127.0.0.1:{upstream.port}/v3") as found:
        yield found


def client(url: str, connections: int = 64, **timeouts: float) -> httpx2.AsyncClient:
    """A client with its own transport; timeouts are ten seconds unless given."""
    return httpx2.AsyncClient(
        base_url=url,
        headers={"accept-encoding": "identity"},
        timeout=httpx2.Timeout(**{"timeout": 10.0, **timeouts}),
        transport=LeanTransport(url, connections=connections),
    )


def lean(http: httpx2.AsyncClient) -> LeanTransport:
    """The transport of a client."""
    assert isinstance(http._transport, LeanTransport)
    return http._transport


# What is sent


async def test_a_read(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """A read is sent as the client made it, with every header once."""
    response = await http.get("/contacts/a%2Fb%40c?limit=5", headers={"api-key": "k"})

    head = upstream.heads[0].decode().lower().split("\r\n")
    assert head[0] == "get /v3/contacts/a%2fb%40c?limit=5 http/1.1"
    assert head[1:-2] == [f"{name}: {value}" for name, value in response.request.headers.items()]
    assert f"host: 127.0.0.1:{upstream.port}" in head
    assert "api-key: k" in head


async def test_a_change(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """A change is sent with its body and the body's length."""
    await http.post("/things", content=b'{"a":1}')
    await http.post("/things/publish")
    await http.delete("/things/1")

    assert upstream.bodies == [b'{"a":1}', b"", b""]
    assert b"content-length: 7\r\n" in upstream.heads[0].lower()
    assert b"content-length: 0\r\n" in upstream.heads[1].lower()


async def test_another_origin_is_refused(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Nothing is sent to an origin that the transport was not created for."""
    with pytest.raises(httpx2.UnsupportedProtocol):
        await http.get(f"http://localhost:{upstream.port}/v3")
    with pytest.raises(httpx2.UnsupportedProtocol):
        await http.get(f"https://127.0.0.1:{upstream.port}/v3")

    assert upstream.connections == 0


# Connections


async def test_one_after_the_other(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Requests that follow one another share a connection."""
    for _ in range(5):
        assert (await http.get("/")).content == b"ok"

    assert upstream.connections == 1


async def test_at_once(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Simultaneous requests have separate connections, which later requests reuse."""
    tasks = [asyncio.create_task(http.get("/wait")) for _ in range(5)]
    for _ in range(5):
        await upstream.asked.acquire()
    upstream.go.set()
    await asyncio.gather(*tasks)
    await asyncio.gather(*(http.get("/") for _ in range(5)))

    assert upstream.connections == 5


async def test_a_connection_that_was_idle_too_long_is_not_used(
    upstream: Upstream, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may close an idle connection as a change is sent, so old ones are not reused."""
    await http.get("/")
    monkeypatch.setattr(transport, "IDLE_SECONDS", 0.0)
    await http.get("/")

    assert upstream.connections == 2


async def test_a_connection_that_was_closed_is_not_used(
    upstream: Upstream, http: httpx2.AsyncClient
) -> None:
    """A connection that the server closed while idle does not lose a request."""
    await http.get("/")
    (connection,) = lean(http)._open
    upstream.writers[0].close()
    await connection.closed.wait()

    assert (await http.get("/")).content == b"ok"
    assert upstream.connections == 2


async def test_a_cancelled_request(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """The answer to a cancelled request is not used for the next one."""
    task = asyncio.create_task(http.get("/wait"))
    await upstream.asked.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await http.get("/")).content == b"ok"
    assert upstream.connections == 2


async def test_nothing_stays_open(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Closing closes every connection, a busy one included."""
    task = asyncio.create_task(http.get("/wait"))
    await upstream.asked.acquire()
    await lean(http).aclose()

    with pytest.raises(httpx2.RemoteProtocolError):
        await task
    assert lean(http)._open == set()


async def test_nobody_listens(upstream: Upstream, http: httpx2.AsyncClient) -> None:
    """Without a connection nothing was sent, and the error says so."""
    async with client("http://127.0.0.1:1") as nobody:
        with pytest.raises(httpx2.ConnectError):
            await nobody.post("/x", content=b"{}")
    assert upstream.heads == []
    assert repr(lean(http)) == f"LeanTransport('http://127.0.0.1:{upstream.port}')"


async def test_connections_are_bounded(upstream: Upstream) -> None:
    """If every connection is busy, a request waits for one, but not forever."""
    async with client(f"http://127.0.0.1:{upstream.port}/v3", connections=2, pool=0.01) as http:
        busy = [asyncio.create_task(http.get("/wait")) for _ in range(2)]
        for _ in range(2):
            await upstream.asked.acquire()
        with pytest.raises(httpx2.PoolTimeout):
            await http.post("/late", content=b"{}")
        waiting = asyncio.create_task(http.get("/", timeout=10))
        upstream.go.set()
        await asyncio.gather(*busy, waiting)

    assert upstream.connections == 2
    assert not any(b"/late" in head for head in upstream.heads)


async def test_a_connection_that_is_closing_is_not_written_to(
    upstream: Upstream, http: httpx2.AsyncClient
) -> None:
    """A request for a connection that has just ended was never sent."""
    await http.get("/")
    (connection,) = lean(http)._open
    connection.close()

    with pytest.raises(httpx2.ConnectError):
        await connection.send(b"POST / HTTP/1.1\r\n\r\n")
    assert len(upstream.heads) == 1


# What is answered


@pytest.mark.parametrize(
    ("wire", "status", "content", "connections"),
    [
        pytest.param(OK, 200, b"ok", 1, id="length"),
        pytest.param(
            b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            201,
            b"ok",
            1,
            id="chunks",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", 1, id="none"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", 1, id="informational"),
        pytest.param(
            b"HTTP/1.1 500 No\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
            500,
            b"ok",
            2,
            id="closing",
        ),
    ],
)
async def test_answers(
    upstream: Upstream,
    http: httpx2.AsyncClient,
    wire: bytes,
    status: int,
    content: bytes,
    connections: int,
) -> None:
    """An answer is read to its end, and the connection is reused if that is allowed."""
    upstream.answer = wire
    for _ in range(2):
        answer = await http.get("/")
        assert (answer.status_code, answer.content) == (status, content)

    assert upstream.connections == connections


async def test_an_answer_that_ends_with_its_connection(
    upstream: Upstream, http: httpx2.AsyncClient
) -> None:
    """An answer without a length is complete when the server closes."""
    upstream.answer, upstream.hangs_up = b"HTTP/1.1 200 OK\r\nX-Name:  Value \r\n\r\nok", True

    answer = await http.get("/")
    assert (answer.content, answer.headers["x-name"]) == (b"ok", "Value")


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nok", id="chunk"),
        pytest.param(b"220 smtp.example.com ready\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="informational"),
        pytest.param(
            b"HTTP/1.1 101 No\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", id="another protocol"
        ),
    ],
)
async def test_a_lost_answer(upstream: Upstream, http: httpx2.AsyncClient, wire: bytes) -> None:
    """A truncated or invalid answer is lost; the next request gets its own."""
    upstream.answer, upstream.hangs_up = wire, True
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.get("/")
    upstream.answer, upstream.hangs_up = OK, False

    assert (await http.get("/")).content == b"ok"
    assert upstream.connections == 2


async def test_an_answer_that_is_too_large(
    upstream: Upstream, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless answer does not fill the memory."""
    monkeypatch.setattr(transport, "LARGEST_BODY", 1)

    with pytest.raises(httpx2.RemoteProtocolError):
        await http.get("/")
    assert upstream.connections == 1


async def test_an_answer_that_no_request_asked_for(
    upstream: Upstream, http: httpx2.AsyncClient
) -> None:
    """Data without a request is not used as the answer to the next."""
    upstream.answer = OK + OK
    assert (await http.get("/")).content == b"ok"
    upstream.answer = b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno"

    assert (await http.get("/")).content == b"no"
    assert upstream.connections == 2


# Who answers


@pytest.mark.parametrize(("address", "good"), [("127.0.0.1", True), ("127.0.0.9", False)])
async def test_the_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, *, good: bool
) -> None:
    """Over HTTPS a server proves its name before anything is sent to it."""
    upstream = Upstream()
    file = tmp_path / "certificate.pem"
    tls = make_certificate(file, address)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    http = client(f"https://127.0.0.1:{port}")
    try:
        if good:
            assert (await http.get("/")).content == b"ok"
        else:
            with pytest.raises(httpx2.ConnectError):
                await http.get("/")
            assert upstream.heads == []
    finally:
        await http.aclose()
        server.close()
        await upstream.end()


async def test_a_connection_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not open in time was never used."""
    taken = anyio.Event()

    async def silent(*_args: object, **_kwargs: object) -> None:
        await taken.wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", silent)
    async with client("http://127.0.0.1:9", connect=0.01) as http:
        with pytest.raises(httpx2.ConnectTimeout):
            await http.post("/", content=b"{}")
