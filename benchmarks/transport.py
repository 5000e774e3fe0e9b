"""Our transport beside httpx2's own: reads a second through one client, by many callers."""

import asyncio
import time

import httpx2
from contenders import stub
from figure import Figure, compared, interleaved, per_second

from loyalty_mcp.brevo.client import CONNECTIONS, open_http_client

OURS, STOCK = "our transport", "httpx2's transport"
CALLERS = 64
PATH = "/loyalty/config/programs"


def figures(*, quick: bool) -> list[Figure]:
    """Reads a second of either transport under the same client, by 64 callers."""
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    with stub(0.0) as upstream:
        found = interleaved(
            rounds,
            {
                OURS: lambda: asyncio.run(rate(upstream, None, seconds)),
                STOCK: lambda: asyncio.run(rate(upstream, stock_transport(), seconds)),
            },
        )
    return [
        compared("reads through one client", found, OURS, STOCK, per_second, 1.3, at_least=True)
    ]


def stock_transport() -> httpx2.AsyncBaseTransport:
    """What the client uses where a proxy is set, without the proxy."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    return httpx2.AsyncHTTPTransport(limits=limits)


async def rate(upstream: str, transport: httpx2.AsyncBaseTransport | None, seconds: float) -> float:
    """Reads a second by all callers together.

    Args:
        upstream: the API root.
        transport: None for ours.
        seconds: how long they read.
    """
    async with open_http_client(upstream, "benchmark", timeout=20, transport=transport) as http:
        (await http.get(PATH)).raise_for_status()
        begun = time.perf_counter()
        ends = begun + seconds
        answered = await asyncio.gather(*(caller(http, ends) for _ in range(CALLERS)))
        return sum(answered) / (time.perf_counter() - begun)


async def caller(http: httpx2.AsyncClient, ends: float) -> int:
    """Read until the time is up; returns how often."""
    answered = 0
    while time.perf_counter() < ends:
        assert (await http.get(PATH)).content
        answered += 1
    return answered
