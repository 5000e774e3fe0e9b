"""The MCP server, built from its handlers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import anyio

from loyalty_mcp.brevo.tracing import sdk_installed
from loyalty_mcp.intents.roles import definition_of
from loyalty_mcp.server.elicitation import RequestContext
from loyalty_mcp.server.handlers import Handlers
from loyalty_mcp.server.lazy_models import built_on_first_use
from loyalty_mcp.settings import Settings

with built_on_first_use():
    from mcp.server.apps import EXTENSION_ID
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware
    from mcp.server.lowlevel import Server
    from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity

NAME: Final = "loyalty-mcp"

Lifespan = Callable[[Server[None]], AbstractAsyncContextManager[None]]


def server_lifespan(
    background: Callable[[], Coroutine[Any, Any, None]], close: Callable[[], Awaitable[None]]
) -> Lifespan:
    """The lifespan of a server.

    Args:
        background: runs while the server serves; cancelled when it ends.
        close: called once, when the server ends.
    """

    @asynccontextmanager
    async def lifespan(_server: Server[None]) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(background)
            try:
                yield None
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await close()

    return lifespan


def only_with_telemetry(middleware: ServerMiddleware[Any]) -> ServerMiddleware[Any]:
    """Run a middleware that creates spans only if an OpenTelemetry SDK is installed."""

    async def traced(ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        return await (middleware(ctx, call_next) if sdk_installed() else call_next(ctx))

    return traced


def build_server(handlers: Handlers, lifespan: Lifespan) -> Server[None]:
    """The MCP server.

    Args:
        handlers: answer the requests.
        lifespan: what runs in the background, and what is closed at the end.
    """
    settings = handlers.context.settings
    name = f"{NAME} (sandbox)" if settings.sandbox else NAME
    server: Server[None] = Server(
        name,
        version=version(NAME),
        title="Loyalty MCP [sandbox]" if settings.sandbox else "Loyalty MCP",
        instructions=definition_of(settings.role).instructions,
        lifespan=lifespan,
        get_tool_input_schema=no_schema_for_headers,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
        on_completion=handlers.complete,
    )
    server.extensions[EXTENSION_ID] = {}
    server.middleware[:] = [only_with_telemetry(middleware) for middleware in server.middleware]
    server.middleware.append(RequestStateBoundary(state_security(settings), default_audience=name))
    return server


def no_schema_for_headers(_tool: str) -> None:
    """Return no schema to the library: none of our arguments is mirrored in an HTTP header."""


def state_security(settings: Settings) -> RequestStateSecurity:
    """How a suspended call is sealed: with the shared secrets, or with a secret of this process."""
    lifetime = float(max(settings.intent_ttl, settings.dialog_timeout) + 60)
    if not settings.secrets:
        return RequestStateSecurity.ephemeral(ttl=lifetime)
    return RequestStateSecurity(keys=settings.secrets, ttl=lifetime)
