"""Errors for people and for programs: Brevo's own sentence in the text, a code in `_meta`."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from mcp import Client

from loyalty_mcp.cli.doctor import examine
from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
from tests.conftest import Connect, Mode, SandboxControl, text_of

ERROR = "loyalty-mcp/error"
UNKNOWN_ADDRESS = (
    "We have detected you are using an unrecognised IP address 203.0.113.7. If you performed this "
    "action make sure to add the new IP address in this link: "
    "https://app.brevo.com/security/authorised_ips"
)
UNDER_VALIDATION = "Your account is under validation. Contact our support."

Refusing = Callable[..., AbstractAsyncContextManager[Client]]


def refusing_app(status: int, message: str, headers: dict[str, str]) -> Any:
    """An upstream that answers every request with one refusal."""
    body = json.dumps({"code": "unauthorized", "message": message}).encode()
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.fixture
def refusing(mode: Mode) -> Refusing:
    """Connects a client to a server whose upstream refuses everything."""

    @asynccontextmanager
    async def connected(status: int, message: str, **headers: str) -> AsyncIterator[Client]:
        app = refusing_app(status, message, {k.replace("_", "-"): v for k, v in headers.items()})
        async with Client(compose(read_settings(), app).server(), mode=mode) as client:
            yield client

    return connected


@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (401, UNKNOWN_ADDRESS, "Security > Authorised IPs"),
        (403, UNDER_VALIDATION, "Brevo activates the account"),
        (403, "Permission denied for this IP", "Security > Authorised IPs"),
        (401, "Key not found", "check BREVO_API_KEY"),
    ],
)
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_member_overview", {"member": "101"}),
        ("find_member", {"member": "anna@example.com"}),
        ("debit_points", {"member": "101", "amount": 1, "reason": "x"}),
    ],
)
async def test_what_brevo_says_reaches_the_caller(
    refusing: Refusing,
    status: int,
    message: str,
    remedy: str,
    tool: str,
    arguments: dict[str, Any],
) -> None:
    """A refusal of the key, the address or the account is quoted by every kind of tool."""
    async with refusing(status, message) as client:
        answer = await client.call_tool(tool, arguments)

    assert answer.is_error
    assert f'"{message}"' in text_of(answer)
    assert remedy in text_of(answer)
    assert answer.meta is not None
    assert answer.meta[ERROR] == {"code": "not_authorized"}


@pytest.mark.parametrize(
    ("status", "message"), [(401, UNKNOWN_ADDRESS), (403, UNDER_VALIDATION), (403, "Not allowed")]
)
async def test_the_status_says_that_brevo_refuses(
    refusing: Refusing, status: int, message: str
) -> None:
    """Who is refused is answered, so the status does not say that Brevo is silent."""
    async with refusing(status, message) as client:
        answer = await client.call_tool("get_server_status", {})

    assert not answer.is_error
    assert "Brevo refuses" in text_of(answer)
    assert f'"{message}"' in text_of(answer)
    assert answer.structured_content["upstream"] == "refuses"


@pytest.mark.parametrize(("status", "state"), [(429, "answers"), (503, "does not answer")])
async def test_the_status_tells_a_spent_budget_from_silence(
    refusing: Refusing, status: int, state: str
) -> None:
    """A spent budget is an answer; a failing server is none."""
    async with refusing(status, "slow down") as client:
        answer = await client.call_tool("get_server_status", {})

    assert answer.structured_content["upstream"] == state


async def test_doctor_quotes_what_brevo_says() -> None:
    """The check of the upstream is bad, and shows the address and the link."""
    runtime = compose(read_settings(), refusing_app(401, UNKNOWN_ADDRESS, {}))
    try:
        findings = {finding.check: finding for finding in await examine(runtime.context)}
    finally:
        await runtime.close()

    assert not findings["Brevo"].good
    assert UNKNOWN_ADDRESS in findings["Brevo"].found
    assert "BREVO_API_KEY" not in findings["Brevo"].fix


async def test_a_spent_budget_says_when_to_retry(refusing: Refusing) -> None:
    """The code of a spent budget comes with the moment from which a retry makes sense."""
    headers = {
        "x_sib_ratelimit_limit": "600",
        "x_sib_ratelimit_remaining": "0",
        "x_sib_ratelimit_reset": "1800",
    }
    async with refusing(429, "slow down", **headers) as client:
        answer = await client.call_tool("get_member_overview", {"member": "101"})

    assert answer.meta is not None
    assert answer.meta[ERROR]["code"] == "rate_limited"
    assert answer.meta[ERROR]["retry_at"].endswith("+00:00")
    assert "nothing was changed" in text_of(answer)


@pytest.mark.parametrize(
    ("tool", "arguments", "facts"),
    [
        ("get_program", {"colour": "red"}, {"code": "invalid_argument", "argument": "colour"}),
        ("list_programs", {"limit": 0}, {"code": "invalid_argument", "argument": "limit"}),
        (
            "create_tier",
            {
                "tier_group": "Status",
                "name": "Top",
                "access_conditions": [{"balance": "Purchase Points", "minimum": 1}],
            },
            {"code": "invalid_argument", "argument": "access_conditions"},
        ),
        ("get_program", {"program": "Teaa"}, {"code": "unknown_reference", "argument": "program"}),
        ("assign_tier", {"member": "101", "tier": "X"}, {"code": "unknown_reference"}),
        ("get_member_overview", {"member": "999999"}, {"code": "not_found"}),
        ("get_no_such_thing", {}, {"code": "invalid_argument"}),
    ],
)
async def test_an_error_names_its_kind_and_its_argument(
    connect: Connect, tool: str, arguments: dict[str, Any], facts: dict[str, str]
) -> None:
    """A program can tell the kind of an error, and which argument to correct."""
    async with connect(confirm="token") as client:
        answer = await client.call_tool(tool, arguments)

    assert answer.is_error
    assert answer.meta is not None
    assert answer.meta["sandbox"] is True
    assert facts.items() <= answer.meta[ERROR].items()


async def test_a_good_answer_has_no_error(connect: Connect, control: SandboxControl) -> None:
    """Only errors have a code."""
    async with connect() as client:
        answer = await client.call_tool("get_program", {"program": await control.program()})

    assert ERROR not in (answer.meta or {})


def kinds_of(error: type[LoyaltyError]) -> list[type[LoyaltyError]]:
    """An error's class, and all classes below it."""
    return [error, *(kind for below in error.__subclasses__() for kind in kinds_of(below))]


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    """Kinds that callers treat differently never share a code."""
    codes = [kind.code for kind in kinds_of(LoyaltyError) if "code" in vars(kind)]

    assert len(codes) == len(set(codes))
    leaves = [kind for kind in kinds_of(LoyaltyError) if not kind.__subclasses__()]
    assert [kind for kind in leaves if kind.code == LoyaltyError.code] == []
