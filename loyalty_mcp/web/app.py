"""The HTTP application: its routes, and the checks in front of each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sized
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import anyio
import httpx2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.brevo.budget_shares import charge_to
from loyalty_mcp.intents.principal import Principal, local
from loyalty_mcp.intents.roles import definition_of
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.handlers import PRINCIPAL, result_meta
from loyalty_mcp.settings import Settings
from loyalty_mcp.web.approvals.routes import Approvals
from loyalty_mcp.web.auth.authentication import Authenticator
from loyalty_mcp.web.auth.oauth import SCOPES, open_oauth
from loyalty_mcp.web.auth.operator_session import SessionSigner
from loyalty_mcp.web.auth.stream_watch import StreamWatch
from loyalty_mcp.web.auth.throttle import Throttle
from loyalty_mcp.web.auth.token_cache import TokenCache
from loyalty_mcp.web.edge.allowed_hosts import allowed_hosts, exposed_by
from loyalty_mcp.web.edge.body_limit import BODY_SECONDS, MAX_BODY_BYTES, BodyLimit
from loyalty_mcp.web.edge.http_errors import HttpError, handle_http_error, handle_routing_error
from loyalty_mcp.web.edge.open_requests import OpenRequestLimit
from loyalty_mcp.web.edge.open_streams import OpenStreams
from loyalty_mcp.web.edge.rate_limit import RateLimit, is_bounded
from loyalty_mcp.web.edge.security import SecurityMiddleware
from loyalty_mcp.web.edge.session_limit import SessionLimit
from loyalty_mcp.web.fast_reads import FastReads
from loyalty_mcp.web.health import Readiness, health
from loyalty_mcp.web.mcp_endpoint import mcp_endpoint
from loyalty_mcp.web.metrics import CallMetrics, Load, MetricsPage

MCP_PATHS: Final = frozenset({"/mcp", "/mcp/"})
METADATA_PATH: Final = "/.well-known/oauth-protected-resource"
JWKS_TIMEOUT_SECONDS: Final = 5.0
CORS_HEADERS: Final = (
    *("accept", "authorization", "content-type", "last-event-id"),
    *("mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"),
)


class AuthenticationMiddleware:
    """Put the principal into the scope of each request.

    Args:
        app: the application.
        authenticate: finds the principal, or raises an `HttpError`.
    """

    def __init__(self, app: ASGIApp, authenticate: Callable[[Scope], Awaitable[Principal]]) -> None:
        self._app = app
        self._authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate one request, then call the application."""
        principal = await self._authenticate(scope)
        await self._app({**scope, PRINCIPAL: principal}, receive, send)


class PathDispatcher:
    """Send requests for `/mcp` to one application and all others to another.

    Starlette's routing alone costs more than everything else in front of a tool call.

    Args:
        mcp: answers at `/mcp` and `/mcp/`.
        others: answers elsewhere, and owns the lifespan.
        base_path: path of the public URL. It is removed where a proxy has not done so.
    """

    def __init__(self, mcp: ASGIApp, others: ASGIApp, base_path: str) -> None:
        self._mcp = mcp
        self._others = others
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        app = self._others
        if scope["type"] == "http":
            path = scope["path"]
            if self._base_path and path.startswith(f"{self._base_path}/"):
                path = path.removeprefix(self._base_path)
                scope = {**scope, "path": path}
            if path in MCP_PATHS:
                app = self._mcp
        await app(scope, receive, send)


def create_app(
    runtime: Runtime,
    calls: CallMetrics,
    *,
    host: str = "127.0.0.1",
    jwks_http: httpx2.AsyncClient | None = None,
    throttle: Throttle | None = None,
    streams: OpenStreams | None = None,
    connections: Sized = (),
    body_seconds: float = BODY_SECONDS,
    stream_pause: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> ASGIApp:
    """The whole application.

    Args:
        runtime: the parts of the server; closed when the application's lifespan ends.
        calls: tool calls counted by `runtime`.
        host: the address to listen on.
        jwks_http: downloads the authorization server's keys; None for a separate client.
        throttle: delays failed sign-ins.
        streams: tracks open event streams, so that they can be closed.
        connections: the open connections, to be counted.
        body_seconds: longest time a body may take.
        stream_pause: waits between two checks of the open event streams.

    Raises:
        BadSetting: OAuth is only partly configured.
    """
    settings = runtime.settings
    jwks_client = jwks_http or httpx2.AsyncClient(
        timeout=JWKS_TIMEOUT_SECONDS, follow_redirects=False
    )
    oauth = open_oauth(settings, jwks_client)
    https = settings.tls_certificate is not None or (settings.public_url or "").startswith("https:")
    resource = f"{settings.public_url}/mcp" if settings.public_url else None
    base_path = urlsplit(settings.public_url or "").path
    tokens = TokenCache(runtime.context.journal, runtime.context.now)
    authenticator = Authenticator(
        tokens,
        oauth,
        local_principal(settings, host),
        throttle or Throttle(),
        metadata_url=None if oauth is None or resource is None else metadata_url(resource),
        only_member=settings.member,
    )
    approvals = Approvals(
        runtime.context,
        authenticator,
        tokens,
        SessionSigner(settings.secrets),
        public_url=settings.public_url,
        https=https,
    )
    endpoint = mcp_endpoint(
        runtime.http_server(),
        sessions=not settings.replicated,
        session_idle=settings.session_idle,
        max_body_bytes=MAX_BODY_BYTES,
    )

    rate_limit = RateLimit(settings.max_calls_per_minute)
    open_requests = OpenRequestLimit(settings.max_open_requests_per_caller)
    session_limit = SessionLimit(settings.max_sessions_per_caller, settings.session_idle)

    async def limited_caller(scope: Scope) -> Principal:
        principal = await authenticator.caller(scope)
        rate_limit.check(principal)
        charge_to(principal.name if is_bounded(principal) else None)
        return principal

    streams = OpenStreams() if streams is None else streams
    stream_watch = StreamWatch(streams, authenticator.verify, stream_pause)
    library = streams.track(session_limit.wrap(endpoint.app))
    mcp = FastReads(library, runtime.sessions, {**result_meta(settings), **endpoint.meta})
    readiness = Readiness(runtime.context)
    refused = {
        "calls_per_minute": lambda: rate_limit.refused,
        "sessions": lambda: session_limit.refused,
        "open_requests": lambda: open_requests.refused,
    }
    metrics = MetricsPage(
        runtime.context,
        calls,
        Load(connections, session_limit, refused),
    )
    metrics_app = AuthenticationMiddleware(
        request_response(metrics.respond), authenticator.operator
    )
    routes = [
        Route("/health", health, methods=["GET"]),
        Route("/ready", readiness.ready, methods=["GET"]),
        Route("/metrics", metrics_app),
        *approvals.routes(body_seconds),
    ]
    if oauth is not None and resource is not None:
        metadata = protected_resource(resource, str(settings.oauth_issuer))
        # RFC 9728 puts the resource's path behind the well-known one; clients also try others.
        suffixes = {"", "/mcp", base_path, f"{base_path}/mcp"}
        routes += [Route(f"{METADATA_PATH}{suffix}", metadata) for suffix in suffixes]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with jwks_client, endpoint.run(), anyio.create_task_group() as group:
            group.start_soon(stream_watch.run)
            yield
            group.cancel_scope.cancel()

    others = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HttpError: handle_http_error, HTTPException: handle_routing_error},
    )
    limited = open_requests.wrap(BodyLimit(mcp, seconds=body_seconds))
    authenticated = AuthenticationMiddleware(limited, limited_caller)
    app: ASGIApp = PathDispatcher(authenticated, others, base_path)
    if settings.allowed_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=CORS_HEADERS,
            expose_headers=["mcp-session-id", "www-authenticate"],
        )
    return SecurityMiddleware(app, allowed_hosts(settings, host), https=https)


def local_principal(settings: Settings, host: str) -> Principal | None:
    """Who calls without a token; None where a token is always required."""
    principal = local(settings)
    unbound = definition_of(principal.role).needs_member and principal.member is None
    return None if unbound or exposed_by(settings, host) is not None else principal


def metadata_url(resource: str) -> str:
    """The address of a protected resource's metadata (RFC 9728, section 3.1)."""
    parsed = urlsplit(resource)
    return f"{parsed.scheme}://{parsed.netloc}{METADATA_PATH}{parsed.path}"


def protected_resource(resource: str, issuer: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler for the protected resource's metadata (RFC 9728)."""

    async def respond(_request: Request) -> Response:
        return JSONResponse(
            {
                "resource": resource,
                "resource_name": "Loyalty MCP",
                "authorization_servers": [issuer],
                "scopes_supported": list(SCOPES),
                "bearer_methods_supported": ["header"],
            },
            headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=3600"},
        )

    return respond
