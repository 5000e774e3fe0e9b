"""Bounds on heads, waiting times and connections, against the real server process."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loyalty_mcp.web.edge.http_protocol import MAX_HEAD_BYTES
from tests.web.conftest import INITIALIZE
from tests.web.server_process import ServerProcess, answer_to, server_process, status_of

HOST = b"Host: localhost\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n" + HOST
LARGE = MAX_HEAD_BYTES + 1
OTHER = "127.0.0.2"
"""Another address of this machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with few connections."""
    state = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    bounds = ("--max-connections", "40", "--max-connections-per-address", "30")
    with server_process(*bounds, environment=state) as process:
        yield process


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a short deadline for heads."""
    state = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    with server_process("--header-timeout", "0.5", environment=state) as process:
        yield process


def is_answered(server: ServerProcess, source: str = "127.0.0.1") -> bool:
    """Whether a client from an address gets its answer."""
    with server.connect(source) as connection:
        return status_of(answer_to(connection, HEALTH + b"Connection: close\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "head",
    [
        HEALTH + b"X: " + b"x" * LARGE + b"\r\n\r\n",
        HEALTH + b"X: x\r\n" * LARGE + b"\r\n",
        HEALTH + b"x" * LARGE,
        HEALTH + b"X: " + b"x" * (32 * 1_048_576) + b"\r\n\r\n",
        b"\r\n" * LARGE + HEALTH + b"\r\n",
    ],
    ids=["one header", "many headers", "a header name", "32 MiB", "empty lines"],
)
def test_large_headers_are_refused(server: ServerProcess, head: bytes) -> None:
    """Headers over 64 KiB get 431."""
    assert status_of(server.exchange(head)) == 431


@pytest.mark.parametrize("size", [LARGE, 32 * 1_048_576], ids=["64 KiB", "32 MiB"])
@pytest.mark.parametrize("path", [b"/health?", b"/mcp/", b"/nowhere/"])
def test_a_long_url_is_refused(server: ServerProcess, path: bytes, size: int) -> None:
    """A URL over 64 KiB gets 414."""
    head = b"GET " + path + b"x" * size + b" HTTP/1.1\r\n" + HOST + b"\r\n"

    assert status_of(server.exchange(head)) == 414


def test_a_large_head_is_accepted_below_the_bound(server: ServerProcess) -> None:
    """Headers of 60 KiB are answered."""
    head = HEALTH + b"X: " + b"x" * 60_000 + b"\r\nConnection: close\r\n\r\n"

    assert status_of(server.exchange(head)) == 200


def test_the_second_request_of_a_connection_is_bounded_too(server: ServerProcess) -> None:
    """Each head of a connection is counted anew, and bounded."""
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(HEALTH + b"X: " + b"x" * 40_000 + b"\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += connection.recv(65_536)
        refused = answer_to(connection, HEALTH + b"X: " + b"x" * LARGE)

    assert status_of(refused) == 431


def test_large_heads_do_not_grow_the_memory(server: ServerProcess) -> None:
    """Twenty URLs of 8 MiB at once take less than 30 MiB."""
    assert is_answered(server)
    before = server.resident_bytes()
    head = b"GET /" + b"x" * (8 * 1_048_576)
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect(OTHER)) for _ in range(20)]
        answers = [answer_to(connection, head) for connection in connections]

    assert {status_of(answer) for answer in answers} == {414}
    assert server.resident_bytes() - before < 30 * 1_048_576


@pytest.mark.parametrize(
    "begun",
    [b"", b"G", b"GET /health HTTP/1.1\r\n", HEALTH, HEALTH + b"X: "],
    ids=["nothing", "a letter", "a request line", "a header", "half a header"],
)
def test_an_unfinished_head_is_closed(impatient: ServerProcess, begun: bytes) -> None:
    """A head that does not arrive in time gets 408; a connection without any is closed."""
    assert status_of(impatient.exchange(begun)) == (408 if begun else 0)


@pytest.mark.parametrize("parts", [[HEALTH + b"\r\n" + HEALTH], [HEALTH + b"\r\n", HEALTH]])
def test_an_unfinished_second_head_is_closed(impatient: ServerProcess, parts: list[bytes]) -> None:
    """A connection that was answered before has the same deadline for its next head."""
    answer = impatient.exchange(*parts)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answer


def test_unfinished_connections_do_not_lock_others_out(server: ServerProcess) -> None:
    """While one address fills all its connections, another is answered, again and again."""
    with ExitStack() as stack:
        for _ in range(200):
            connection = stack.enter_context(server.connect(OTHER))
            connection.sendall(HEALTH)
        assert all(is_answered(server) for _ in range(10))
        assert all(is_answered(server, OTHER) for _ in range(10))


def test_an_address_has_a_bounded_number_of_connections(server: ServerProcess) -> None:
    """Of fifty connections from one address thirty stay open, and the oldest are closed."""
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect(OTHER)) for _ in range(50)]
        assert is_answered(server)  # so all fifty have been accepted by now
        request = HEALTH + b"Connection: close\r\n\r\n"
        statuses = [status_of(answer_to(connection, request)) for connection in connections]

    assert statuses == [0] * 20 + [200] * 30


def test_a_request_being_answered_is_not_cut_off(server: ServerProcess) -> None:
    """A connection whose request has arrived is not closed to make room for others."""
    post = b"POST /mcp HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    accept = b"Accept: application/json, text/event-stream\r\n"
    body = json.dumps(INITIALIZE).encode()
    opening = post + accept + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    session = re.findall(rb"mcp-session-id: (\w+)", server.exchange(opening + body))[0]
    with server.connect(OTHER) as listening, ExitStack() as stack:
        listening.sendall(
            b"GET /mcp HTTP/1.1\r\n" + HOST + accept + b"Mcp-Session-Id: " + session + b"\r\n\r\n"
        )
        assert status_of(listening.recv(65_536)) == 200
        for _ in range(100):
            stack.enter_context(server.connect(OTHER))
        assert is_answered(server)  # so all have been accepted by now
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.recv(1)


@pytest.mark.parametrize("path", [b"/approvals/login", b"/mcp", b"/nowhere"])
def test_unfinished_bodies_do_not_lock_others_out(server: ServerProcess, path: bytes) -> None:
    """A connection whose request is still arriving is closed to make room, head or body."""
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\ntoken="
    with ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(server.connect(f"127.0.0.{2 + number % 4}"))
            connection.sendall(head)
        assert all(is_answered(server) for _ in range(10))
        assert all(is_answered(server, OTHER) for _ in range(10))
