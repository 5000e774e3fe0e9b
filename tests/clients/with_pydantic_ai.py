"""The toolset of Pydantic AI, which shows a model the structured content alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from pydantic_ai import ModelRetry, RunContext, RunUsage
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ToolReturn, ToolReturnPart
from pydantic_ai.models.test import TestModel

from tests.clients.story import Arguments, Person, Server, run


class Connected:
    """A session of the library."""

    def __init__(self, toolset: Any, context: Any, tools: dict[str, Any]) -> None:
        self._toolset, self._context, self._tools = toolset, context, tools

    async def tools(self) -> list[str]:
        """The names of the tools."""
        return list(self._tools)

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool as an agent does; what the model gets of the answer."""
        try:
            answer = await self._toolset.call_tool(
                name, arguments, self._context, self._tools[name]
            )
        except ModelRetry as error:
            return str(error.message)
        value = answer.return_value if isinstance(answer, ToolReturn) else answer
        return str(ToolReturnPart(tool_name=name, content=value).model_response_str())


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
    context = RunContext(deps=None, model=TestModel(), usage=RunUsage())
    async with MCPToolset(transport, elicitation_handler=handler) as toolset:
        yield Connected(toolset, context, await toolset.get_tools(context))


if __name__ == "__main__":
    run("pydantic-ai-slim", connect)
