"""The Agents SDK of OpenAI, with strict schemas; it has no dialogs."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from agents import Agent, RunContextWrapper, set_tracing_disabled
from agents.mcp import MCPServerStdio, MCPUtil
from agents.tool_context import ToolContext

from tests.clients.story import Arguments, Person, Server, run

EMPTY: Final = {"string": "", "array": [], "number": 0, "integer": 0, "boolean": False}
"""What a model puts into an argument that strict mode makes it give."""


class Tools:
    """The tools as the library gives them to a model."""

    def __init__(self, tools: list[Any]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    async def tools(self) -> list[str]:
        """The names of the tools whose schemas are strict."""
        return [name for name, tool in self._tools.items() if tool.strict_json_schema]

    async def call(self, name: str, arguments: Arguments) -> str:
        """Call a tool as a model in strict mode does: with every argument."""
        tool = self._tools[name]
        properties = tool.params_json_schema["properties"]
        empty = {key: EMPTY[schema["type"]] for key, schema in properties.items()}
        sent = json.dumps({**empty, **arguments})
        context = ToolContext(None, tool_name=name, tool_call_id="1", tool_arguments=sent)
        output = await tool.on_invoke_tool(context, sent)
        return str(output["text"])


@asynccontextmanager
async def connect(server: Server, _: Person | None) -> AsyncIterator[Tools]:
    """A session with a server of its own."""
    started = {
        "command": server.command,
        "args": server.arguments,
        "env": server.environment,
    }
    async with MCPServerStdio(started, client_session_timeout_seconds=60) as connected:
        agent = Agent("Copilot", mcp_servers=[connected])
        tools = await MCPUtil.get_function_tools(connected, True, RunContextWrapper(None), agent)
        yield Tools(tools)


if __name__ == "__main__":
    set_tracing_disabled(disabled=True)
    run("openai-agents", connect, dialogs=False)
