"""Static tokens: the commands, authentication and revocation."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from click.testing import CliRunner, Result

from loyalty_mcp.cli.commands import main
from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.intents.access_token import PREFIX, Token, digest_of, new_secret
from loyalty_mcp.intents.lazy_journal import LazyJournal
from loyalty_mcp.settings import state_folder
from loyalty_mcp.web.auth.throttle import (
    FREE_FAILURES,
    MAX_DELAY_SECONDS,
    MAX_DELAYED_PER_ADDRESS,
    MAX_REMEMBERED,
    RESET_SECONDS,
    Throttle,
)
from loyalty_mcp.web.auth.token_cache import FRESH_SECONDS, REREAD_SECONDS, TokenCache
from tests.conftest import text_of
from tests.web.conftest import (
    INITIALIZE,
    Clock,
    RecordedSleeps,
    RunningServer,
    Serve,
    in_seconds,
)


def run(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, arguments)


def test_create_prints_only_the_token() -> None:
    """Only the token is printed, and only its digest is stored."""
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


def test_list_shows_no_secret_and_revoke_is_final() -> None:
    """The list has no secrets, and the name of a revoked token cannot be used again."""
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
def test_an_invalid_token_is_refused(arguments: list[str]) -> None:
    """An invalid token is refused on stderr; nothing is printed or created."""
    result = run("token", "create", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert json.loads(run("token", "list", "--json").stdout) == []


def test_a_public_bind_needs_authentication() -> None:
    """Without a token, a public bind address is refused."""
    result = run("serve", "--http", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused

    assert result.exit_code == 2
    assert "token create" in result.stderr


def test_incomplete_oauth_settings_are_refused() -> None:
    """OAuth settings that are incomplete refuse to start."""
    result = run("serve", "--http", "--oauth-issuer", "https://issuer.example")

    assert result.exit_code == 2
    assert "LOYALTY_MCP_OAUTH_AUDIENCE is missing" in result.stderr


async def test_loopback_is_open_until_a_token_exists(server: RunningServer) -> None:
    """While no token exists, local callers are served, but not as operators."""
    async with server.client() as client:
        assert (await client.list_tools()).tools
    async with server.http() as http:
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
async def test_an_invalid_token_is_challenged(server: RunningServer, header: str) -> None:
    """An invalid token gets 401 and a challenge, even where no token is required."""
    async with server.http() as http:
        answer = await http.post("/mcp", headers=[(b"authorization", header.encode())])

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_two_authorization_headers_are_refused(server: RunningServer) -> None:
    """Two Authorization headers are refused, even if both are valid."""
    secret = await server.token("one")
    async with server.http() as http:
        answer = await http.post(
            "/mcp",
            headers=[("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")],
        )

        assert answer.status_code == 401


async def test_once_a_token_exists_everybody_needs_one(server: RunningServer) -> None:
    """As soon as one token exists, even an expired one, every caller needs one."""
    good = await server.token("good")
    expired = await server.token("late", expires=in_seconds(-1))
    async with server.client(good) as client:
        assert (await client.list_tools()).tools
    for token in (None, expired):
        async with server.http(token) as http:
            answer = await http.post("/mcp")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_health_needs_no_token(server: RunningServer) -> None:
    """Health and readiness need no token."""
    await server.token("good")
    async with server.http() as http:
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/ready")).status_code == 200


async def test_a_revoked_token_stops_within_a_second(tmp_path: Path) -> None:
    """A new token works at once; a revoked one stops when the cache is a second old."""
    clock, journal = Clock(), LazyJournal(lambda: f"sqlite+aiosqlite:///{tmp_path / 'j.db'}")
    cache = TokenCache(journal, lambda: datetime.now(UTC), clock)
    secret = new_secret()
    try:
        assert not await cache.any_created()
        tokens = journal.open().tokens
        now = datetime.now(UTC)
        await tokens.add(
            Token("a", digest_of(secret), "full", None, operator=False, created_at=now)
        )
        assert not await cache.any_created()
        assert await cache.find(secret) is not None
        assert await cache.any_created()
        await tokens.revoke("a", now)
        clock.now += FRESH_SECONDS
        assert await cache.find(secret) is None
        assert await cache.find_by_name("a") is None
        assert await cache.any_created()
    finally:
        await journal.close()


async def test_a_flood_of_unknown_tokens_shares_few_reads(tmp_path: Path) -> None:
    """Many unknown tokens at once wait for one read, and reads keep a distance."""
    clock, pauses = Clock(), list[float]()
    found: list[Token | None] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.now += seconds
        await anyio.lowlevel.checkpoint()

    async def guess() -> None:
        found.append(await cache.find(new_secret()))

    journal = LazyJournal(lambda: f"sqlite+aiosqlite:///{tmp_path / 'j.db'}")
    cache = TokenCache(journal, lambda: datetime.now(UTC), clock, sleep)
    try:
        await guess()
        for _ in range(3):
            async with anyio.create_task_group() as group:
                for _ in range(100):
                    group.start_soon(guess)
    finally:
        await journal.close()

    assert found == [None] * 301
    assert pauses == [pytest.approx(REREAD_SECONDS)] * 4


async def test_without_a_journal_nobody_is_authenticated(tmp_path: Path) -> None:
    """If the tokens cannot be read, nobody is let in."""
    (tmp_path / "file").write_text("")
    journal = LazyJournal(lambda: f"sqlite+aiosqlite:///{tmp_path / 'file' / 'j.db'}")
    cache = TokenCache(journal, lambda: datetime.now(UTC))

    with pytest.raises(JournalUnavailable):
        await cache.any_created()


async def test_without_a_journal_requests_get_503(serve: Serve, tmp_path: Path) -> None:
    """Without a journal, /health gives 200, /ready 503 and /mcp 503."""
    (tmp_path / "file").write_text("")
    url = f"sqlite+aiosqlite:///{tmp_path / 'file' / 'j.db'}"
    async with serve(database_url=url) as server, server.http() as http:
        assert (await http.get("/health")).status_code == 200
        ready = await http.get("/ready")
        assert (ready.status_code, ready.json()["journal"]) == (503, "does not work")
        assert (await http.post("/mcp")).status_code == 503


async def test_repeated_failures_are_delayed(server: RunningServer) -> None:
    """Each failure from an address is delayed longer than the one before, up to a bound."""
    async with server.http("wrong") as http:
        for _ in range(12):
            assert (await http.post("/mcp")).status_code == 401

    delays = server.sleeps.seconds
    assert delays == sorted(delays)
    assert len(delays) == 9
    assert delays[-1] == MAX_DELAY_SECONDS


async def test_a_valid_token_is_never_delayed(server: RunningServer) -> None:
    """Failures from the same address do not delay a valid token."""
    good = await server.token("good")
    async with server.http("wrong") as http:
        for _ in range(6):
            await http.post("/mcp")
    before = list(server.sleeps.seconds)

    async with server.client(good) as client:
        assert (await client.list_tools()).tools
    assert server.sleeps.seconds == before


async def test_failures_expire() -> None:
    """An address's failures expire, and the number of addresses kept is bounded."""
    clock, sleeps = Clock(), RecordedSleeps()
    throttle = Throttle(sleeps, clock)
    for _ in range(4):
        await throttle.delay_failure("a", "x")
    assert len(sleeps.seconds) == 1
    clock.now += RESET_SECONDS + 1
    await throttle.delay_failure("a", "x")
    assert len(sleeps.seconds) == 1
    for number in range(20_000):
        await throttle.delay_failure(str(number), str(number))
    assert len(throttle._failures) == MAX_REMEMBERED


class BlockedSleeps(RecordedSleeps):
    """Takes the place of sleeping, and lasts until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.over = anyio.Event()

    async def __call__(self, seconds: float) -> None:
        """Record, and wait until cancelled, or until all sleeps are over."""
        await super().__call__(seconds)
        await self.over.wait()


async def test_one_address_cannot_use_up_the_delays() -> None:
    """Of many failures from one address some are delayed; another address is delayed too."""
    sleeps = BlockedSleeps()
    throttle = Throttle(sleeps, Clock())
    async with anyio.create_task_group() as group:
        for number in range(500):
            group.start_soon(throttle.delay_failure, "attacker", str(number))
        await anyio.wait_all_tasks_blocked()
        assert len(sleeps.seconds) == MAX_DELAYED_PER_ADDRESS
        for _ in range(FREE_FAILURES + 1):
            group.start_soon(throttle.delay_failure, "somebody else", "mistyped")
        await anyio.wait_all_tasks_blocked()
        assert len(sleeps.seconds) == MAX_DELAYED_PER_ADDRESS + 1
        group.cancel_scope.cancel()


async def test_one_credential_is_delayed_from_any_address() -> None:
    """The same wrong token is delayed although each attempt comes from another address."""
    sleeps = RecordedSleeps()
    throttle = Throttle(sleeps, Clock())
    for number in range(FREE_FAILURES + 2):
        await throttle.delay_failure(f"192.0.2.{number}", "leaked long ago")

    assert len(sleeps.seconds) == 2


async def test_a_flood_of_failures_hides_no_challenge(serve: Serve) -> None:
    """While hundreds of failures wait, every other one is answered with 401 and a challenge."""
    sleeps = BlockedSleeps()
    async with serve(options={"throttle": Throttle(sleeps)}) as server:
        good = await server.token("good")

        async def guess(number: int) -> None:
            async with server.http(f"lmcp_{number}", timeout=None) as http:
                await http.post("/mcp")

        async with anyio.create_task_group() as group:
            for number in range(300):
                group.start_soon(guess, number)
            while len(sleeps.seconds) < MAX_DELAYED_PER_ADDRESS:
                await anyio.lowlevel.checkpoint()
            async with server.http("expired", timeout=None) as http:
                for _ in range(10):
                    answer = await http.post("/mcp")
                    assert answer.status_code == 401
                    assert answer.headers["www-authenticate"].startswith("Bearer")
            async with server.client(good) as client:
                assert (await client.list_tools()).tools
            group.cancel_scope.cancel()
        # Else the server would wait for them when it stops.
        sleeps.over.set()


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(
    serve: Serve, *, trusted: bool
) -> None:
    """X-Forwarded-For names the client where LOYALTY_MCP_TRUSTED_PROXIES has the sender."""
    proxies = {"trusted_proxies": "127.0.0.0/8"} if trusted else {}
    async with serve(**proxies) as server, server.http() as http:
        for number in range(12):
            headers = {
                "authorization": f"Bearer wrong-{number}",
                "x-forwarded-for": f"198.51.100.{number}",
            }
            assert (await http.post("/mcp", headers=headers)).status_code == 401
        delays = len(server.sleeps.seconds)

    assert delays == (0 if trusted else 12 - FREE_FAILURES)


async def call(
    server: RunningServer, token: str, tool: str, **arguments: Any
) -> types.CallToolResult:
    """Call a tool with a token."""
    async with server.client(token) as client:
        return await client.call_tool(tool, arguments)


async def test_an_intent_belongs_to_its_caller(serve: Serve) -> None:
    """A confirmation works for its caller only; an operator sees every intent."""
    async with serve(confirm="token") as server:
        one, two = await server.token("one", "support"), await server.token("two", "support")
        ops = await server.token("ops", operator=True)
        debit = {"member": "101", "amount": 5, "reason": "test"}

        asked = await call(server, one, "debit_points", **debit)
        assert asked.structured_content is not None
        intent = asked.structured_content["intent"]
        confirmation = asked.structured_content["confirmation"]

        stolen = await call(server, two, "debit_points", **debit, confirmation=confirmation)
        assert stolen.structured_content is not None
        assert stolen.structured_content["status"] == "confirmation_required"
        assert stolen.structured_content["intent"] != intent
        assert (await call(server, two, "check_intent", intent=intent)).is_error
        seen = await call(server, ops, "check_intent", intent=intent)
        assert not seen.is_error
        done = await call(server, one, "debit_points", **debit, confirmation=confirmation)
        assert done.structured_content is not None
        assert done.structured_content["status"] == "applied", text_of(done)


async def test_a_session_belongs_to_its_caller(server: RunningServer) -> None:
    """A session cannot be used with the token of another caller."""
    one, two = await server.token("one"), await server.token("two")
    accept = {"accept": "application/json, text/event-stream"}
    async with server.http(one) as http:
        http.headers.update(accept)
        answer = await http.post("/mcp", json=INITIALIZE)
        session = {"mcp-session-id": answer.headers["mcp-session-id"]}
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert (await http.post("/mcp", json=listing, headers=session)).status_code == 200
        stolen = await http.post(
            "/mcp", json=listing, headers={**session, "authorization": f"Bearer {two}"}
        )
        assert stolen.status_code == 404
