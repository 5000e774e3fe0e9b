"""A peer: eight tools by hand on the official SDK's low-level server, one request each."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from shapes import TOOLS, described, request_of


@asynccontextmanager
async def lifespan(_server: Server[httpx2.AsyncClient]) -> AsyncIterator[httpx2.AsyncClient]:
    """One pooled client for the process."""
    async with httpx2.AsyncClient(
        base_url=os.environ["UPSTREAM"], headers={"api-key": "benchmark"}
    ) as http:
        yield http


async def list_tools(_ctx: Any, _params: Any) -> types.ListToolsResult:
    """The eight tools."""
    return types.ListToolsResult(
        tools=[
            types.Tool(name=name, description=tool.description, input_schema=described(tool))
            for name, tool in TOOLS.items()
        ]
    )


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    """One upstream request, its answer passed on."""
    method, path, query, body = request_of(params.name, params.arguments or {})
    response = await ctx.lifespan_context.request(method, path, params=query, json=body)
    answer = response.json()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(answer))],
        structured_content=answer,
        is_error=response.status_code >= 400,
    )


async def main() -> None:
    """Serve until the input ends."""
    server: Server[httpx2.AsyncClient] = Server(
        "low-level", lifespan=lifespan, on_list_tools=list_tools, on_call_tool=call_tool
    )
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


anyio.run(main)
