"""The official Python SDK, its first line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

from tests.clients.story import Arguments, Person, Server, run


class Connected:
    """A session of the library."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def tools(self) -> list[str]:
        """The names of the tools."""
        return [tool.name for tool in (await self._session.list_tools()).tools]

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool; the text of the answer."""
        result = await self._session.call_tool(name, arguments)
        return "\n".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def connect(server: Server, person: Person | None) -> AsyncIterator[Connected]:
    """A session with a server of its own."""

    async def dialog(context: Any, params: Any) -> types.ElicitResult:  # noqa: ARG001
        if person is not None and person.agrees(params.message):
            return types.ElicitResult(action="accept", content={"agree": True})
        return types.ElicitResult(action="decline")

    started = StdioServerParameters(
        command=server.command, args=server.arguments, env=server.environment
    )
    callback = None if person is None else dialog
    async with (
        stdio_client(started) as (read, write),
        ClientSession(read, write, elicitation_callback=callback) as session,
    ):
        await session.initialize()
        yield Connected(session)


if __name__ == "__main__":
    run("mcp", connect)
