"""OAuth 2.1: which access tokens are valid, and what they allow."""

import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from loyalty_mcp.web.auth.oauth import OAuth
from loyalty_mcp.web.auth.signing_keys import (
    MAX_AGE_SECONDS,
    MAX_DOCUMENT_BYTES,
    RETRY_SECONDS,
    SigningKeys,
)
from loyalty_mcp.web.edge.http_errors import HttpError
from tests.web.conftest import Clock, RunningServer, Serve, in_seconds

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


NULL: Final = object()
"""Stands for a claim that is present with the value null."""


class Issuer:
    """An authorization server; counts the downloads of its keys."""

    def __init__(self) -> None:
        self.private = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.fetched = 0
        self.status = 200

    def rotate(self) -> None:
        """Use another key from now on."""
        self.private = {"two": rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def keys(self, _request: httpx2.Request) -> httpx2.Response:
        """The JWKS document."""
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
        """A client that reaches this issuer only."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.keys))

    def token(self, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A valid token with some claims replaced; a claim of None is left out."""
        (name, key), *_ = self.private.items()
        whole = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "kim",
            "exp": in_seconds(300),
            "scope": "loyalty:admin",
            **claims,
        }
        kept = {
            name: None if value is NULL else value
            for name, value in whole.items()
            if value is not None
        }
        return jwt.encode(kept, key, "RS256", headers={"kid": name, **(headers or {})})


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """One issuer for the module: generating keys takes long."""
    return Issuer()


@pytest.fixture
async def server(serve: Serve, issuer: Issuer) -> AsyncIterator[RunningServer]:
    """A server that accepts the issuer's tokens."""
    async with serve(options={"jwks_http": issuer.http()}, **OAUTH) as found:
        yield found


async def status(server: RunningServer, token: str | None) -> httpx2.Response:
    """The response to a ping."""
    async with server.http(token) as http:
        http.headers.update({"accept": "application/json, text/event-stream"})
        return await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})


async def tools(server: RunningServer, token: str) -> set[str]:
    """The names of the tools a token gets."""
    async with server.client(token) as client:
        return {tool.name for tool in (await client.list_tools()).tools}


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token assembled by hand."""
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
        *[
            pytest.param({"loyalty_member": claim}, id=f"member {json.dumps(claim)}")
            for claim in (["101"], ["101", "102"], [], {}, {"id": "101"}, True, False, 1.5, "")
        ],
        pytest.param({"loyalty_member": NULL}, id="member null"),
        pytest.param({"loyalty_member": "x" * 1_000}, id="member too long"),
        pytest.param({"headers": {"kid": "unknown"}}, id="unknown key"),
        pytest.param({"headers": {"crit": ["x"]}}, id="critical extension"),
    ],
)
async def test_an_invalid_access_token_is_challenged(
    server: RunningServer, issuer: Issuer, claims: dict[str, Any]
) -> None:
    """An invalid token gets 401 and a challenge that points to the metadata."""
    answer = await status(server, issuer.token(**claims))

    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge
    metadata = "https://loyalty.example/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata}"' in challenge


async def test_an_unsigned_token_is_refused(server: RunningServer) -> None:
    """`none` is refused in every spelling."""
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        token = forged({"alg": algorithm, "typ": "JWT", "kid": "one"}, GOOD_CLAIMS)
        assert (await status(server, token)).status_code == 401


async def test_an_hmac_with_the_public_key_is_refused(
    server: RunningServer, issuer: Issuer
) -> None:
    """An HMAC keyed with the public key is refused."""
    public = (
        issuer.private["one"]
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    import hashlib  # noqa: PLC0415 - PyJWT refuses to create such a token
    import hmac  # noqa: PLC0415 - same reason

    unsigned = forged({"alg": "HS256", "typ": "JWT", "kid": "one"}, GOOD_CLAIMS).rpartition(".")[0]
    signature = hmac.digest(public, unsigned.encode(), hashlib.sha256)
    token = f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    assert (await status(server, token)).status_code == 401


async def test_keys_in_the_token_header_are_ignored(server: RunningServer) -> None:
    """Keys and key URLs in the token's own header are ignored."""
    mine = ec.generate_private_key(ec.SECP256R1())
    shown = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(mine.public_key()))
    token = jwt.encode(
        GOOD_CLAIMS,
        mine,
        "ES256",
        headers={"jwk": shown, "jku": "https://evil.example", "kid": "one"},
    )

    assert (await status(server, token)).status_code == 401


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "x" * 20_000, "eyJ.eyJ.sig"])
async def test_malformed_tokens_are_refused(server: RunningServer, text: str) -> None:
    """A malformed token gets 401."""
    assert (await status(server, text or "x")).status_code == 401


async def test_oauth_requires_a_token_on_loopback_too(server: RunningServer) -> None:
    """With OAuth, local callers need a token too; the challenge names metadata and scope."""
    answer = await status(server, None)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")
    assert 'scope="loyalty:read"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("scope", [None, "", "openid email", "loyalty:reader", ["other"]])
async def test_a_token_without_our_scopes_gets_403(
    server: RunningServer, issuer: Issuer, scope: Any
) -> None:
    """A valid token without our scopes gets 403 and the scopes that would do."""
    answer = await status(server, issuer.token(scope=scope))

    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="loyalty:read loyalty:write loyalty:admin"' in challenge


async def test_scopes_map_to_roles(server: RunningServer, issuer: Issuer) -> None:
    """`read` gets support read-only, `write` support, `admin` everything."""
    reads = await tools(server, issuer.token(scope="openid loyalty:read"))
    writes = await tools(server, issuer.token(scope="loyalty:write loyalty:read"))
    everything = await tools(server, issuer.token(scope=None, scp=["loyalty:admin"]))

    assert "get_member_overview" in reads
    assert "credit_points" not in reads
    assert "credit_points" in writes
    assert "publish_program" not in writes
    assert reads < writes < everything
    assert "publish_program" in everything


async def test_the_member_claim_restricts_to_one_member(
    server: RunningServer, issuer: Issuer
) -> None:
    """A token with the member claim reaches that member only, whatever its scopes."""
    token = issuer.token(loyalty_member="101", scope="loyalty:admin")
    async with server.client(token) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        found = await client.call_tool("get_member_overview", {})

    assert len(names) == 6
    assert found.structured_content is not None
    assert found.structured_content["member"] == 101


async def test_oauth_makes_nobody_an_operator(server: RunningServer, issuer: Issuer) -> None:
    """An access token with the admin scope opens neither metrics nor approvals."""
    async with server.http(issuer.token()) as http:
        assert (await http.get("/metrics")).status_code == 403
        assert "Operator token" in (await http.get("/approvals")).text


METADATA: Final = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("path", [METADATA, f"{METADATA}/mcp"])
async def test_protected_resource_metadata(server: RunningServer, path: str) -> None:
    """The metadata name the resource, the issuer and the scopes."""
    async with server.http() as http:
        found = (await http.get(path)).json()

    assert found["resource"] == "https://loyalty.example/mcp"
    assert found["authorization_servers"] == [ISSUER]
    assert found["scopes_supported"] == ["loyalty:read", "loyalty:write", "loyalty:admin"]


@pytest.mark.parametrize("mcp_path", ["/mcp", "/mcp/", "/loyalty/mcp", "/loyalty/mcp/"])
async def test_metadata_under_a_base_path(serve: Serve, issuer: Issuer, mcp_path: str) -> None:
    """With a path in the public URL, the challenge points to metadata that are served."""
    settings = {**OAUTH, "public_url": "https://loyalty.example/loyalty"}
    async with (
        serve(options={"jwks_http": issuer.http()}, **settings) as server,
        server.http() as http,
    ):
        challenge = (await http.post(mcp_path)).headers["www-authenticate"]
        url = re.findall(r'resource_metadata="([^"]+)"', challenge)[0]
        assert url == f"https://loyalty.example{METADATA}/loyalty/mcp"
        documents = [
            (await http.get(path)).json()
            for path in (
                urlsplit(url).path,
                METADATA,
                f"{METADATA}/mcp",
                f"{METADATA}/loyalty",
                f"/loyalty{METADATA}",
                f"/loyalty{METADATA}/mcp",
            )
        ]

    assert {each["resource"] for each in documents} == {"https://loyalty.example/loyalty/mcp"}


async def test_without_oauth_there_is_no_metadata(serve: Serve) -> None:
    """Without OAuth the metadata path is not found."""
    async with serve() as server, server.http() as http:
        answer = await http.get("/.well-known/oauth-protected-resource")
        assert answer.status_code == 404


async def test_rotated_keys_are_downloaded_and_old_ones_dropped() -> None:
    """An unknown key id triggers a download, and removed keys stop working."""
    issuer, clock = Issuer(), Clock()
    async with issuer.http() as http:
        keys = SigningKeys(http, KEYS_URL, clock)
        oauth = OAuth(keys, issuer=ISSUER, audience=AUDIENCE, member_claim="loyalty_member")
        old = issuer.token()
        assert await oauth.principal(old) is not None
        issuer.rotate()
        new = issuer.token()
        clock.now += RETRY_SECONDS + 1
        assert await oauth.principal(new) is not None
        assert await oauth.principal(old) is None
        assert issuer.fetched == 2


async def test_unknown_key_ids_do_not_cause_downloads() -> None:
    """However many unknown key ids are presented, keys are downloaded every ten seconds at most."""
    issuer, clock = Issuer(), Clock()
    async with issuer.http() as http:
        keys = SigningKeys(http, KEYS_URL, clock)
        for number in range(100):
            assert await keys.find(f"unknown-{number}") is None
        assert issuer.fetched == 1
        clock.now += RETRY_SECONDS + 1
        await keys.find("unknown")
        assert issuer.fetched == 2


async def test_unavailable_keys_give_503() -> None:
    """Without keys tokens get 503; known keys work on for an hour after their last download."""
    issuer, clock = Issuer(), Clock()
    issuer.status = 500
    async with issuer.http() as http:
        keys = SigningKeys(http, KEYS_URL, clock)
        with pytest.raises(HttpError) as refusal:
            await keys.find("one")
        assert refusal.value.status == 503
        issuer.status = 200
        clock.now += RETRY_SECONDS + 1
        assert await keys.find("one") is not None
        issuer.status = 500
        clock.now += MAX_AGE_SECONDS - 1
        assert await keys.find("one") is not None
        clock.now += 2
        with pytest.raises(HttpError) as refusal:
            await keys.find("one")
        assert refusal.value.status == 503
        issuer.status = 200
        clock.now += RETRY_SECONDS + 1
        assert await keys.find("one") is not None


async def test_a_large_key_document_is_not_read_whole() -> None:
    """The download stops at the bound, whatever Content-Length says."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * MAX_DOCUMENT_BYTES:
            sent += 65_536
            yield b" " * 65_536

    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=endless()))
    async with httpx2.AsyncClient(transport=transport) as http:
        with pytest.raises(HttpError):
            await SigningKeys(http, KEYS_URL, Clock()).find("one")

    assert sent <= MAX_DOCUMENT_BYTES + 2 * 65_536


@pytest.mark.parametrize(
    ("required", "token_type", "accepted"),
    [
        (False, "JWT", True),
        (False, None, True),
        (False, "at+jwt", True),
        (False, "application/at+jwt", True),
        (False, "dpop+jwt", False),
        (False, "logout+jwt", False),
        (False, "secevent+jwt", False),
        (True, "at+jwt", True),
        (True, "AT+JWT", True),
        (True, "application/at+jwt", True),
        (True, "JWT", False),
        (True, None, False),
        (True, "id+jwt", False),
    ],
)
async def test_the_type_of_a_token_is_checked(
    serve: Serve, issuer: Issuer, *, required: bool, token_type: str | None, accepted: bool
) -> None:
    """Other kinds of JWT are refused, and plain ones too where `at+jwt` is required (RFC 9068)."""
    settings = {**OAUTH, "oauth_require_at_jwt": required}
    async with serve(options={"jwks_http": issuer.http()}, **settings) as server:
        answer = await status(server, issuer.token(headers={"typ": token_type}))

    assert answer.status_code == (400 if accepted else 401)


async def test_the_callers_token_is_not_sent_upstream(serve: Serve, issuer: Issuer) -> None:
    """The caller's Authorization header never reaches the upstream."""
    token = issuer.token(scope="loyalty:read")
    sent: list[str] = []

    async def look(request: httpx2.Request) -> None:
        sent.append(f"{request.url} {request.headers!r} {request.content!r}")

    async with serve(options={"jwks_http": issuer.http()}, **OAUTH) as server:
        server.upstream_hooks.append(look)
        async with server.client(token) as client:
            await client.call_tool("get_member_overview", {"member": "101"})

    assert sent
    assert not any(token in item or "authorization" in item.lower() for item in sent)
