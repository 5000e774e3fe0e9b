"""The MCP server as an ASGI application, in both eras of the protocol."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.server.handlers import PRINCIPAL

MAX_SESSIONS: Final = 2_000
"""Limit of sessions of handshake clients; further ones get status 503."""


@dataclass(frozen=True, slots=True)
class McpEndpoint:
    """The MCP server over HTTP.

    Args:
        run: runs the session manager; entered once for the process.
        app: answers requests that have a principal in their scope.
        meta: what the protocol without sessions adds to the `_meta` of every result.
    """

    run: Callable[[], AbstractAsyncContextManager[None]]
    app: ASGIApp
    meta: Mapping[str, Any]


def mcp_endpoint(
    server: Server[None], *, sessions: bool, session_idle: float, max_body_bytes: int
) -> McpEndpoint:
    """The MCP server as an ASGI application.

    Args:
        server: finds the caller's tools by the principal in the request's scope.
        sessions: whether handshake clients get a session in this process, and thus dialogs. Without
            sessions, each request is self-contained and any replica can answer it.
        session_idle: seconds after which an unused session ends.
        max_body_bytes: size limit of a body.
    """
    manager = StreamableHTTPSessionManager(
        server,
        json_response=not sessions,
        stateless=not sessions,
        # `edge/security.py` checks Host and Origin on every route.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=max_body_bytes,
        session_idle_timeout=session_idle,
        max_sessions=MAX_SESSIONS,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # The library lets only the user who opened a session use it.
        user = AccessToken(token="", client_id=scope[PRINCIPAL].name, scopes=[])
        await manager.handle_request({**scope, "user": AuthenticatedUser(user)}, receive, send)

    return McpEndpoint(manager.run, app, {types.SERVER_INFO_META_KEY: server.server_info_stamp})
