"""Field cases C11 to C28: problems between a client and the server before a tool runs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mcp_types as types
import pytest
from click.testing import CliRunner

from loyalty_mcp.cli.commands import main
from loyalty_mcp.settings import Settings, read_settings, variable_of
from tests.conftest import Connect, SandboxControl, text_of
from tests.server.conftest import Clock, clock, make_runtime
from tests.web.conftest import INITIALIZE, Serve, serve

__all__ = ["clock", "make_runtime", "serve"]  # fixtures of other folders

DEBIT: dict[str, Any] = {"member": "101", "amount": 10, "reason": "Correction"}
ACCEPT = {"accept": "application/json, text/event-stream"}
METADATA = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("tool", ["debit_points", "publish_program"])
@pytest.mark.parametrize("milliseconds", [0, 5, 290])
async def test_c11_a_client_that_declines_by_itself_is_told_from_a_person(
    connect: Connect, control: SandboxControl, clock: Clock, tool: str, milliseconds: int
) -> None:
    """Nothing is done, and the answer names the setting that helps if no dialog was shown."""
    before = await control.state_hash()

    def decline(_params: types.ElicitRequestParams) -> types.ElicitResult:
        clock.advance(milliseconds / 1_000)
        return types.ElicitResult(action="decline")

    async with connect(decline) as client:
        clock.stop()
        first = await client.call_tool(tool, DEBIT if tool == "debit_points" else {})
        second = await client.call_tool(tool, DEBIT if tool == "debit_points" else {})

    for answer in (first, second):
        assert answer.structured_content["status"] == "declined"
        assert "the person said no" not in text_of(answer)
        assert "LOYALTY_MCP_CONFIRM to token" in text_of(answer)
    assert before == await control.state_hash()


async def test_c11_a_person_who_declines_is_not_argued_with(connect: Connect, clock: Clock) -> None:
    """A decline after a plausible time is reported as a person's."""

    def decline(_params: types.ElicitRequestParams) -> types.ElicitResult:
        clock.advance(3)
        return types.ElicitResult(action="decline")

    async with connect(decline) as client:
        clock.stop()
        answer = await client.call_tool("debit_points", DEBIT)

    assert "the person said no" in text_of(answer)
    assert "LOYALTY_MCP_CONFIRM" not in text_of(answer)


@pytest.mark.parametrize("base", ["/loyalty", "/loyalty/", "/a/b", ""])
async def test_c18_the_challenge_points_to_metadata_that_are_served(
    serve: Serve, base: str
) -> None:
    """Under any base path the document exists, and contains the address that clients use."""
    oauth = {
        "oauth_issuer": "https://issuer.example",
        "oauth_audience": "loyalty",
        "oauth_jwks_url": "https://issuer.example/keys",
        "public_url": f"https://shop.example{base}",
    }
    async with serve(**oauth) as server, server.http() as http:
        for path in ("/mcp", "/mcp/"):
            refused = await http.post(path, json=INITIALIZE, headers=ACCEPT)
            assert refused.status_code == 401
            challenged = re.findall(
                r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"]
            )
            for place in (urlsplit(challenged[0]).path, f"{METADATA}/mcp", METADATA):
                document = await http.get(place)
                assert document.status_code == 200
                assert document.json()["resource"] == f"https://shop.example{base.rstrip('/')}/mcp"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
async def test_c22_a_slash_at_the_end_makes_no_difference(
    serve: Serve, path: str, method: str
) -> None:
    """Every method answers the same at both addresses, without redirects."""
    async with serve() as server, server.http() as http:
        answer = await http.request(
            method, path, json=INITIALIZE if method == "POST" else None, headers=ACCEPT
        )
        plain = await http.request(
            method, "/mcp", json=INITIALIZE if method == "POST" else None, headers=ACCEPT
        )

    assert answer.status_code == plain.status_code
    assert not answer.is_redirect
    assert answer.status_code != 404


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_c23_commands_print_on_old_consoles(encoding: str, state_home: Path) -> None:
    """On a console with an old code page, a process prints its help and succeeds."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONIOENCODING": encoding,
        "XDG_STATE_HOME": str(state_home),
    }
    done = subprocess.run(
        [sys.executable, "-m", "loyalty_mcp", "--help"],
        env=environment,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"loyalty-mcp" in done.stdout


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ud83d x \\ude00", "\\udc00\\ud800"])
async def test_c24_half_an_emoji_is_answered(serve: Serve, half: str) -> None:
    """Over HTTP too, text with an unpaired surrogate gets an answer with the call's id."""
    call = {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "find_member", "arguments": {"member": "HALF"}},
    }
    async with serve() as server, server.http(headers=ACCEPT) as http:
        greeted = await http.post("/mcp", json=INITIALIZE)
        session = {"mcp-session-id": greeted.headers["mcp-session-id"]}
        body = json.dumps(call).replace("HALF", half)
        headers = {**session, "content-type": "application/json"}
        answer = await http.post("/mcp", content=body.encode(), headers=headers)

    assert answer.status_code in {200, 400}
    assert '"id":7' in answer.text or "-32700" in answer.text


TEMPLATES = ["${user_config.api_key}", "${BREVO_API_KEY}", "${input:key}", "{{api_key}}"]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("command", [[], ["doctor"], ["serve", "--http"], ["tools"]], ids=str)
def test_c27_a_template_that_was_not_filled_in_stops_the_start(
    command: list[str], template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with one sentence and exit code 2 before anything is used as a key."""
    monkeypatch.setenv("BREVO_API_KEY", template)
    done = CliRunner().invoke(main, command)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("loyalty-mcp: BREVO_API_KEY is wrong")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("blank", ["", "  ", "\r\n"], ids=repr)
def test_c28_empty_variables_are_not_set(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form with only empty values starts the server as without any settings."""
    plain = read_settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(variable_of(name), blank)

    assert read_settings() == plain
    done = CliRunner().invoke(main, ["tools"])
    assert done.exit_code == 0, done.stderr
