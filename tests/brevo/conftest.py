"""Fixtures for tests of the upstream client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
import httpx2
import pytest

from loyalty_mcp.brevo.client import Brevo, open_http_client
from tests.brevo.upstream import CANARY, Handler, Open

TIMEOUT = 20.0
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def open_brevo() -> AsyncIterator[Open]:
    """Opens a client with a function as its network and the loop's clock."""
    opened: list[httpx2.AsyncClient] = []

    def open_one(handler: Handler) -> Brevo:
        transport = httpx2.MockTransport(handler)
        http = open_http_client("https://api.test/v3", CANARY, timeout=TIMEOUT, transport=transport)
        opened.append(http)
        begun = anyio.current_time()
        return Brevo(
            http,
            timeout=TIMEOUT,
            now=lambda: START + timedelta(seconds=anyio.current_time() - begun),
        )

    yield open_one
    for http in opened:
        await http.aclose()
