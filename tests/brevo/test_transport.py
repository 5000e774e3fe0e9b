"""Lanes: as many connections as were ever busy at once, and none lost to a bad answer."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from loyalty_mcp.brevo import transport
from loyalty_mcp.brevo.exchange import AnswerLost, HttpAnswer, NeverSent
from loyalty_mcp.brevo.transport import LeanTransport

CANARY = "xkeysib-canary-7f3a"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Upstream:
    """A server that counts connections, keeps who asks to wait, and answers as told."""

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
        """Let everybody who waits go, and close every connection."""
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
async def http(upstream: Upstream) -> AsyncIterator[LeanTransport]:
    """Lanes to it."""
    found = LeanTransport(f"http://127.0.0.1:{upstream.port}/v3", CANARY, connecting=10)
    yield found
    await found.aclose()


async def got(http: LeanTransport, target: str = "/") -> HttpAnswer:
    """What a read is answered."""
    return await http.send("GET", target, None)


# What is sent


async def test_a_read(upstream: Upstream, http: LeanTransport) -> None:
    """A read goes out with the host and the key, below the API root."""
    await got(http, "/contacts?limit=5")

    head = upstream.heads[0].decode().split("\r\n")
    assert head[0] == "GET /v3/contacts?limit=5 HTTP/1.1"
    assert set(head[1:]) - {""} == {
        f"host: 127.0.0.1:{upstream.port}",
        f"api-key: {CANARY}",
        "accept: application/json",
    }


async def test_a_change(upstream: Upstream, http: LeanTransport) -> None:
    """A change has its body and the body's length, or says that there is none."""
    await http.send("POST", "/things", b'{"a":1}')
    await http.send("DELETE", "/things/1", None)

    assert upstream.bodies == [b'{"a":1}', b""]
    assert b"content-type: application/json\r\ncontent-length: 7\r\n" in upstream.heads[0]
    assert b"content-length: 0\r\n" in upstream.heads[1]


# Connections


async def test_one_after_the_other(upstream: Upstream, http: LeanTransport) -> None:
    """Requests that follow one another share a connection."""
    for _ in range(5):
        assert (await got(http)).content == b"ok"

    assert upstream.connections == 1


async def test_at_once(upstream: Upstream, http: LeanTransport) -> None:
    """Requests at once have a connection each, which later ones use again."""
    tasks = [asyncio.create_task(got(http, "/wait")) for _ in range(5)]
    for _ in range(5):
        await upstream.asked.acquire()
    upstream.go.set()
    await asyncio.gather(*tasks)
    await asyncio.gather(*(got(http) for _ in range(5)))

    assert upstream.connections == 5


async def test_a_connection_that_rested_is_not_used(
    upstream: Upstream, http: LeanTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side may close it just as a change is sent: nobody could tell what became of it."""
    await got(http)
    monkeypatch.setattr(transport, "IDLE_SECONDS", 0.0)
    await got(http)

    assert upstream.connections == 2


async def test_a_connection_that_was_closed_is_not_used(
    upstream: Upstream, http: LeanTransport
) -> None:
    """A connection that the other side closed while nobody used it costs no request."""
    await got(http)
    (connection,) = http._open
    upstream.writers[0].close()
    await connection.gone.wait()

    assert (await got(http)).content == b"ok"
    assert upstream.connections == 2


async def test_a_request_given_up(upstream: Upstream, http: LeanTransport) -> None:
    """The answer to a request that was given up is nobody else's."""
    task = asyncio.create_task(got(http, "/wait"))
    await upstream.asked.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await got(http)).content == b"ok"
    assert upstream.connections == 2


async def test_nothing_stays_open(upstream: Upstream, http: LeanTransport) -> None:
    """Closing closes every connection, a busy one included."""
    task = asyncio.create_task(got(http, "/wait"))
    await upstream.asked.acquire()
    await http.aclose()

    with pytest.raises(AnswerLost):
        await task
    assert http._open == set()


async def test_nobody_listens(upstream: Upstream, http: LeanTransport) -> None:
    """Without a connection nothing was sent, and that is known."""
    with pytest.raises(NeverSent):
        await LeanTransport("http://127.0.0.1:1", CANARY, connecting=10).send("POST", "/x", b"{}")
    assert upstream.heads == []
    assert repr(http) == "LeanTransport('127.0.0.1')"


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
    http: LeanTransport,
    wire: bytes,
    status: int,
    content: bytes,
    connections: int,
) -> None:
    """An answer is read to its end, and the connection is used again where that is allowed."""
    upstream.answer = wire
    for _ in range(2):
        answer = await got(http)
        assert (answer.status, answer.content) == (status, content)

    assert upstream.connections == connections


async def test_an_answer_that_ends_with_its_connection(
    upstream: Upstream, http: LeanTransport
) -> None:
    """Without a length an answer is whole when the other side closes."""
    upstream.answer, upstream.hangs_up = b"HTTP/1.1 200 OK\r\nX-Name:  Value \r\n\r\nok", True

    answer = await got(http)
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
async def test_a_lost_answer(upstream: Upstream, http: LeanTransport, wire: bytes) -> None:
    """An answer that ends too early, or is none, is lost; the next request has its own."""
    upstream.answer, upstream.hangs_up = wire, True
    with pytest.raises(AnswerLost):
        await got(http)
    upstream.answer, upstream.hangs_up = OK, False

    assert (await got(http)).content == b"ok"
    assert upstream.connections == 2


async def test_an_answer_that_is_too_large(
    upstream: Upstream, http: LeanTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer without end does not fill the memory."""
    monkeypatch.setattr(transport, "LARGEST", 1)

    with pytest.raises(AnswerLost):
        await got(http)
    assert upstream.connections == 1


async def test_an_answer_to_nobody(upstream: Upstream, http: LeanTransport) -> None:
    """What comes without a question is taken for no later question's answer."""
    upstream.answer = OK + OK
    assert (await got(http)).content == b"ok"
    upstream.answer = b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno"

    assert (await got(http)).content == b"no"
    assert upstream.connections == 2


# Who answers


Certified = Callable[[str], ssl.SSLContext]


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certified:
    """Makes a certificate for an address, trusted in this test alone."""

    def certificate(address: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        file = tmp_path / "certificate.pem"
        file.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    return certificate


@pytest.mark.parametrize(("address", "good"), [("127.0.0.1", True), ("127.0.0.9", False)])
async def test_the_key_is_told_to_nobody_else(
    certified: Certified, address: str, *, good: bool
) -> None:
    """By HTTPS the other side has to prove its name before a request leaves."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=certified(address))
    port = server.sockets[0].getsockname()[1]
    http = LeanTransport(f"https://127.0.0.1:{port}", CANARY, connecting=10)
    try:
        if good:
            assert (await got(http)).content == b"ok"
        else:
            with pytest.raises(NeverSent):
                await got(http)
            assert upstream.heads == []
    finally:
        await http.aclose()
        server.close()
        await upstream.end()


async def test_who_does_not_take_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not had in time was never used."""
    taken = anyio.Event()

    async def silent(*_args: object, **_kwargs: object) -> None:
        await taken.wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", silent)
    with pytest.raises(NeverSent):
        await LeanTransport("http://127.0.0.1:9", CANARY, connecting=0.01).send("POST", "/", b"{}")
