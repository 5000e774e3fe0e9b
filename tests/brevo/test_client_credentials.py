"""Access tokens instead of a key: requested once, renewed, and never shown."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import anyio
import httpx2
import pytest

from loyalty_mcp.brevo.client import Brevo, open_http_client
from loyalty_mcp.brevo.client_credentials import ClientCredentials
from loyalty_mcp.brevo.operations.programs import create_program, list_programs
from loyalty_mcp.errors import BadSetting, NotAuthorized, Unavailable
from loyalty_mcp.intents.account import account_of
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings

SECRET = "client-secret-canary"  # noqa: S105 - made up
PROGRAM = {"id": "27aadd7a-af67-4020-ba65-19d60000a26e", "name": "Club", "state": "active"}


class Upstream:
    """Brevo as a function that issues numbered tokens and answers everything else."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.valid = {"token-1", "token-2", "token-3"}
        self.refusal: httpx2.Response | None = None
        self.lost = False
        self.scopes: list[str | None] = []
        self.narrow = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        if request.url.path == "/realms/partner/oauth/token":
            return self._token(request)
        self.requests.append(request)
        token = request.headers["authorization"].removeprefix("Bearer ")
        if token not in self.valid:
            return httpx2.Response(401, json={"message": f"token {token} of {SECRET} is revoked"})
        if request.method == "GET":
            return httpx2.Response(200, json={"items": [PROGRAM]})
        return httpx2.Response(200, json=PROGRAM)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        scope = form.pop("scope", None)
        assert form == {
            "grant_type": "client_credentials",
            "client_id": "app-1",
            "client_secret": SECRET,
        }
        assert "authorization" not in request.headers
        self.scopes.append(scope)
        if self.lost:
            raise httpx2.ReadTimeout("lost", request=request)
        if self.narrow and scope is not None:
            return httpx2.Response(400, json={"error": "invalid_scope"})
        if self.refusal is not None:
            return self.refusal
        token = f"token-{len(self.scopes)}"
        return httpx2.Response(200, json={"access_token": token, "expires_in": 3600})


class Clock:
    """A clock that tests advance."""

    now = 1000.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


@pytest.fixture
def upstream() -> Upstream:
    """The simulated Brevo."""
    return Upstream()


@asynccontextmanager
async def client_of(upstream: Callable[[httpx2.Request], httpx2.Response]) -> AsyncIterator[Brevo]:
    """A client with client credentials; its clock is `brevo.clock`."""
    transport = httpx2.MockTransport(upstream)
    http = open_http_client("https://api.brevo.com/v3", None, timeout=5, transport=transport)
    http.auth = ClientCredentials(http, "app-1", SECRET, timeout=1, clock=CLOCK)
    yield Brevo(http, timeout=5)
    await http.aclose()


CLOCK = Clock()


async def test_one_token_serves_many_requests(upstream: Upstream) -> None:
    """Simultaneous callers wait for the same token; no key is sent."""
    async with client_of(upstream) as brevo, anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            tasks.start_soon(brevo.send, create_program(name))

    assert len(upstream.scopes) == 1
    assert [each.headers["authorization"] for each in upstream.requests] == ["Bearer token-1"] * 3
    assert all("api-key" not in each.headers for each in upstream.requests)
    assert set((upstream.scopes[0] or "").split()) >= {"loyalty:read", "loyalty:write"}


async def test_a_token_is_renewed_before_its_end(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute before the hour is over, the next request asks for a new token."""
    async with client_of(upstream) as brevo:
        await brevo.send(create_program("a"))
        monkeypatch.setattr(CLOCK, "now", CLOCK.now + 3539)
        await brevo.send(create_program("b"))
        monkeypatch.setattr(CLOCK, "now", CLOCK.now + 1)
        await brevo.send(create_program("c"))

    tokens = [each.headers["authorization"] for each in upstream.requests]
    assert tokens == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_read_whose_token_was_revoked_is_made_again(upstream: Upstream) -> None:
    """A read may be repeated with a new token."""
    upstream.valid.remove("token-1")
    async with client_of(upstream) as brevo:
        assert (await brevo.send(list_programs())).items[0].name == "Club"

    assert len(upstream.requests) == 2


async def test_a_change_whose_token_was_revoked_is_refused_and_not_sent_again(
    upstream: Upstream,
) -> None:
    """Nothing was changed, the next call has a new token, and no secret is quoted."""
    upstream.valid.remove("token-1")
    async with client_of(upstream) as brevo:
        with pytest.raises(NotAuthorized, match="Nothing was changed") as refused:
            await brevo.send(create_program("a"))
        assert len(upstream.requests) == 1
        await brevo.send(create_program("a"))

    assert str(refused.value) == (
        "Brevo refuses the access token. Nothing was changed. It said: "
        '"token *** of *** is revoked". '
        "The operator has to check BREVO_CLIENT_ID and BREVO_CLIENT_SECRET."
    )


async def test_a_lost_token_means_that_the_change_was_not_sent(upstream: Upstream) -> None:
    """The outcome of a change is known if its request was never sent."""
    upstream.lost = True
    async with client_of(upstream) as brevo:
        with pytest.raises(Unavailable, match="nothing was changed"):
            await brevo.send(create_program("a"))

    assert upstream.requests == []


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"access_token": 5}'])
async def test_an_answer_without_a_token_is_none(upstream: Upstream, body: bytes) -> None:
    """Whatever the token endpoint answers, nothing is sent without a token."""
    upstream.refusal = httpx2.Response(200, content=body)
    async with client_of(upstream) as brevo:
        with pytest.raises(Unavailable, match="nothing was changed"):
            await brevo.send(create_program("a"))


async def test_refused_credentials_are_told_with_what_to_check(upstream: Upstream) -> None:
    """The answer names the settings and quotes only the error."""
    upstream.refusal = httpx2.Response(401, json={"error": "invalid_client", "hint": SECRET})
    async with client_of(upstream) as brevo:
        with pytest.raises(NotAuthorized) as refused:
            await brevo.send(list_programs())

    assert str(refused.value) == (
        "Brevo gives no access token for these client credentials; nothing was changed. It said: "
        '"invalid_client". The operator has to check BREVO_CLIENT_ID and BREVO_CLIENT_SECRET.'
    )


async def test_an_app_with_fewer_scopes_gets_those_it_has(upstream: Upstream) -> None:
    """A scope that was not granted does not affect the others."""
    upstream.narrow = True
    async with client_of(upstream) as brevo:
        await brevo.send(list_programs())

    assert upstream.scopes[1] is None


def test_neither_secret_nor_token_is_shown() -> None:
    """A `repr` shows only the app."""
    http = httpx2.AsyncClient()
    shown = repr(ClientCredentials(http, "app-1", SECRET, timeout=1))

    assert shown == "ClientCredentials('app-1')"


async def test_it_works_on_the_sandbox() -> None:
    """The sandbox issues the token and accepts it."""
    app = create_app()
    transport = httpx2.ASGITransport(app=app)
    http = open_http_client("http://sandbox/v3", None, timeout=5, transport=transport)
    http.auth = ClientCredentials(http, "app-1", SECRET, timeout=1)
    found = await Brevo(http, timeout=5).send(list_programs())
    await http.aclose()
    app.state.store.close()

    assert [each.name for each in found.items] == ["VIP Club"]


# Settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"client_id": "a"}, "BREVO_CLIENT_ID is set, and BREVO_CLIENT_SECRET is not; give both."),
        (
            {"client_secret": "b"},
            "BREVO_CLIENT_SECRET is set, and BREVO_CLIENT_ID is not; give both.",
        ),
        (
            {"client_id": "a", "client_secret": "b", "api_key": "xkeysib-1"},
            "BREVO_API_KEY and BREVO_CLIENT_ID are both set; give one.",
        ),
    ],
)
def test_credentials_are_whole_and_of_one_kind(given: dict[str, str], said: str) -> None:
    """Incomplete credentials, or both kinds, stop the start with one sentence."""
    with pytest.raises(BadSetting) as refused:
        compose(read_settings(**given))

    assert str(refused.value) == said


async def test_the_settings_make_a_client_with_tokens() -> None:
    """A server with client credentials does not use the sandbox, and sends no key."""
    settings = read_settings(client_id="app-1", client_secret=SECRET)
    runtime = compose(settings)
    await runtime.close()

    assert isinstance(runtime.http.auth, ClientCredentials)
    assert "api-key" not in runtime.http.headers
    assert not settings.sandbox
    assert SECRET not in json.dumps(repr(settings))


def test_an_account_outlives_its_secret() -> None:
    """A rotated secret belongs to the same account; another app may not."""
    first, rotated, other = (
        account_of(read_settings(client_id=app, client_secret=secret))
        for app, secret in (("app-1", "a"), ("app-1", "b"), ("app-2", "a"))
    )

    assert first == rotated != other
