"""Lines of input that are not quite right are read, or answered."""

import json
from typing import Any

import mcp_types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.server.message_lines import messages_in

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def call(argument: str) -> bytes:
    """A call of a tool whose argument stands in the line as it is."""
    text = (
        '{"jsonrpc": "2.0", "id": 7, "method": "tools/call", '
        f'"params": {{"name": "find_member", "arguments": {{"member": {argument}}}}}}}'
    )
    return text.encode("utf-8", "surrogatepass")


def argument_of(message: str | types.JSONRPCError) -> Any:
    """The argument of such a call."""
    assert isinstance(message, str)
    return json.loads(message)["params"]["arguments"]["member"]


def test_a_good_line_is_one_message() -> None:
    """A message passes as it was sent."""
    line = json.dumps(PING)

    assert messages_in(line.encode()) == [line]


@pytest.mark.parametrize(
    ("argument", "read"),
    [
        pytest.param('"\\ud83d"', "\ufffd", id="first half, escaped"),
        pytest.param('"a\\udc4d b"', "a\ufffd b", id="second half, escaped"),
        pytest.param('"\\udc4d\\ud83d"', "\ufffd\ufffd", id="halves in the wrong order"),
        pytest.param('"\ud83d"', "\ufffd\ufffd\ufffd", id="half, as bytes of UTF-8"),
        pytest.param('"\\ud83d\\udc4d \\ud83d"', "👍 \ufffd", id="one whole and one half"),
    ],
)
def test_half_an_emoji_is_read_as_the_replacement_character(argument: str, read: str) -> None:
    """A text that was cut inside a surrogate pair does not lose the whole call."""
    (message,) = messages_in(call(argument))

    assert argument_of(message) == read


@pytest.mark.parametrize("argument", ['"👍"', '"\\ud83d\\udc4d"', '"é"', '"e\\u0301"'])
def test_whole_characters_are_not_touched(argument: str) -> None:
    """What can be read is read as it is."""
    (message,) = messages_in(call(argument))

    assert argument_of(message) == json.loads(argument)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"  ", b"\t"])
@pytest.mark.parametrize("end", [b"", b"\r", b" \r"])
def test_a_byte_order_mark_and_blanks_do_not_matter(mark: bytes, end: bytes) -> None:
    """Some runtimes begin a stream with a mark, and some end lines with a carriage return."""
    line = json.dumps(PING)

    assert messages_in(mark + line.encode() + end) == [line]


@pytest.mark.parametrize("line", [b"", b" ", b"\r", b"\xef\xbb\xbf"])
def test_an_empty_line_is_no_message(line: bytes) -> None:
    """It asks nothing, so it is not answered."""
    assert messages_in(line) == []


def test_a_batch_is_its_messages() -> None:
    """Each message of a batch is answered alone; one that is none does not stop the others."""
    batch = [PING, 5, {**PING, "id": 2}]
    first, wrong, last = messages_in(json.dumps(batch).encode())

    assert isinstance(wrong, types.JSONRPCError)
    assert [json.loads(str(first)), json.loads(str(last))] == [batch[0], batch[2]]


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        pytest.param(b"hello", -32700, None, id="garbage"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": "pi', -32700, None, id="cut"),
        pytest.param("ping".encode("utf-16"), -32700, None, id="another encoding"),
        pytest.param(b"[" * 100_000, -32700, None, id="nested without end"),
        pytest.param(b"5", -32600, None, id="a number"),
        pytest.param(b"[]", -32600, None, id="an empty batch"),
        pytest.param(b'{"id": 3, "method": "ping"}', -32600, 3, id="no version"),
        pytest.param(
            b'{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": 5}',
            -32600,
            "a",
            id="params",
        ),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1.5, "method": "x"}', -32600, None, id="half id"),
        pytest.param(
            b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None, id="null as id"
        ),
        pytest.param(
            b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None, id="true as id"
        ),
    ],
)
def test_a_line_without_a_message_is_answered(
    line: bytes, code: int, request_id: str | int | None
) -> None:
    """The answer has the code of JSON-RPC, and the id where it can be told."""
    (error,) = messages_in(line)

    assert isinstance(error, types.JSONRPCError)
    assert (error.error.code, error.id) == (code, request_id)


def test_a_whole_number_with_a_point_is_an_id() -> None:
    """A runtime that knows only floats sends 1.0 for 1."""
    (message,) = messages_in(b'{"jsonrpc": "2.0", "id": 1.0, "method": "ping"}')

    assert json.loads(str(message)) == PING


@given(st.binary(max_size=200))
def test_no_line_is_too_much(line: bytes) -> None:
    """Whatever bytes come, the result is messages and errors, never an exception."""
    for message in messages_in(line):
        assert isinstance(message, str | types.JSONRPCError)
