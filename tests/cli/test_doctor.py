"""The doctor reports problems, and says how to fix them."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loyalty_mcp.cli.commands import main
from loyalty_mcp.cli.doctor import Finding, examine
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
from tests.ports import free_port


def doctor(*flags: str) -> tuple[Result, dict[str, Any]]:
    """What `doctor --json` prints, by the name of the check."""
    result = CliRunner().invoke(main, ["doctor", "--json", *flags])
    findings = json.loads(result.stdout)
    return result, {finding["check"]: finding for finding in findings}


async def findings_of(upstream: Any, **flags: Any) -> dict[str, Finding]:
    """The doctor's findings with a given upstream, by the name of the check."""
    runtime = compose(read_settings(**flags), upstream)
    try:
        return {finding.check: finding for finding in await examine(runtime.context)}
    finally:
        await runtime.close()


def test_a_sandbox_is_well() -> None:
    """Everything works without any setting."""
    result, found = doctor()

    assert result.exit_code == 0
    assert all(finding["good"] for finding in found.values())
    assert list(found) == [
        *("key", "Brevo", "program", "member", "rate budget", "clock"),
        *("journal", "permissions", "intents", "policy", "menu", "agreement"),
    ]


@pytest.mark.parametrize(
    ("flags", "check", "said"),
    [
        pytest.param(["--role", "member"], "member", "LOYALTY_MCP_MEMBER", id="no member"),
        pytest.param(["--program", "No Such Club"], "program", "VIP Club", id="no program"),
        pytest.param(["--member", "999999"], "member", "LOYALTY_MCP_MEMBER", id="no contact"),
        pytest.param(["--member", "nobody@example.com"], "member", "nobody", id="no email"),
        pytest.param(
            ["--role", "member", "--member", "own:NOBODY"], "member", "NOBODY", id="no own id"
        ),
    ],
)
def test_a_set_up_with_which_nothing_would_work_is_a_fault(
    flags: list[str], check: str, said: str
) -> None:
    """The finding fails, quotes what is wrong, and names the setting to correct."""
    result, found = doctor(*flags)

    assert result.exit_code == 1
    assert [name for name, finding in found.items() if not finding["good"]] == [check]
    assert said in found[check]["found"] + found[check]["fix"]
    assert "Set LOYALTY_MCP_" in found[check]["fix"]


@pytest.mark.parametrize("member", ["101", "anna.keller@example.com", "own:VIP-101"])
def test_a_pinned_member_who_exists_is_well(member: str) -> None:
    """Every form of a member is accepted."""
    result, found = doctor("--role", "member", "--member", member, "--program", "vip club")

    assert result.exit_code == 0
    assert found["member"]["found"] == f"pinned: {member}"


def test_a_member_may_be_named_by_a_token() -> None:
    """With OAuth, each caller's token names the member, so none has to be pinned."""
    oauth = ["--oauth-issuer", "https://i.example", "--oauth-audience", "a"]
    jwks = ["--oauth-jwks-url", "https://i.example/keys", "--public-url", "https://l.example"]
    _, found = doctor("--role", "member", *oauth, *jwks)

    assert found["member"]["good"]
    assert "token" in found["member"]["found"]


def test_brevo_that_cannot_be_reached_is_a_fault() -> None:
    """The finding names the address, and other checks of Brevo are skipped."""
    address = f"http://127.0.0.1:{free_port()}/v3"
    result, found = doctor("--api-key", "any", "--base-url", address, "--program", "VIP Club")

    assert result.exit_code == 1
    assert not found["Brevo"]["good"]
    assert address in found["Brevo"]["fix"]
    assert "program" not in found


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "We have detected you are using an unrecognised IP address 203.0.113.7."),
        (401, "Key not found"),
        (403, "Your account is under validation."),
    ],
)
async def test_a_refusal_is_quoted(status: int, message: str) -> None:
    """Brevo's own message is quoted."""

    async def refusing(_scope: Any, _receive: Any, send: Any) -> None:
        body = json.dumps({"code": "unauthorized", "message": message}).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    found = (await findings_of(refusing))["Brevo"]

    assert not found.good
    assert message in found.found


async def test_an_answer_that_is_no_json_is_a_fault() -> None:
    """A proxy's page is not an answer of Brevo."""

    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>Welcome</html>"})

    found = (await findings_of(page))["Brevo"]

    assert not found.good
    assert "proxy" in found.fix


def test_people_see_what_to_do() -> None:
    """In text output, a problem is marked, and the fix is printed below it."""
    result = CliRunner().invoke(main, ["doctor", "--role", "member"])
    lines = result.stdout.splitlines()
    fault = next(number for number, line in enumerate(lines) if line.startswith("FAULT"))

    assert "member" in lines[fault]
    assert lines[fault + 1].strip().startswith("Set LOYALTY_MCP_MEMBER")
