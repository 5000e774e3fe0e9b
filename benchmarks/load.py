"""Bare HTTP clients of the 2026-07-28 protocol: so many callers, each waiting for its answer."""

import asyncio
import json
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from exchange import body_after

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(frozen=True)
class Load:
    """What some callers saw.

    Args:
        rate: answers a second.
        latency: the median of the seconds that an answer took.
    """

    rate: float
    latency: float


def call_request(port: int, tool: str, arguments: dict[str, Any]) -> bytes:
    """A tool call as bytes on the wire."""
    params = {"name": tool, "arguments": arguments, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    head = (
        "POST /mcp HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "accept: application/json, text/event-stream",
        "content-type: application/json",
        "mcp-protocol-version: 2026-07-28",
        "mcp-method: tools/call",
        f"mcp-name: {tool}",
        f"content-length: {len(body)}",
    )
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return await body_after(head, reader)


async def _caller(port: int, request: bytes, ends: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (begun := time.perf_counter()) < ends:
        writer.write(request)
        body = await _answer(reader)
        assert b'"isError":true' not in body, body
        took.append(time.perf_counter() - begun)
    writer.close()


def loaded(port: int, requests: list[bytes], *, seconds: float) -> Load:
    """A caller for each request, which it repeats for so long."""

    async def run() -> list[float]:
        took: list[float] = []
        ends = time.perf_counter() + seconds
        await asyncio.gather(*(_caller(port, each, ends, took) for each in requests))
        return took

    begun = time.perf_counter()
    took = asyncio.run(run())
    return Load(len(took) / (time.perf_counter() - begun), median(took))
