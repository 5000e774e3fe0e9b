"""OAuth 2.0 client credentials at the sandbox: tokens are issued, checked and end."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from loyalty_mcp.sandbox.access import LocalRequestsOnly
from loyalty_mcp.sandbox.access_tokens import MOST_TOKENS, AccessTokens
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.store import real_time

TOKEN_URL = "/realms/partner/oauth/token"  # noqa: S105 - a path, not a secret
PROGRAMS = "/v3/loyalty/config/programs"
FORM = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret"}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., httpx2.AsyncClient]]:
    """Opens clients on sandboxes, with the checks of the served one."""
    opened: list[tuple[Any, httpx2.AsyncClient]] = []

    def open_on(**settings: Any) -> httpx2.AsyncClient:
        app = create_app(SandboxSettings(**settings))
        transport = httpx2.ASGITransport(app=LocalRequestsOnly(app))
        client = httpx2.AsyncClient(base_url="http://localhost", transport=transport)
        opened.append((app, client))
        return client

    yield open_on
    for app, client in opened:
        await client.aclose()
        app.state.store.close()


async def bearer(client: httpx2.AsyncClient, **form: str) -> dict[str, str]:
    """The header with a new token."""
    answer = await client.post(TOKEN_URL, data={**FORM, **form})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_token_opens_the_api_for_an_hour(serve: Callable[..., httpx2.AsyncClient]) -> None:
    """It stands in place of a key until the clock has passed its end."""
    client = serve()
    header = await bearer(client)
    assert (await client.get(PROGRAMS, headers=header)).status_code == 200

    step = {"advance_seconds": 3600}
    await client.post("/sandbox/clock", json=step)
    ended = await client.get(PROGRAMS, headers=header)
    assert (ended.status_code, ended.json()["code"]) == (401, "unauthorized")


async def test_a_scope_that_was_not_granted_is_403(
    serve: Callable[..., httpx2.AsyncClient],
) -> None:
    """Reading does not allow writing, nor writing reading."""
    client = serve()
    reads = await bearer(client, scope="loyalty:read")
    writes = await bearer(client, scope="loyalty:write contacts:read")

    assert (await client.get(PROGRAMS, headers=reads)).status_code == 200
    assert (await client.post(PROGRAMS, headers=reads, json={"name": "x"})).status_code == 403
    assert (await client.get(PROGRAMS, headers=writes)).status_code == 403
    assert (await client.post(PROGRAMS, headers=writes, json={"name": "x"})).status_code == 200
    assert (await client.get("/v3/contacts", headers=reads)).status_code == 403


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"scope": "loyalty:read crm:read"}, 400, "invalid_scope"),
    ],
)
async def test_what_no_token_is_given_for(
    serve: Callable[..., httpx2.AsyncClient], form: dict[str, str], status: int, error: str
) -> None:
    """The errors of RFC 6749; with a key of its own, the sandbox takes that key as the secret."""
    answer = await serve(api_key="s3cret").post(TOKEN_URL, data={**FORM, **form})

    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_a_made_up_token_is_401(serve: Callable[..., httpx2.AsyncClient]) -> None:
    """So is another kind of authorization."""
    client = serve()
    for header in ("Bearer made-up", "Basic czpz", "Bearer"):
        answer = await client.get(PROGRAMS, headers={"authorization": header})
        assert answer.status_code == 401


async def test_a_reset_revokes_all_tokens(serve: Callable[..., httpx2.AsyncClient]) -> None:
    """Back to the start means that nobody has a token."""
    client = serve()
    header = await bearer(client)
    await client.post("/sandbox/reset")

    assert (await client.get(PROGRAMS, headers=header)).status_code == 401


def test_only_so_many_tokens_are_kept() -> None:
    """The oldest token gives way."""
    tokens, now = AccessTokens(None), real_time()
    form = b"grant_type=client_credentials&client_id=a&client_secret=b"
    issued = [str(tokens.issue(form, now)[1]["access_token"]) for _ in range(MOST_TOKENS + 1)]

    assert tokens.scopes_of(f"Bearer {issued[0]}".encode(), now) is None
    assert tokens.scopes_of(f"Bearer {issued[1]}".encode(), now) is not None
