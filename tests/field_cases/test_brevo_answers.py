"""Field cases A1 to A11: Brevo's answers that other software could not read."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette

from loyalty_mcp.cli.commands import main
from tests.conftest import SandboxControl, text_of
from tests.field_cases.conftest import ConnectTo, agreed, answer_of, refusal_of
from tests.server.test_odd_upstream import Change, DriftingUpstream

CODE: Final = "loyalty-mcp/error"
CALLS: Final[dict[str, dict[str, Any]]] = {
    "get_member_overview": {"member": "101"},
    "find_member": {"member": "anna.keller@example.com"},
    "list_programs": {},
    "credit_points": {"member": "101", "amount": 5, "reason": "Order"},
    "publish_program": {},
}


def refusing(status: int, message: str, **headers: str) -> Any:
    """An upstream that answers everything with one status and message."""
    body = json.dumps({"code": "unauthorized", "message": message}).encode()
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(
            401,
            "We have detected you are using an unrecognised IP address 203.0.113.7. Add it here: "
            "https://app.brevo.com/security/authorised_ips",
            id="as reported",
        ),
        pytest.param(401, "unrecognized ip 2001:db8::7", id="IPv6"),
        pytest.param(403, "Permission denied for this IP", id="403"),
    ],
)
async def test_a1_an_unauthorised_address_is_named(
    connect_to: ConnectTo, status: int, message: str
) -> None:
    """Every tool quotes Brevo and names the page to authorise the address; the status does too."""
    async with connect_to(refusing(status, message)) as client:
        for tool, arguments in CALLS.items():
            said = await refusal_of(client, tool, **arguments)
            assert f'"{message}"' in said
            assert "Security > Authorised IPs" in said
        status_now = await answer_of(client, "get_server_status")

    assert status_now.structured_content["upstream"] == "refuses"
    assert f'"{message}"' in text_of(status_now)
    assert "Security > Authorised IPs" in text_of(status_now)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(403, "Your account is under validation. Contact us.", id="as reported"),
        pytest.param(403, "Your account is suspended", id="suspended"),
        pytest.param(401, "Account is not activated", id="401"),
        pytest.param(402, "Your plan has no loyalty module", id="no module"),
    ],
)
async def test_a2_the_state_of_the_account_is_told_in_brevos_words(
    connect_to: ConnectTo, status: int, message: str
) -> None:
    """The answer distinguishes a problem of the account from one of the key."""
    async with connect_to(refusing(status, message)) as client:
        for tool, arguments in CALLS.items():
            assert f'"{message}"' in await refusal_of(client, tool, **arguments)


@pytest.mark.parametrize("reset", ["1800000", "1772370000", "1772370000000", "86400"])
@pytest.mark.parametrize("status", [429, 200])
async def test_a6_nobody_is_sent_away_for_longer_than_an_hour(
    connect_to: ConnectTo, sandbox: Starlette, status: int, reset: str
) -> None:
    """A reset in milliseconds, as an epoch or a day away counts as an hour, with a date."""
    spent = [
        (b"x-sib-ratelimit-limit", b"600"),
        (b"x-sib-ratelimit-remaining", b"0"),
        (b"x-sib-ratelimit-reset", reset.encode()),
    ]

    async def upstream(scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message["headers"] if not pair[0].startswith(b"x-sib")]
                message = {**message, "status": status, "headers": [*own, *spent]}
            await send(message)

        await sandbox(scope, receive, with_headers)

    async with connect_to(upstream) as client:
        await client.call_tool("list_programs", {})
        answer = await client.call_tool("credit_points", CALLS["credit_points"])

    assert answer.is_error
    assert answer.meta is not None
    assert answer.meta[CODE]["code"] == "rate_limited"
    now, retry = datetime.now(UTC), datetime.fromisoformat(answer.meta[CODE]["retry_at"])
    assert retry - now <= timedelta(hours=1, seconds=5)
    moment = re.search(r"after (?:(\d{4}-\d\d-\d\d) )?\d\d:\d\d UTC", text_of(answer))
    assert moment is not None
    assert moment[1] in {None, retry.date().isoformat()}


A10: Final[dict[str, Change]] = {
    "state": lambda name, value: "archived" if name == "state" else value,
    "status": lambda name, value: "frozen" if name == "status" else value,
    "unit": lambda name, value: "GOLD_COINS" if name == "unit" else value,
    "no date": lambda name, value: "" if name == "updatedAt" else value,
    "null list": lambda _name, value: None if value == [] else value,
}


@pytest.mark.parametrize("change", A10.values(), ids=A10)
async def test_a10_an_unknown_word_fails_no_tool(
    connect_to: ConnectTo, sandbox: Starlette, control: SandboxControl, change: Change
) -> None:
    """Reads answer, and a credit succeeds, with any word or null that Brevo adds."""
    before = await control.balance(101)
    async with connect_to(DriftingUpstream(sandbox, change)) as client:
        for tool in ("list_programs", "get_program", "get_program_report", "list_rewards"):
            await answer_of(client, tool)
        await answer_of(client, "get_member_overview", member="101")
        done = await agreed(client, "credit_points", **CALLS["credit_points"])

    assert done.structured_content["status"] == "applied"
    assert await control.balance(101) == before + 5


A11: Final[dict[str, Change]] = {
    "no offset": lambda _name, value: value[:19] if is_moment(value) else value,
    "day only": lambda _name, value: value[:10] if is_moment(value) else value,
    "offset without colon": lambda _name, value: (
        f"{value[:19]}+0000" if is_moment(value) else value
    ),
    "blank instead of T": lambda _name, value: (
        value[:19].replace("T", " ") if is_moment(value) else value
    ),
    "nanoseconds": lambda _name, value: f"{value[:19]}.123456789Z" if is_moment(value) else value,
}


def is_moment(value: Any) -> bool:
    """Whether a value is a datetime in Brevo's format."""
    return isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value) is not None


@pytest.mark.parametrize("change", A11.values(), ids=A11)
async def test_a11_a_moment_is_read_in_any_form(
    connect_to: ConnectTo, sandbox: Starlette, change: Change
) -> None:
    """A datetime without an offset is UTC, so the same expiry is shown."""
    overview = {"member": "102", "include": ["movements"]}
    texts = []
    for drift in (change, lambda _name, value: value):
        async with connect_to(DriftingUpstream(sandbox, drift)) as client:
            answer = await answer_of(client, "get_member_overview", **overview)
            texts.append(re.findall(r"\d{4}-\d\d-\d\d", text_of(answer)))
            await answer_of(client, "explain_balance", member="102")
            await answer_of(client, "list_vouchers", member="105")

    assert texts[0] == texts[1]
    assert texts[0]


def test_a1_the_doctor_looks_before_it_answers() -> None:
    """Without an answering upstream, no check succeeds."""
    result = CliRunner().invoke(main, ["doctor", "--api-key", "k", "--base-url", "http://[::1]:9"])

    assert result.exit_code == 1
    assert "FAULT" in result.stdout
