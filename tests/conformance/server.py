"""Our server over HTTP, with the fixtures of the conformance suite added.

Everything else is answered by the product itself, through the same application factory. Run as a
program: `python -m tests.conformance.server PORT`.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import mcp_types as types
import uvicorn

from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.settings import read_settings
from loyalty_mcp.web.app import create_app
from loyalty_mcp.web.metrics import CallMetrics
from tests.conformance import fixtures
from tests.conformance.fixtures import Context

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

Handler = Callable[[Context, Any], Awaitable[Any]]


def with_fixtures(server: "Server[None]") -> "Server[None]":
    """The server, which answers the suite's fixtures first."""

    def ours(method: str) -> Handler:
        entry = server.get_request_handler(method)
        assert entry is not None, method
        return entry.handler

    call, listed = ours("tools/call"), ours("tools/list")
    read, resources = ours("resources/read"), ours("resources/list")
    templates, prompt, prompts = (
        ours("resources/templates/list"),
        ours("prompts/get"),
        ours("prompts/list"),
    )

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> Any:
        tool = fixtures.TOOLS.get(params.name)
        return await (call if tool is None else tool)(ctx, params)

    async def list_tools(ctx: Context, params: types.PaginatedRequestParams) -> Any:
        menu: types.ListToolsResult = await listed(ctx, params)
        more = [
            types.Tool(name=name, description="A fixture", input_schema=fixtures.ANYTHING)
            for name in fixtures.TOOLS
        ]
        return types.ListToolsResult(tools=[*menu.tools, *more])

    async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> Any:
        return fixtures.resource(params.uri) or await read(ctx, params)

    async def list_resources(ctx: Context, params: types.PaginatedRequestParams) -> Any:
        found: types.ListResourcesResult = await resources(ctx, params)
        more = [types.Resource(uri=uri, name=uri) for uri in fixtures.STATIC]
        return types.ListResourcesResult(resources=[*found.resources, *more])

    async def list_templates(ctx: Context, params: types.PaginatedRequestParams) -> Any:
        found: types.ListResourceTemplatesResult = await templates(ctx, params)
        more = types.ResourceTemplate(uri_template=fixtures.TEMPLATE, name="data")
        return types.ListResourceTemplatesResult(
            resource_templates=[*found.resource_templates, more]
        )

    async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> Any:
        known = params.name in fixtures.PROMPTS
        return fixtures.prompt(params) if known else await prompt(ctx, params)

    async def list_prompts(ctx: Context, params: types.PaginatedRequestParams) -> Any:
        found: types.ListPromptsResult = await prompts(ctx, params)
        more = [
            types.Prompt(
                name=name,
                description="A fixture",
                arguments=[types.PromptArgument(name=each, required=True) for each in arguments],
            )
            for name, arguments in fixtures.PROMPTS.items()
        ]
        return types.ListPromptsResult(prompts=[*found.prompts, *more])

    async def nothing(_ctx: Context, _params: Any) -> types.EmptyResult:
        return types.EmptyResult()

    server.add_request_handler("tools/call", types.CallToolRequestParams, call_tool)
    server.add_request_handler("tools/list", types.PaginatedRequestParams, list_tools)
    server.add_request_handler("resources/read", types.ReadResourceRequestParams, read_resource)
    server.add_request_handler("resources/list", types.PaginatedRequestParams, list_resources)
    server.add_request_handler(
        "resources/templates/list", types.PaginatedRequestParams, list_templates
    )
    server.add_request_handler("prompts/get", types.GetPromptRequestParams, get_prompt)
    server.add_request_handler("prompts/list", types.PaginatedRequestParams, list_prompts)
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, nothing)
    server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, nothing)
    server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, nothing)
    return server


class FixtureRuntime(Runtime):
    """The runtime of the product, with the fixtures in front of its server."""

    def http_server(self) -> "Server[None]":
        """The server over HTTP."""
        return with_fixtures(super().http_server())


def main(port: int) -> None:
    """Serve on loopback until told to stop."""
    fixtures.quiet()
    calls = CallMetrics()
    made = compose(read_settings(), observe=calls.observe)
    runtime = FixtureRuntime(**{name: getattr(made, name) for name in Runtime.__dataclass_fields__})
    uvicorn.run(create_app(runtime, calls), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
