"""The official Python SDK, its second line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import mcp_types as types
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.clients.story import Arguments, Person, Server, run


class Connected:
    """A session of the library."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> list[str]:
        """The names of the tools."""
        return [tool.name for tool in (await self._client.list_tools()).tools]

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool; the text of the answer."""
        result = await self._client.call_tool(name, arguments)
        return "\n".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def connect(server: Server, person: Person | None) -> AsyncIterator[Connected]:
    """A session with a server of its own."""

    async def dialog(
        context: ClientRequestContext,  # noqa: ARG001 - the library passes it
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        if person is not None and person.agrees(params.message):
            return types.ElicitResult(action="accept", content={"agree": True})
        return types.ElicitResult(action="decline")

    started = StdioServerParameters(
        command=server.command, args=server.arguments, env=server.environment
    )
    callback = None if person is None else dialog
    async with Client(stdio_client(started), elicitation_callback=callback) as client:
        yield Connected(client)


if __name__ == "__main__":
    run("mcp", connect)
