"""The adapters of LangChain, which start a server for each call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from mcp.types import ElicitResult

from tests.clients.story import Arguments, Person, Server, run


class Tools:
    """The tools as LangChain has made them."""

    def __init__(self, tools: list[Any]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    async def tools(self) -> list[str]:
        """The names of the tools."""
        return list(self._tools)

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool as an agent does; the content of the message to the model."""
        call = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
        message = await self._tools[name].ainvoke(call)
        return "\n".join(block["text"] for block in message.content)


@asynccontextmanager
async def connect(server: Server, person: Person | None) -> AsyncIterator[Tools]:
    """The tools; each call of one starts a server of its own."""

    async def dialog(context: Any, params: Any, called: Any) -> ElicitResult:  # noqa: ARG001
        if person is not None and person.agrees(params.message):
            return ElicitResult(action="accept", content={"agree": True})
        return ElicitResult(action="decline")

    connection = {
        "transport": "stdio",
        "command": server.command,
        "args": server.arguments,
        "env": server.environment,
    }
    callbacks = Callbacks(on_elicitation=None if person is None else dialog)
    client = MultiServerMCPClient({"loyalty": connection}, callbacks=callbacks)
    yield Tools(await client.get_tools())


if __name__ == "__main__":
    run("langchain-mcp-adapters", connect)
