"""Host, Origin, URL and response headers, on every route."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from loyalty_mcp.settings import read_settings
from loyalty_mcp.web.edge.allowed_hosts import allowed_hosts
from loyalty_mcp.web.edge.security import SecurityMiddleware
from tests.web.conftest import RunningServer, Serve

PATHS = [
    "/mcp",
    "/health",
    "/ready",
    "/metrics",
    "/approvals",
    "/approvals/approvals.js",
    "/nowhere",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.1@evil", ""],
)
async def test_a_foreign_host_is_misdirected(server: RunningServer, path: str, host: str) -> None:
    """A Host that is not ours gets 421 on every route, which stops DNS rebinding."""
    async with server.http() as http:
        answer = await http.get(path, headers={"host": host})

        assert answer.status_code == 421


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"]
)
async def test_a_foreign_origin_is_refused(server: RunningServer, path: str, origin: str) -> None:
    """A page of another site gets 403 on every route."""
    async with server.http() as http:
        answer = await http.post(path, headers={"origin": origin})

        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
async def test_loopback_names_are_accepted(server: RunningServer, host: str) -> None:
    """The loopback names are accepted with any port."""
    async with server.http() as http:
        answer = await http.get("/health", headers={"host": host})

        assert answer.status_code == 200


async def test_configured_hosts_and_origins_are_accepted(serve: Serve) -> None:
    """Hosts come from the public URL and the list; origins likewise."""
    async with (
        serve(
            public_url="https://loyalty.example:8443",
            allowed_hosts="inner.example",
            allowed_origins="https://app.example",
        ) as server,
        server.http() as http,
    ):
        for host in ("loyalty.example:8443", "inner.example"):
            assert (await http.get("/health", headers={"host": host})).status_code == 200
        for origin in ("https://app.example", "https://loyalty.example:8443"):
            answer = await http.get("/health", headers={"origin": origin})
            assert answer.status_code == 200
        answer = await http.get("/health", headers={"origin": "https://other.example"})
        assert answer.status_code == 403


async def test_preflight_allows_listed_origins_only(serve: Serve) -> None:
    """A preflight succeeds for a listed origin and fails for any other."""
    asks = {"access-control-request-method": "POST"}
    async with serve(allowed_origins="https://app.example") as server, server.http() as http:
        answer = await http.options("/mcp", headers={"origin": "https://app.example", **asks})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        answer = await http.options("/mcp", headers={"origin": "https://evil.example", **asks})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["access_token", "token", "api_key", "KEY", "Authorization"])
async def test_a_token_in_the_url_is_refused(server: RunningServer, path: str, name: str) -> None:
    """A secret in the query is refused even if it is valid, because URLs end up in logs."""
    async with server.http() as http:
        answer = await http.get(path, params={name: "secret"})

        assert answer.status_code == 400
        assert "secret" not in answer.text


@pytest.mark.parametrize("path", PATHS)
async def test_every_response_has_security_headers(server: RunningServer, path: str) -> None:
    """Every response has the security headers, errors included."""
    async with server.http() as http:
        for answer in (await http.get(path), await http.get(path, headers={"host": "evil"})):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "server" not in answer.headers


async def test_hsts_is_sent_over_https(serve: Serve) -> None:
    """A server with an https public URL sends HSTS."""
    async with serve(public_url="https://loyalty.example") as server, server.http() as http:
        answer = await http.get("/health")

        assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_whitespace_around_header_values_is_stripped() -> None:
    """The application gets header values without surrounding whitespace (RFC 9110, section 5.5)."""
    found: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.extend(scope["headers"])

    middleware = SecurityMiddleware(app, allowed_hosts(read_settings(), "127.0.0.1"), https=False)
    headers = [(b"host", b" localhost\t"), (b"mcp-name", b"  find_member  ")]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}

    async def nothing(*_args: Any) -> Any:
        raise AssertionError("this application neither reads nor sends")

    await middleware(scope, nothing, nothing)

    assert found == [(b"host", b"localhost"), (b"mcp-name", b"find_member")]
