"""Shared fixtures of the field cases: a client of a server with a given upstream."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import mcp_types as types
import pytest
from mcp import Client

from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
from tests.conftest import Mode, text_of

ConnectTo = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def mode() -> Mode:
    """One era of the protocol, because these cases are the same in both."""
    return "auto"


@pytest.fixture
def connect_to() -> ConnectTo:
    """Connects a client to a server with an upstream of the test's own."""

    @asynccontextmanager
    async def connected(upstream: Any, **flags: Any) -> AsyncIterator[Client]:
        runtime = compose(read_settings(**{"confirm": "token", **flags}), upstream)
        try:
            async with Client(runtime.server()) as client:
                yield client
        finally:
            await runtime.close()

    return connected


async def answer_of(client: Client, tool: str, **arguments: Any) -> types.CallToolResult:
    """The answer of a tool that has to succeed."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, text_of(answer)
    return answer


async def agreed(client: Client, tool: str, **arguments: Any) -> types.CallToolResult:
    """The outcome of a change: previewed, then confirmed with the same arguments."""
    preview = await answer_of(client, tool, **arguments)
    assert preview.structured_content["status"] == "confirmation_required", text_of(preview)
    confirmation = preview.structured_content["confirmation"]
    return await client.call_tool(tool, {**arguments, "confirmation": confirmation})


async def refusal_of(client: Client, tool: str, **arguments: Any) -> str:
    """The text of a call that has to be refused."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, text_of(answer)
    return text_of(answer)
