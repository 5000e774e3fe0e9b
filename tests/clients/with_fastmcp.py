"""The client of FastMCP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport

from tests.clients.story import Arguments, Person, Server, run


class Connected:
    """A session of the library."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def tools(self) -> list[str]:
        """The names of the tools."""
        return [tool.name for tool in await self._client.list_tools()]

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool; the text of the answer."""
        result = await self._client.call_tool(name, arguments, raise_on_error=False)
        return "\n".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def connect(server: Server, person: Person | None) -> AsyncIterator[Connected]:
    """A session with a server of its own."""

    async def dialog(message: str, form: Any, *_: Any) -> Any:
        if person is not None and person.agrees(message):
            return form(agree=True)
        return ElicitResult(action="decline")

    transport = StdioTransport(
        server.command, server.arguments, env=server.environment, keep_alive=False
    )
    handler = None if person is None else dialog
    async with Client(transport, elicitation_handler=handler) as client:
        yield Connected(client)


if __name__ == "__main__":
    run("fastmcp", connect)
