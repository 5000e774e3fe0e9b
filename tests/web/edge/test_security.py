"""What is refused before anybody asks who calls."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from loyalty_mcp.settings import read_settings
from loyalty_mcp.web.edge.allowed_hosts import addresses
from loyalty_mcp.web.edge.security import Gate
from tests.web.conftest import Edge, Serve

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
async def test_evil_host(edge: Edge, path: str, host: str) -> None:
    """A name that is not ours is misdirected on every route: DNS rebinding ends here."""
    async with edge.http() as http:
        answer = await http.get(path, headers={"host": host})

        assert answer.status_code == 421


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"]
)
async def test_evil_origin(edge: Edge, path: str, origin: str) -> None:
    """A page of another site may not call, whichever route."""
    async with edge.http() as http:
        answer = await http.post(path, headers={"origin": origin})

        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
async def test_names_of_this_machine(edge: Edge, host: str) -> None:
    """The names of this machine are ours, with any port."""
    async with edge.http() as http:
        answer = await http.get("/health", headers={"host": host})

        assert answer.status_code == 200


async def test_given_names(serve: Serve) -> None:
    """Names come from the public address and from the list; origins from theirs."""
    async with (
        serve(
            public_url="https://loyalty.example:8443",
            allowed_hosts="inner.example",
            allowed_origins="https://app.example",
        ) as edge,
        edge.http() as http,
    ):
        for host in ("loyalty.example:8443", "inner.example"):
            assert (await http.get("/health", headers={"host": host})).status_code == 200
        for origin in ("https://app.example", "https://loyalty.example:8443"):
            answer = await http.get("/health", headers={"origin": origin})
            assert answer.status_code == 200
        answer = await http.get("/health", headers={"origin": "https://other.example"})
        assert answer.status_code == 403


async def test_preflight(serve: Serve) -> None:
    """A browser learns that a listed origin may call, and that no other may."""
    asks = {"access-control-request-method": "POST"}
    async with serve(allowed_origins="https://app.example") as edge, edge.http() as http:
        answer = await http.options("/mcp", headers={"origin": "https://app.example", **asks})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        answer = await http.options("/mcp", headers={"origin": "https://evil.example", **asks})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["access_token", "token", "api_key", "KEY", "Authorization"])
async def test_token_in_the_address(edge: Edge, path: str, name: str) -> None:
    """A secret in an address is refused, good or not: addresses are kept in logs."""
    async with edge.http() as http:
        answer = await http.get(path, params={name: "secret"})

        assert answer.status_code == 400
        assert "secret" not in answer.text


@pytest.mark.parametrize("path", PATHS)
async def test_safe_headers(edge: Edge, path: str) -> None:
    """Every answer, refusals included, carries the headers that keep browsers in check."""
    async with edge.http() as http:
        for answer in (await http.get(path), await http.get(path, headers={"host": "evil"})):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "server" not in answer.headers


async def test_https_is_kept(serve: Serve) -> None:
    """Whoever is reached by HTTPS tells browsers to stay there."""
    async with serve(public_url="https://loyalty.example") as edge, edge.http() as http:
        answer = await http.get("/health")

        assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_space_around_a_value_means_nothing() -> None:
    """What stands behind the gate finds the values of headers without the space around them."""
    found: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.extend(scope["headers"])

    gate = Gate(app, addresses(read_settings(), "127.0.0.1"), secure=False)
    headers = [(b"host", b" localhost\t"), (b"mcp-name", b"  find_member  ")]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}

    async def nothing(*_args: Any) -> Any:
        raise AssertionError("nobody reads or sends here")

    await gate(scope, nothing, nothing)

    assert found == [(b"host", b"localhost"), (b"mcp-name", b"find_member")]
