"""OAuth 2.1: whose access tokens are good here, and for what."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from loyalty_mcp.web.auth.oauth import PAUSE_SECONDS, Keys, OAuth
from loyalty_mcp.web.edge.http_errors import Refusal
from tests.web.conftest import Edge, Serve, in_seconds

ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "https://loyalty.example/mcp"
KEYS_URL: Final = "https://issuer.example/keys"
OAUTH: Final = {
    "oauth_issuer": ISSUER,
    "oauth_audience": AUDIENCE,
    "oauth_jwks_url": KEYS_URL,
    "public_url": "https://loyalty.example",
}
HOST: Final = {"host": "loyalty.example"}


class Issuer:
    """An authorization server: its keys, and how often they were fetched."""

    def __init__(self) -> None:
        self.private = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.fetched = 0
        self.status = 200

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.private = {"two": rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def keys(self, _request: httpx2.Request) -> httpx2.Response:
        """The public keys."""
        self.fetched += 1
        shown = [
            {
                **json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())),
                "kid": name,
                "alg": "RS256",
                "use": "sig",
            }
            for name, key in self.private.items()
        ]
        return httpx2.Response(self.status, json={"keys": [{"kty": "odd"}, *shown]})

    def http(self) -> httpx2.AsyncClient:
        """A client that reaches this issuer and nothing else."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.keys))

    def token(self, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token, good but for what is said otherwise; a claim of None is left out."""
        (name, key), *_ = self.private.items()
        whole = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "kim",
            "exp": in_seconds(300),
            "scope": "loyalty:admin",
            **claims,
        }
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(kept, key, "RS256", headers={"kid": name, **(headers or {})})


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """One issuer, for keys take a while to make."""
    return Issuer()


@pytest.fixture
async def edge(serve: Serve, issuer: Issuer) -> AsyncIterator[Edge]:
    """A server that takes the issuer's tokens."""
    async with serve(options={"keys_http": issuer.http()}, **OAUTH) as found:
        yield found


async def status(edge: Edge, token: str | None) -> httpx2.Response:
    """The answer to a listing of tools."""
    async with edge.http(token) as http:
        http.headers.update({"accept": "application/json, text/event-stream"})
        return await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})


async def tools(edge: Edge, token: str) -> set[str]:
    """The menu of a token."""
    async with edge.client(token) as client:
        return {tool.name for tool in (await client.list_tools()).tools}


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


GOOD_CLAIMS: Final = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "kim",
    "exp": 4_102_444_800,
    "scope": "loyalty:admin",
}


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": in_seconds(-10_000)}, id="expired"),
        pytest.param({"nbf": in_seconds(10_000)}, id="not yet"),
        pytest.param({"aud": "https://other.example/mcp"}, id="wrong audience"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"iss": "https://evil.example"}, id="wrong issuer"),
        pytest.param({"iss": f"{ISSUER}/"}, id="almost the issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"exp": None}, id="for ever"),
        pytest.param({"sub": None}, id="nobody"),
        pytest.param({"sub": "x" * 1_000}, id="endless name"),
        pytest.param({"loyalty_member": ["101", "102"]}, id="many members"),
        pytest.param({"loyalty_member": ""}, id="no member"),
        pytest.param({"headers": {"kid": "unknown"}}, id="unknown key"),
        pytest.param({"headers": {"crit": ["x"]}}, id="critical extension"),
    ],
)
async def test_a_token_that_is_not_good(edge: Edge, issuer: Issuer, claims: dict[str, Any]) -> None:
    """Expired, for others, from others, without a name: 401, with the way to a better one."""
    answer = await status(edge, issuer.token(**claims))

    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge
    metadata = "https://loyalty.example/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata}"' in challenge


async def test_unsigned(edge: Edge) -> None:
    """`none` is no signature, however it is spelled."""
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        token = forged({"alg": algorithm, "typ": "JWT", "kid": "one"}, GOOD_CLAIMS)
        assert (await status(edge, token)).status_code == 401


async def test_a_public_key_is_no_secret(edge: Edge, issuer: Issuer) -> None:
    """A token signed with the public key as if it were a shared secret is refused."""
    public = (
        issuer.private["one"]
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    import hashlib  # noqa: PLC0415 - the library refuses to make such a token
    import hmac  # noqa: PLC0415 - the same

    unsigned = forged({"alg": "HS256", "typ": "JWT", "kid": "one"}, GOOD_CLAIMS).rpartition(".")[0]
    signature = hmac.digest(public, unsigned.encode(), hashlib.sha256)
    token = f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    assert (await status(edge, token)).status_code == 401


async def test_keys_that_a_token_brings(edge: Edge) -> None:
    """A key in the token's own header is not looked at."""
    mine = ec.generate_private_key(ec.SECP256R1())
    shown = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(mine.public_key()))
    token = jwt.encode(
        GOOD_CLAIMS,
        mine,
        "ES256",
        headers={"jwk": shown, "jku": "https://evil.example", "kid": "one"},
    )

    assert (await status(edge, token)).status_code == 401


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "x" * 20_000, "eyJ.eyJ.sig"])
async def test_no_token_at_all(edge: Edge, text: str) -> None:
    """What is no token is refused like a bad one."""
    assert (await status(edge, text or "x")).status_code == 401


async def test_nobody(edge: Edge) -> None:
    """With OAuth set, this machine needs a token too; the challenge says where and for what."""
    answer = await status(edge, None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")
    assert 'scope="loyalty:read"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("scope", [None, "", "openid email", "loyalty:reader", ["other"]])
async def test_no_scope_of_ours(edge: Edge, issuer: Issuer, scope: Any) -> None:
    """A good token for other things is known, and may not: 403, with the scopes that would do."""
    answer = await status(edge, issuer.token(scope=scope))

    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="loyalty:read loyalty:write loyalty:admin"' in challenge


async def test_scopes_are_roles(edge: Edge, issuer: Issuer) -> None:
    """Reading sees, writing puts right, administering does everything."""
    reads = await tools(edge, issuer.token(scope="openid loyalty:read"))
    writes = await tools(edge, issuer.token(scope="loyalty:write loyalty:read"))
    everything = await tools(edge, issuer.token(scope=None, scp=["loyalty:admin"]))

    assert "get_member_overview" in reads
    assert "credit_points" not in reads
    assert "credit_points" in writes
    assert "publish_program" not in writes
    assert reads < writes < everything
    assert "publish_program" in everything


async def test_a_claim_is_a_member(edge: Edge, issuer: Issuer) -> None:
    """Who is said to be a member reaches that member alone, whatever the scopes."""
    token = issuer.token(loyalty_member="101", scope="loyalty:admin")
    async with edge.client(token) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        found = await client.call_tool("get_member_overview", {})

    assert len(names) == 6
    assert found.structured_content is not None
    assert found.structured_content["member"] == 101


async def test_no_operator_by_oauth(edge: Edge, issuer: Issuer) -> None:
    """An administrator's access token opens neither metrics nor approvals."""
    async with edge.http(issuer.token()) as http:
        assert (await http.get("/metrics")).status_code == 403
        assert "Operator token" in (await http.get("/approvals")).text


async def test_metadata(edge: Edge) -> None:
    """The metadata of the resource say who issues tokens, and which scopes there are."""
    async with edge.http() as http:
        for path in ("", "/mcp"):
            answer = await http.get(f"/.well-known/oauth-protected-resource{path}")
            found = answer.json()
            assert found["resource"] == "https://loyalty.example/mcp"
            assert found["authorization_servers"] == [ISSUER]
            assert found["scopes_supported"] == ["loyalty:read", "loyalty:write", "loyalty:admin"]


async def test_no_metadata_without_oauth(serve: Serve) -> None:
    """Without OAuth there is nothing to say about it."""
    async with serve() as edge, edge.http() as http:
        answer = await http.get("/.well-known/oauth-protected-resource")
        assert answer.status_code == 404


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


async def test_rotation() -> None:
    """A new key is fetched when it is first met, and an old one is then no longer good."""
    issuer, clock = Issuer(), Clock()
    async with issuer.http() as http:
        keys = Keys(http, KEYS_URL, clock)
        oauth = OAuth(keys, issuer=ISSUER, audience=AUDIENCE, member_claim="loyalty_member")
        old = issuer.token()
        assert await oauth.principal(old) is not None
        issuer.rotate()
        new = issuer.token()
        clock.now += PAUSE_SECONDS + 1
        assert await oauth.principal(new) is not None
        assert await oauth.principal(old) is None
        assert issuer.fetched == 2


async def test_unknown_keys_cost_nothing() -> None:
    """However many unknown key ids are sent, the keys are fetched once in ten seconds."""
    issuer, clock = Issuer(), Clock()
    async with issuer.http() as http:
        keys = Keys(http, KEYS_URL, clock)
        for number in range(100):
            assert await keys.key(f"unknown-{number}") is None
        assert issuer.fetched == 1
        clock.now += PAUSE_SECONDS + 1
        await keys.key("unknown")
        assert issuer.fetched == 2


async def test_keys_that_cannot_be_fetched() -> None:
    """Without keys nobody can be told from anybody: 503; with old ones the service goes on."""
    issuer, clock = Issuer(), Clock()
    issuer.status = 500
    async with issuer.http() as http:
        keys = Keys(http, KEYS_URL, clock)
        with pytest.raises(Refusal) as refusal:
            await keys.key("one")
        assert refusal.value.status == 503
        issuer.status = 200
        clock.now += PAUSE_SECONDS + 1
        assert await keys.key("one") is not None
        issuer.status = 500
        clock.now += 10_000
        assert await keys.key("one") is not None


async def test_the_callers_token_stays_here(serve: Serve, issuer: Issuer) -> None:
    """Nothing that a caller sends to be known by is sent on."""
    token = issuer.token(scope="loyalty:read")
    sent: list[str] = []

    async def look(request: httpx2.Request) -> None:
        sent.append(f"{request.url} {request.headers!r} {request.content!r}")

    async with serve(options={"keys_http": issuer.http()}, **OAUTH) as edge:
        edge.sent.append(look)
        async with edge.client(token) as client:
            await client.call_tool("get_member_overview", {"member": "101"})

    assert sent
    assert not any(token in item or "authorization" in item.lower() for item in sent)
