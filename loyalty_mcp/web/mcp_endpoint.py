"""The MCP server as an application of ASGI: both eras of the protocol at one path."""

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

SESSION_IDLE_SECONDS: Final = 600.0
MOST_SESSIONS: Final = 2_000
"""Sessions of handshake clients at once; one more is told to come back (503)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server over HTTP.

    Args:
        run: the life of the server, once for the process.
        app: answers requests in whose scope the principal stands.
        identity: what the protocol without sessions puts beside every answer.
    """

    run: Callable[[], AbstractAsyncContextManager[None]]
    app: ASGIApp
    identity: Mapping[str, Any]


def http_endpoint(server: Server[None], *, sessions: bool, max_body: int) -> Endpoint:
    """The server as an application of ASGI.

    Args:
        server: its desks are found by `principal_of`.
        sessions: whether handshake clients get a session of this process, and so dialogs; without,
            each request stands alone and any replica answers it.
        max_body: bytes.
    """
    manager = StreamableHTTPSessionManager(
        server,
        json_response=not sessions,
        stateless=not sessions,
        # Hosts and origins are looked at before, on every route.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=max_body,
        session_idle_timeout=SESSION_IDLE_SECONDS,
        max_sessions=MOST_SESSIONS,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # A session belongs to whoever began it.
        owner = AccessToken(token="", client_id=scope[PRINCIPAL].name, scopes=[])
        await manager.handle_request({**scope, "user": AuthenticatedUser(owner)}, receive, send)

    return Endpoint(manager.run, app, {types.SERVER_INFO_META_KEY: server.server_info_stamp})
