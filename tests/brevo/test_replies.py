"""Replies and errors: what is read from an answer of the API."""

from decimal import Decimal
from typing import Any

import pytest

from loyalty_mcp.brevo.operations.programs import publish_program
from loyalty_mcp.brevo.operations.transactions import complete_transaction
from loyalty_mcp.brevo.replies import upstream_message
from loyalty_mcp.brevo.types import Done
from tests.brevo.upstream import PROGRAM, READ, Open, Upstream, answer
from tests.hasty import HASTY


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A loop whose clock jumps: no test here waits."""
    return HASTY


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b'{"code": "invalid_parameter", "message": "bad"}', "bad", id="code, message"),
        pytest.param(b'{"message": "bad"}', "bad", id="message"),
        pytest.param(b'"bad"', "bad", id="bare string"),
        pytest.param(b'{"code": "unauthorized"}', "", id="code"),
        pytest.param(b'{"message": {"deep": "bad"}}', "", id="message is no text"),
        pytest.param(b'["bad"]', "", id="list"),
        pytest.param(b"42", "", id="number"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b"<html><h1>Bad gateway</h1></html>", "", id="HTML"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\xff\xfe\x00bad", "", id="no text"),
        pytest.param(b"[" * 100_000, "", id="deep"),
    ],
)
def test_error_body_is_read_in_every_shape(content: bytes, said: str) -> None:
    """The message is found where there is one; anything else says nothing."""
    assert upstream_message(content) == said


@pytest.mark.parametrize("status", [200, 204])
async def test_empty_success_is_done(open_brevo: Open, status: int) -> None:
    """Where the API answers nothing, the change is done."""
    assert await open_brevo(Upstream(answer(status))).send(publish_program(PROGRAM)) == Done()


async def test_numbers_are_exact(open_brevo: Open) -> None:
    """A number arrives as the decimal that was written, never through a float."""
    body = b'{"id": "t", "amount": 0.1, "balance": 123456789012.345678}'
    found = await open_brevo(Upstream(answer(200, body))).send(complete_transaction(PROGRAM, "t"))

    assert (found.amount, found.balance) == (Decimal("0.1"), Decimal("123456789012.345678"))


async def test_unknown_fields_of_a_reply_are_kept(open_brevo: Open) -> None:
    """What the API adds one day reaches the caller."""
    body = b'{"items": [{"id": "p", "name": "VIP", "colour": "red"}], "cursor": "abc"}'
    found = await open_brevo(Upstream(answer(200, body))).send(READ)

    assert found.model_dump()["cursor"] == "abc"
    assert found.items[0].model_extra == {"colour": "red"}
