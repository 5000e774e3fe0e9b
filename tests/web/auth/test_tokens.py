"""Static tokens: made once, kept as digests, bound to a role and a member, revoked for ever."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from click.testing import CliRunner, Result

from loyalty_mcp.cli.commands import main
from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.intents.access_token import PREFIX, Token, digest_of, new_secret
from loyalty_mcp.intents.lazy_journal import LazyJournal
from loyalty_mcp.settings import state_folder
from loyalty_mcp.web.auth.throttle import FORGOTTEN_SECONDS, LONGEST_SECONDS, Slowdown
from loyalty_mcp.web.auth.token_cache import FRESH_SECONDS, TokenBook
from tests.conftest import text_of
from tests.web.conftest import OPENING, Edge, Serve, Waits, in_seconds


def run(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, arguments)


def test_create_prints_the_token_alone() -> None:
    """What is printed is the token and nothing else; what is kept does not hold it."""
    result = run("token", "create", "--name", "shop", "--role", "support")

    assert (result.exit_code, result.stderr) == (0, "")
    secret = result.stdout.strip()
    assert secret.startswith(PREFIX)
    assert len(secret) >= 40
    assert result.stdout == f"{secret}\n"
    with sqlite3.connect(state_folder() / "sandbox-journal.db") as database:
        kept = database.execute("SELECT * FROM tokens").fetchall()
    database.close()
    assert secret not in str(kept)
    assert digest_of(secret) in str(kept)


def test_list_and_revoke() -> None:
    """The list says who holds what, without secrets; a revoked name is never given again."""
    secret = run("token", "create", "--name", "kim", "--role", "member", "--member", "101").stdout
    run("token", "create", "--name", "ops", "--role", "full", "--operator")

    result = run("token", "list", "--json")

    assert secret.strip() not in result.stdout
    listed = {item["name"]: item for item in json.loads(result.stdout)}
    assert (listed["kim"]["role"], listed["kim"]["member"]) == ("member", "101")
    assert (listed["ops"]["operator"], listed["ops"]["state"]) == (True, "holds")
    assert run("token", "revoke", "kim").exit_code == 0
    assert "revoked" in run("token", "list").stdout
    assert run("token", "revoke", "kim").exit_code == 2
    again = run("token", "create", "--name", "kim", "--role", "support")
    assert (again.exit_code, again.stdout) == (2, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "a", "--role", "king"],
        ["--name", "a", "--role", "member"],
        ["--name", "", "--role", "full"],
        ["--name", "a b", "--role", "full"],
        ["--name", "x" * 65, "--role", "full"],
        ["--name", "a", "--role", "full", "--operator", "--member", "101"],
        ["--name", "a", "--role", "full", "--expires", "2020-01-01"],
        ["--name", "a", "--role", "full", "--expires", "soon"],
        ["--role", "full"],
        ["--name", "a"],
    ],
)
def test_a_token_that_makes_no_sense(arguments: list[str]) -> None:
    """What makes no sense is told on standard error; nothing is printed or made."""
    result = run("token", "create", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert json.loads(run("token", "list", "--json").stdout) == []


def test_serving_others_needs_tokens() -> None:
    """Beyond this machine nothing is served while anybody could call."""
    result = run("serve", "--http", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused

    assert result.exit_code == 2
    assert "token create" in result.stderr


def test_half_of_oauth_is_refused() -> None:
    """OAuth that is described in part is no authentication."""
    result = run("serve", "--http", "--oauth-issuer", "https://issuer.example")

    assert result.exit_code == 2
    assert "LOYALTY_MCP_OAUTH_AUDIENCE is missing" in result.stderr


async def test_open_on_this_machine(edge: Edge) -> None:
    """Without any token, whoever is on this machine may call, but is no operator."""
    async with edge.client() as client:
        assert (await client.list_tools()).tools
    async with edge.http() as http:
        assert (await http.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer lmcp_wrong",
        "Bearer",
        "Basic dTpw",
        "lmcp_wrong",
        "Bearer \N{SNOWMAN}",
        f"Bearer {'x' * 10_000}",
    ],
)
async def test_wrong_token(edge: Edge, header: str) -> None:
    """A token that is not good is refused with a challenge, even where none would be needed."""
    async with edge.http() as http:
        answer = await http.post("/mcp", headers=[(b"authorization", header.encode())])

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_two_authorizations(edge: Edge) -> None:
    """A request that says twice who sends it is refused."""
    secret = await edge.token("one")
    async with edge.http() as http:
        answer = await http.post(
            "/mcp",
            headers=[("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")],
        )

        assert answer.status_code == 401


async def test_a_token_closes_the_door(edge: Edge) -> None:
    """As soon as one token exists, even an expired one, everybody needs one."""
    good = await edge.token("good")
    expired = await edge.token("late", expires=in_seconds(-1))
    async with edge.client(good) as client:
        assert (await client.list_tools()).tools
    for token in (None, expired):
        async with edge.http(token) as http:
            answer = await http.post("/mcp")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_health_stays_open(edge: Edge) -> None:
    """A load balancer needs no token."""
    await edge.token("good")
    async with edge.http() as http:
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/ready")).status_code == 200


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


async def test_revoked_within_a_second(tmp_path: Path) -> None:
    """A new token holds at once; a revoked one no longer than the second that a book is used."""
    clock, gate = Clock(), LazyJournal(lambda: f"sqlite+aiosqlite:///{tmp_path / 'j.db'}")
    book = TokenBook(gate, lambda: datetime.now(UTC), clock)
    secret = new_secret()
    try:
        assert not await book.used()
        tokens = gate.open().tokens
        now = datetime.now(UTC)
        await tokens.add(
            Token("a", digest_of(secret), "full", None, operator=False, created_at=now)
        )
        assert not await book.used()
        assert await book.find(secret) is not None
        assert await book.used()
        await tokens.revoke("a", now)
        clock.now += FRESH_SECONDS
        assert await book.find(secret) is None
        assert await book.named("a") is None
        assert await book.used()
    finally:
        await gate.close()


async def test_no_journal_no_entry(tmp_path: Path) -> None:
    """Who cannot be looked up is not let in: 503, and never the open door."""
    (tmp_path / "file").write_text("")
    gate = LazyJournal(lambda: f"sqlite+aiosqlite:///{tmp_path / 'file' / 'j.db'}")
    book = TokenBook(gate, lambda: datetime.now(UTC))

    with pytest.raises(JournalUnavailable):
        await book.used()


async def test_no_journal_over_http(serve: Serve, tmp_path: Path) -> None:
    """Without a journal the service lives, is not ready, and serves nobody."""
    (tmp_path / "file").write_text("")
    url = f"sqlite+aiosqlite:///{tmp_path / 'file' / 'j.db'}"
    async with serve(database_url=url) as edge, edge.http() as http:
        assert (await http.get("/health")).status_code == 200
        ready = await http.get("/ready")
        assert (ready.status_code, ready.json()["journal"]) == (503, "does not work")
        assert (await http.post("/mcp")).status_code == 503


async def test_guessing_is_slowed(edge: Edge) -> None:
    """Each wrong token of an address waits longer than the one before, up to a bound."""
    async with edge.http("wrong") as http:
        for _ in range(12):
            assert (await http.post("/mcp")).status_code == 401

    waits = edge.waits.seconds
    assert waits == sorted(waits)
    assert len(waits) == 9
    assert waits[-1] == LONGEST_SECONDS


async def test_the_right_token_never_waits(edge: Edge) -> None:
    """Guesses of others from the same address do not lock anybody out."""
    good = await edge.token("good")
    async with edge.http("wrong") as http:
        for _ in range(6):
            await http.post("/mcp")
    before = list(edge.waits.seconds)

    async with edge.client(good) as client:
        assert (await client.list_tools()).tools
    assert edge.waits.seconds == before


async def test_failures_are_forgotten() -> None:
    """After some minutes of peace an address begins anew, and memory stays bounded."""
    clock, waits = Clock(), Waits()
    slowdown = Slowdown(waits, clock)
    for _ in range(4):
        await slowdown.failed("a")
    assert len(waits.seconds) == 1
    clock.now += FORGOTTEN_SECONDS + 1
    await slowdown.failed("a")
    assert len(waits.seconds) == 1
    for number in range(20_000):
        await slowdown.failed(str(number))
    assert len(slowdown._failures) == 10_000


async def call(edge: Edge, token: str, tool: str, **arguments: Any) -> types.CallToolResult:
    """Call a tool with a token."""
    async with edge.client(token) as client:
        return await client.call_tool(tool, arguments)


async def test_intents_belong_to_their_caller(serve: Serve) -> None:
    """A confirmation is good for its caller alone; an operator sees every intent."""
    async with serve(confirm="token") as edge:
        one, two = await edge.token("one", "support"), await edge.token("two", "support")
        ops = await edge.token("ops", operator=True)
        debit = {"member": "101", "amount": 5, "reason": "test"}

        asked = await call(edge, one, "debit_points", **debit)
        assert asked.structured_content is not None
        intent = asked.structured_content["intent"]

        stolen = await call(edge, two, "debit_points", **debit, confirmation=intent)
        assert stolen.is_error
        assert (await call(edge, two, "check_intent", intent=intent)).is_error
        seen = await call(edge, ops, "check_intent", intent=intent)
        assert not seen.is_error
        done = await call(edge, one, "debit_points", **debit, confirmation=intent)
        assert done.structured_content is not None
        assert done.structured_content["status"] == "applied", text_of(done)


async def test_another_session(edge: Edge) -> None:
    """The session of one caller is nobody else's."""
    one, two = await edge.token("one"), await edge.token("two")
    accept = {"accept": "application/json, text/event-stream"}
    async with edge.http(one) as http:
        http.headers.update(accept)
        answer = await http.post("/mcp", json=OPENING)
        session = {"mcp-session-id": answer.headers["mcp-session-id"]}
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert (await http.post("/mcp", json=listing, headers=session)).status_code == 200
        stolen = await http.post(
            "/mcp", json=listing, headers={**session, "authorization": f"Bearer {two}"}
        )
        assert stolen.status_code == 404
