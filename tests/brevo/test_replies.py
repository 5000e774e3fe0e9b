"""Replies and errors: how answers of the API are read."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from loyalty_mcp.brevo.operations.programs import create_program, get_program, publish_program
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.brevo.operations.transactions import complete_transaction
from loyalty_mcp.brevo.replies import answer_lost, failure, upstream_message
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import Done
from loyalty_mcp.errors import NotAuthorized, OutcomeUnknown, Refused, Unavailable
from tests.brevo.upstream import CHANGE, PROGRAM, READ, Open, Upstream, answer, error_of
from tests.hasty import HASTY


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A loop whose clock jumps: no test here waits."""
    return HASTY


# Error bodies


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b'{"code": "invalid_parameter", "message": "bad"}', "bad", id="code, message"),
        pytest.param(b'{"message": "bad"}', "bad", id="message"),
        pytest.param(b'"bad"', "bad", id="bare string"),
        pytest.param(b'{"errors": [{"message": "a"}, {"message": "b"}]}', "a; b", id="errors"),
        pytest.param(
            b'{"errors": [{"path": "name", "rule": "max", "error": "is too long"}]}',
            "name: is too long",
            id="errors with paths",
        ),
        pytest.param(
            b'{"message": "bad", "errors": [{"path": "unit", "error": "is unknown"}]}',
            "bad; unit: is unknown",
            id="message and errors",
        ),
        pytest.param(b'{"path": "name", "error": "is taken"}', "name: is taken", id="path, error"),
        pytest.param(b'{"error": {"message": "bad"}}', "bad", id="error with message"),
        pytest.param(b'{"error": "bad"}', "bad", id="error"),
        pytest.param(b'{"errors": {"message": "bad"}}', "bad", id="one object for errors"),
        pytest.param(b'[{"message": "a"}, "b"]', "a; b", id="list"),
        pytest.param(b'{"errors": [{"message": "a"}, {"message": "a"}]}', "a", id="repeated"),
        pytest.param(b'["1","2","3","4","5","6","7"]', "1; 2; 3; 4; 5", id="many"),
        pytest.param(b'{"code": "unauthorized"}', "", id="code"),
        pytest.param(b'{"message": "", "errors": null}', "", id="blank"),
        pytest.param(b"42", "", id="number"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b"<html><h1>Bad gateway</h1></html>", "", id="HTML"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\xff\xfe\x00bad", "", id="no text"),
        pytest.param(b"[" * 100_000, "", id="deep"),
    ],
)
def test_error_body_is_read_in_every_form(content: bytes, message: str) -> None:
    """Messages are found in every form of an error body; other bodies have none."""
    assert upstream_message(content) == message


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (400, "Correct what it names"),
        (409, "use another name or id"),
        (417, "read the object again"),
        (422, "Correct what it names"),
        (424, "try again later"),
    ],
)
async def test_a_refusal_says_what_to_do_next(open_brevo: Open, status: int, step: str) -> None:
    """Each refusal quotes its reason and names a next step."""
    refusal = answer(status, b'{"message": "exists"}')
    error = await error_of(open_brevo(Upstream(refusal)), CHANGE)

    assert type(error) is Refused
    assert f'Brevo refused this ({status}); nothing was changed. It said: "exists".' in str(error)
    assert step in str(error)


async def test_a_refusal_without_a_reason_says_so(open_brevo: Open) -> None:
    """If the API gives no reason, none is invented."""
    error = await error_of(open_brevo(Upstream(answer(422))), CHANGE)

    assert "It gave no reason." in str(error)


# 401 and 403

UNKNOWN_ADDRESS = (
    "We have detected you are using an unrecognised IP address 203.0.113.7. If you performed this "
    "action make sure to add the new IP address in this link: "
    "https://app.brevo.com/security/authorised_ips"
)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("request_", [READ, CHANGE], ids=["read", "change"])
async def test_an_unknown_address_is_told_with_the_link(
    open_brevo: Open, status: int, request_: Request[Any]
) -> None:
    """Brevo's sentence is quoted in full, with the page where the address can be authorised."""
    refusal = answer(status, f'{{"code": "unauthorized", "message": "{UNKNOWN_ADDRESS}"}}')
    error = await error_of(open_brevo(Upstream(refusal)), request_)

    assert type(error) is NotAuthorized
    assert f'It said: "{UNKNOWN_ADDRESS}".' in str(error)
    assert "Security > Authorised IPs" in str(error)
    assert "BREVO_API_KEY" not in str(error)
    assert ("Nothing was changed." in str(error)) == (request_ is CHANGE)


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (403, "Your account is under validation.", "Brevo activates the account"),
        (403, "Your account is not activated yet", "Brevo activates the account"),
        (403, "Permission denied", "Loyalty is switched on"),
        (401, "Key not found", "check BREVO_API_KEY"),
        (401, "API Key is not enabled", "check BREVO_API_KEY"),
    ],
)
async def test_other_refusals_of_the_account_are_quoted(
    open_brevo: Open, status: int, message: str, said: str
) -> None:
    """Brevo's message about the account or the key is quoted, with what the operator can do."""
    refusal = answer(status, f'{{"message": "{message}"}}')
    error = await error_of(open_brevo(Upstream(refusal)), READ)

    assert type(error) is NotAuthorized
    assert f'It said: "{message}"' in str(error)
    assert said in str(error)
    assert "Authorised IPs" not in str(error)


async def test_a_refused_key_without_a_message(open_brevo: Open) -> None:
    """Without a message, 401 means the key."""
    error = await error_of(open_brevo(Upstream(answer(401))), READ)

    assert str(error) == "Brevo refuses the API key. The operator has to check BREVO_API_KEY."


# Bodies of successful answers


@pytest.mark.parametrize("status", [200, 204])
async def test_empty_success_is_done(open_brevo: Open, status: int) -> None:
    """If the API documents no body, none is required."""
    assert await open_brevo(Upstream(answer(status))).send(publish_program(PROGRAM)) == Done()


@pytest.mark.parametrize("content", [b"", b"  \n", b"null"])
@pytest.mark.parametrize(
    "request_", [READ, get_program(PROGRAM), get_account_info(PROGRAM, 1)], ids=["list", "1", "all"]
)
async def test_an_empty_body_is_not_taken_for_an_empty_list(
    open_brevo: Open, request_: Request[Any], content: bytes
) -> None:
    """A read with an empty body proves nothing."""
    error = await error_of(open_brevo(Upstream(answer(200, content))), request_)

    assert type(error) is Unavailable
    assert "Brevo answered 200 with an empty body" in str(error)


@pytest.mark.parametrize("content", [b"", b"null"])
async def test_an_empty_body_leaves_a_change_unknown(open_brevo: Open, content: bytes) -> None:
    """A change whose answer has no object may have happened."""
    error = await error_of(open_brevo(Upstream(answer(200, content))), create_program("Tea Club"))

    assert type(error) is OutcomeUnknown


async def test_numbers_are_exact(open_brevo: Open) -> None:
    """A number is read as the exact decimal, never through a float."""
    body = b'{"id": "t", "amount": 0.1, "balance": 123456789012.345678}'
    found = await open_brevo(Upstream(answer(200, body))).send(complete_transaction(PROGRAM, "t"))

    assert (found.amount, found.balance) == (Decimal("0.1"), Decimal("123456789012.345678"))


async def test_unknown_fields_of_a_reply_are_kept(open_brevo: Open) -> None:
    """New fields of the API reach the caller."""
    body = b'{"items": [{"id": "p", "name": "VIP", "colour": "red"}], "cursor": "abc"}'
    found = await open_brevo(Upstream(answer(200, body))).send(READ)

    assert found.model_dump()["cursor"] == "abc"
    assert found.items[0].model_extra == {"colour": "red"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("There is no limit with that id.", 'It said: "There is no limit with that id." Check'),
        ("no such limit", 'It said: "no such limit". Check'),
    ],
)
def test_a_sentence_of_brevo_ends_once(message: str, expected: str) -> None:
    """A quoted sentence keeps its own full stop, and gets no second one."""
    error = failure(get_program("p"), 404, message, None, datetime.now(UTC))

    assert expected in str(error)


def test_a_lost_answer_that_came_to_nothing_is_told_by_its_cause_alone() -> None:
    """An answer never says both that a change may have happened and that it has not."""
    lost = answer_lost(publish_program("p"), "Brevo failed (502)")

    assert isinstance(lost, OutcomeUnknown)
    assert lost.cause == "Brevo failed (502)."


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
@pytest.mark.parametrize("request_", [READ, CHANGE], ids=["read", "change"])
def test_the_cause_of_an_error_leaves_out_what_it_means(
    status: int, request_: Request[Any]
) -> None:
    """For a change that was done in part the cause is told, not that nothing was changed."""
    error = failure(request_, status, "exists", None, datetime.now(UTC))

    assert "othing was changed" not in error.cause
    assert len(str(error)) >= len(error.cause)
    assert status == 429 or 'It said: "exists". ' in error.cause
