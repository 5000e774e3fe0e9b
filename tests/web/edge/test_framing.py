"""Where a request ends, against the real server process: nothing is smuggled, all is bounded."""

import re
from collections.abc import Iterator

import pytest

from loyalty_mcp.web.edge.http_protocol import MAX_HEAD_BYTES, MAX_PIPELINED
from tests.web.server_process import ServerProcess, server_process, status_of

HOST = b"Host: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST
POST = b"POST /approvals/login HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HIDDEN = b"GET /ready HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
"""What an attacker hides behind another request."""

LAST_CHUNK = b"0\r\n\r\n"
AMBIGUOUS = {
    "CL.TE": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST_CHUNK,
    "CL.TE, length 0": POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "TE.CL": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + LAST_CHUNK,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\ntoken",
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\ntoken",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\ntoken",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\ntoken",
    "a length with a blank in it": POST + b"Content-Length: 1 0\r\n\r\n",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "a length that overflows": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a blank before the colon of a length": POST + b"Content-Length : 5\r\n\r\ntoken",
    "a blank before the colon of an encoding": POST + b"Transfer-Encoding : chunked\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + LAST_CHUNK,
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + LAST_CHUNK,
    "chunked after a vertical tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + LAST_CHUNK,
    "chunked and a NUL": POST + b"Transfer-Encoding: chunked\x00\r\n\r\n" + LAST_CHUNK,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + LAST_CHUNK,
    "chunked is not the last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + LAST_CHUNK,
    "an encoding that is not decoded": POST
    + b"Transfer-Encoding: gzip, chunked\r\n\r\n"
    + LAST_CHUNK,
    "two encodings": POST
    + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"
    + LAST_CHUNK,
    "chunked twice": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
    + LAST_CHUNK,
    "chunked in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + LAST_CHUNK,
    "a folded header": POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + LAST_CHUNK,
    "a folded length": POST + b"Content-Length:\r\n 5\r\n\r\ntoken",
    "a fold before the first header": GET.replace(b"\r\nHost", b"\r\n Host") + b"\r\n",
    "a bare LF in the head": POST + b"X: a\nTransfer-Encoding: chunked\r\n\r\n" + LAST_CHUNK,
    "a bare LF after the request line": GET.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n") + b"\r\n",
    "a bare LF as the empty line": GET + b"\n",
    "a bare CR in the head": GET + b"X: a\rTransfer-Encoding: chunked\r\n\r\n",
    "CR CR LF": GET + b"X: a\r\r\n\r\n",
    "a bare LF after a chunk size": CHUNKED + b"0\n\n",
    "a bare LF in a chunk extension": CHUNKED + b"1;x\nA\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-1\r\n\r\n",
    "a chunk size with 0x": CHUNKED + b"0x0\r\n\r\n",
    "a chunk size that overflows": CHUNKED + b"10000000000000000\r\n\r\n",
    "a chunk size after a blank": CHUNKED + b" 0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\nAXX0\r\n\r\n",
    "a NUL in a value": GET + b"X: a\x00b\r\n\r\n",
    "a NUL in a name": GET + b"X\x00: a\r\n\r\n",
    "a header without a colon": GET + b"X\r\n\r\n",
    "a header without a name": GET + b": x\r\n\r\n",
    "a blank in a name": GET + b"X Y: x\r\n\r\n",
    "a name that is not ASCII": GET + b"X\xc3\xa9: x\r\n\r\n",
    "an unknown version": GET.replace(b"1.1", b"9.9") + b"\r\n",
    "HTTP/2 without an upgrade": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that closes a connection soon."""
    state = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    with server_process("--header-timeout", "0.5", environment=state) as process:
        yield process


def statuses(answer: bytes) -> list[int]:
    """The statuses of all answers of a connection."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


@pytest.mark.parametrize("request_bytes", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_framing_is_refused(server: ServerProcess, request_bytes: bytes) -> None:
    """One 400 and the end of the connection; what follows is not taken for a request."""
    assert statuses(server.exchange(request_bytes + HIDDEN)) == [400]


@pytest.mark.parametrize(
    "head",
    [GET.replace(HOST, b""), GET + HOST, GET + b"Host: evil.example\r\n"],
    ids=["no Host", "one Host twice", "two Hosts"],
)
def test_a_request_has_exactly_one_host(server: ServerProcess, head: bytes) -> None:
    """None, and more than one even if they agree, get 421."""
    assert statuses(server.exchange(head + b"Connection: close\r\n\r\n")) == [421]


@pytest.mark.parametrize("method", [b"GET", b"POST", b"CONNECT", b"OPTIONS"])
@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
def test_an_upgrade_is_not_offered(server: ServerProcess, method: bytes, protocol: bytes) -> None:
    """The request is answered as any other; what follows in another protocol is not read."""
    head = method + b" /health HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\n"
    websocket = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    upgrade = head + b"Upgrade: " + protocol + b"\r\n" + websocket + b"\r\n"

    assert statuses(server.exchange(upgrade + HIDDEN)) == [200 if method == b"GET" else 405]


@pytest.mark.parametrize(
    "target",
    [
        b"http://evil.example/health",
        b"http://evil.example:80/health",
        b"HTTP://EVIL.EXAMPLE/health",
        b"http://localhost@evil.example/health",
        b"https://evil.example/health",
    ],
)
def test_the_host_of_an_absolute_target_counts(server: ServerProcess, target: bytes) -> None:
    """A target in absolute form names the host, whatever Host says (RFC 9112, section 3.2.2)."""
    request = b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

    assert statuses(server.exchange(request)) == [421]


def test_an_absolute_target_that_names_us_is_answered(server: ServerProcess) -> None:
    """It replaces the Host header, and does not excuse a second one."""
    head = b"GET http://localhost:80/health HTTP/1.1\r\nConnection: close\r\n"

    assert statuses(server.exchange(head + b"Host: evil.example\r\n\r\n")) == [200]
    assert statuses(server.exchange(head + HOST + HOST + b"\r\n")) == [421]


def test_an_error_is_not_the_answer_to_an_earlier_request(server: ServerProcess) -> None:
    """Garbage behind a request that is not yet answered closes the connection without an answer.

    Else the client would take 400 for the outcome of a call that is carried out.
    """
    body = b"token=wrong"
    login = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body

    assert statuses(server.exchange(login + b"GARBAGE\r\n\r\n")) in ([], [401])


def test_trailers_are_no_headers(server: ServerProcess) -> None:
    """What follows a chunked body neither signs in nor names a host (RFC 9110, section 6.5.1)."""
    trailers = b"Host: evil.example\r\nAuthorization: Bearer lmcp_wrong\r\n"
    mcp = CHUNKED.replace(b"/approvals/login", b"/mcp")

    answer = server.exchange(mcp + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n" + HIDDEN)

    assert statuses(answer) == [400, 200]


@pytest.mark.parametrize(
    "part",
    [b"X: y\r\n" * 10_000, b"x" * 60_000, b"X: " + b"y" * 60_000],
    ids=["many trailers", "an endless name", "an endless value"],
)
def test_endless_trailers_are_refused(server: ServerProcess, part: bytes) -> None:
    """More than 64 KiB behind the last chunk end the connection, before memory grows."""
    before = server.resident_bytes()
    answer = server.exchange(CHUNKED + b"0\r\n", *[part] * 200)

    assert statuses(answer) in ([], [431])
    assert server.resident_bytes() - before < 20 * 1_048_576


def test_an_endless_chunk_extension_is_refused(server: ServerProcess) -> None:
    """The same holds for what follows the size of a chunk."""
    answer = server.exchange(CHUNKED + b"1;", *[b"x" * MAX_HEAD_BYTES] * 20)

    assert statuses(answer) in ([], [431])


def test_small_chunks_are_accepted(server: ServerProcess) -> None:
    """A body in chunks of one byte, each with an extension, is read whole."""
    body = b"token=" + b"x" * 5_000
    chunks = b"".join(b"1;extension\r\n%c\r\n" % byte for byte in body)
    answer = server.exchange(CHUNKED + chunks + LAST_CHUNK + HIDDEN)

    assert statuses(answer) == [401, 200]


def test_a_few_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    """A client need not wait for an answer before it asks again."""
    answer = server.exchange((GET + b"\r\n") * (MAX_PIPELINED - 1) + HIDDEN)

    assert statuses(answer) == [200] * MAX_PIPELINED
    assert answer.rindex(b'"upstream"') > answer.rindex(b'{"status":"ok"}')


def test_many_pipelined_requests_do_not_grow_the_memory(server: ServerProcess) -> None:
    """A connection with too many requests that wait is closed, however small they are."""
    before = server.resident_bytes()
    flood = b"GET / HTTP/1.1\r\nHost:a\r\n\r\n" * 9_000
    for _ in range(10):
        answer = server.exchange(flood)
        assert len(statuses(answer)) <= MAX_PIPELINED

    assert server.resident_bytes() - before < 20 * 1_048_576


def test_a_client_that_leaves_is_no_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A body that is broken off leaves no stack trace in the log."""
    state = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    with server_process(environment=state) as server:
        for path in (b"/approvals/login", b"/mcp"):
            with server.connect() as connection:
                head = POST.replace(b"/approvals/login", path)
                connection.sendall(head + b"Content-Length: 100\r\n\r\ntoken=")
        assert status_of(server.exchange(HIDDEN)) == 200
        server.stop()

    assert "Traceback" not in "".join(server.log)
