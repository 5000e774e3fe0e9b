"""Whoever can be reached from elsewhere needs authentication, or does not start."""

import json
import subprocess
import sys

import httpx2
import pytest

from tests.cli.test_commands import run
from tests.web.conftest import INITIALIZE, Serve
from tests.web.server_process import server_process, status_of

EXPOSED = [
    ("--public-url", "https://loyalty.example.com"),
    ("--public-url", "http://192.0.2.7:8000"),
    ("--allowed-hosts", "loyalty.example.com"),
    ("--allowed-hosts", "localhost,loyalty.example.com"),
    ("--host", "0.0.0.0"),  # noqa: S104 - refused
    ("--host", "::"),
]
NAMES = {"--public-url": "loyalty.example.com", "--allowed-hosts": "loyalty.example.com"}


@pytest.mark.parametrize("flags", EXPOSED, ids=" ".join)
def test_an_exposed_server_without_authentication_does_not_start(flags: tuple[str, str]) -> None:
    """A public URL, an allowed host or a public bind needs a token or OAuth: exit code 2."""
    command = [sys.executable, "-m", "loyalty_mcp", "serve", "--http", "--port", "0", *flags]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "token create" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("flags", [EXPOSED[0], EXPOSED[2]], ids=" ".join)
def test_an_exposed_server_serves_nobody_without_a_token(flags: tuple[str, str]) -> None:
    """Behind a proxy on the same machine, a request without a token gets 401."""
    token = run("token", "create", "--name", "agent", "--role", "support").stdout.strip()
    body = json.dumps(INITIALIZE).encode()
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: {NAMES[flags[0]]}",
        "Accept: application/json, text/event-stream",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    with server_process(*flags) as server:
        anonymous = server.exchange("\r\n".join([*lines, "", ""]).encode() + body)
        lines.append(f"Authorization: Bearer {token}")
        known = server.exchange("\r\n".join([*lines, "", ""]).encode() + body)

    assert (status_of(anonymous), status_of(known)) == (401, 200)


@pytest.mark.parametrize(
    "flags",
    [(), ("--public-url", "http://127.0.0.1:8000"), ("--allowed-hosts", "localhost,[::1]")],
    ids=["defaults", "loopback URL", "loopback names"],
)
def test_a_loopback_server_starts_without_a_token(flags: tuple[str, ...]) -> None:
    """What only this machine can reach needs no token while none exists."""
    with server_process(*flags) as server:
        answer = httpx2.post(
            f"{server.url}/mcp",
            json=INITIALIZE,
            headers={"accept": "application/json, text/event-stream"},
        )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"]
)
async def test_a_forwarded_request_needs_a_token(serve: Serve, header: str) -> None:
    """A request that a proxy has forwarded is not taken for one of this machine."""
    async with serve() as server, server.http() as http:
        http.headers["accept"] = "application/json, text/event-stream"
        direct = await http.post("/mcp", json=INITIALIZE)
        forwarded = await http.post("/mcp", json=INITIALIZE, headers={header: "203.0.113.7"})

    assert (direct.status_code, forwarded.status_code) == (200, 401)
