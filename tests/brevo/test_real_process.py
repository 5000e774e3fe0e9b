"""What an upstream and a proxy see of the real server process."""

import asyncio
import os
import re
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette

from loyalty_mcp import __version__
from tests.brevo.certificates import make_certificate
from tests.brevo.upstream import CANARY
from tests.conftest import text_of

HOST = "api.brevo.test"
"""A host name that does not resolve, so only a proxy can reach it."""


@dataclass(frozen=True)
class Seen:
    """A received request.

    Args:
        line: its first line.
        headers: by name in lower case.
    """

    line: str
    headers: Mapping[str, str]


class RecordingUpstream:
    """The sandbox behind a server that records requests and can act as a proxy.

    Args:
        sandbox: answers.
        tls: of the host behind the proxy; None if it speaks plain HTTP.
    """

    def __init__(self, sandbox: Starlette, tls: ssl.SSLContext | None = None) -> None:
        self._http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=sandbox), base_url="http://sandbox"
        )
        self._tls = tls
        self.connections = 0
        self.tunnels: list[str] = []
        self.seen: list[Seen] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *lines = head.strip().split("\r\n")
                method, target, _ = line.split(" ")
                if method == "CONNECT":
                    self.tunnels.append(target)
                    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    assert self._tls is not None
                    await writer.start_tls(self._tls)
                    continue
                pairs = (line.split(": ", 1) for line in lines)
                headers = {name.lower(): value for name, value in pairs}
                self.seen.append(Seen(line, headers))
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                writer.write(await self._answer(method, target, body))
        writer.close()

    async def _answer(self, method: str, target: str, body: bytes) -> bytes:
        target = target.removeprefix(f"http://{HOST}")
        headers = {"api-key": "test", "content-type": "application/json"}
        answer = await self._http.request(method, target, content=body, headers=headers)
        head = f"HTTP/1.1 {answer.status_code} OK\r\ncontent-length: {len(answer.content)}\r\n\r\n"
        return head.encode() + answer.content

    async def close(self) -> None:
        """Let the sandbox go."""
        await self._http.aclose()


@asynccontextmanager
async def recording(
    sandbox: Starlette, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[RecordingUpstream, int]]:
    """An upstream and its port, until the block ends."""
    upstream = RecordingUpstream(sandbox, tls)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    try:
        yield upstream, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await upstream.close()


def environment(base_url: str, state: Path, **more: str) -> dict[str, str]:
    """The environment of the server process, without a proxy unless one is given."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    ours = {"BREVO_API_KEY": CANARY, "LOYALTY_MCP_BASE_URL": base_url}
    return {**kept, **ours, "XDG_STATE_HOME": str(state), **more}


@asynccontextmanager
async def over_stdio(variables: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a server process over standard input and output."""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "loyalty_mcp"], env=variables
    )
    with open(os.devnull, "w", encoding="utf-8") as log:  # noqa: ASYNC230, PTH123 - the null device
        async with Client(stdio_client(parameters, errlog=log)) as client:
            yield client


@asynccontextmanager
async def over_http(variables: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a server process over HTTP."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loyalty_mcp", "serve", "--http", "--port", "0"),
        env=variables,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        line = (await process.stderr.readline()).decode()
        found = re.search(r"serving on (http://[^/]+/mcp)", line)
        assert found is not None, line
        async with Client(streamable_http_client(found[1])) as client:
            yield client
    finally:
        process.terminate()
        await process.communicate()


SERVERS = {"stdio": over_stdio, "HTTP": over_http}


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
async def test_one_pool_one_key_one_name(sandbox: Starlette, tmp_path: Path, server: str) -> None:
    """Every request of a process has our headers and uses the open connections."""
    opened = []
    async with recording(sandbox) as (upstream, port):
        variables = environment(f"http://127.0.0.1:{port}/v3", tmp_path, LOYALTY_MCP_CONFIRM="off")
        async with SERVERS[server](variables) as client:
            for tool, arguments in (
                ("get_member_overview", {"member": "101"}),
                ("list_programs", {}),
                ("credit_points", {"member": "101", "amount": 5, "reason": "Thanks"}),
                ("get_server_status", {}),
                ("get_member_overview", {"member": "101"}),
            ):
                answer = await client.call_tool(tool, arguments)
                assert not answer.is_error, text_of(answer)
                opened.append(upstream.connections)

    assert any(seen.line.startswith("POST ") for seen in upstream.seen)
    assert {
        (seen.headers["api-key"], seen.headers["user-agent"], seen.headers["accept-encoding"])
        for seen in upstream.seen
    } == {(CANARY, f"loyalty-mcp/{__version__}", "identity")}
    assert len(upstream.seen) > opened[0]
    assert opened == [opened[0]] * 5


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
async def test_a_proxy_is_used(sandbox: Starlette, tmp_path: Path, server: str) -> None:
    """Where `HTTPS_PROXY` is set, every request goes through its tunnel."""
    certificate = tmp_path / "certificate.pem"
    tls = make_certificate(certificate, HOST)
    async with recording(sandbox, tls) as (proxy, port):
        variables = environment(
            f"https://{HOST}/v3",
            tmp_path,
            HTTPS_PROXY=f"http://127.0.0.1:{port}",
            SSL_CERT_FILE=str(certificate),
        )
        async with SERVERS[server](variables) as client:
            answer = await client.call_tool("get_member_overview", {"member": "101"})
            assert not answer.is_error, text_of(answer)

    assert set(proxy.tunnels) == {f"{HOST}:443"}
    assert {seen.headers["api-key"] for seen in proxy.seen} == {CANARY}
    assert {seen.headers["user-agent"] for seen in proxy.seen} == {f"loyalty-mcp/{__version__}"}


@pytest.mark.slow
async def test_a_proxy_for_something_else_is_not_used(sandbox: Starlette, tmp_path: Path) -> None:
    """A proxy for other schemes, or with this host excluded, is not used."""
    async with recording(sandbox) as (upstream, port):
        for more in (
            {"HTTPS_PROXY": "http://127.0.0.1:1"},
            {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"},
        ):
            variables = environment(f"http://127.0.0.1:{port}/v3", tmp_path, **more)
            async with over_stdio(variables) as client:
                answer = await client.call_tool("list_programs", {})
                assert not answer.is_error, text_of(answer)

    assert len(upstream.seen) >= 2
