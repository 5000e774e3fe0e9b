"""The application over HTTP: a table of routes, and what stands in front of each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.intents.principal import Principal, local
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.handlers import PRINCIPAL, result_meta
from loyalty_mcp.settings import Settings
from loyalty_mcp.web.approvals.routes import Approvals
from loyalty_mcp.web.auth.authentication import Identity
from loyalty_mcp.web.auth.oauth import SCOPES, open_oauth
from loyalty_mcp.web.auth.operator_session import Seal
from loyalty_mcp.web.auth.throttle import Slowdown
from loyalty_mcp.web.auth.token_cache import TokenBook
from loyalty_mcp.web.edge.allowed_hosts import addresses, is_loopback
from loyalty_mcp.web.edge.body_limit import LARGEST, SLOWEST_SECONDS, BoundedBody
from loyalty_mcp.web.edge.http_errors import Refusal, on_refusal
from loyalty_mcp.web.edge.open_streams import Streams
from loyalty_mcp.web.edge.security import Gate
from loyalty_mcp.web.fast_reads import FastReads
from loyalty_mcp.web.health import Readiness, health
from loyalty_mcp.web.mcp_endpoint import http_endpoint
from loyalty_mcp.web.metrics import Calls, Metrics

METADATA: Final = "/.well-known/oauth-protected-resource"
KEYS_TIMEOUT: Final = 5.0
CALLER_HEADERS: Final = (
    *("accept", "authorization", "content-type", "last-event-id"),
    *("mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"),
)

Finder = Callable[[Scope], Awaitable[Principal]]


class Known:
    """Lets an application answer only those whom a finder knows.

    Args:
        app: finds the principal in its scope.
        find: raises a Refusal for anybody else.
    """

    def __init__(self, app: ASGIApp, find: Finder) -> None:
        self._app = app
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who calls, then let the application answer."""
        principal = await self._find(scope)
        await self._app({**scope, PRINCIPAL: principal}, receive, send)


class Shortcut:
    """Lets one application answer at its path; everything else goes through the table of routes.

    The table costs more than all else that stands in front of a call.

    Args:
        path: of the application.
        app: what answers there.
        others: answers elsewhere, and has the lifespan.
    """

    def __init__(self, path: str, app: ASGIApp, others: ASGIApp) -> None:
        self._path = path
        self._app = app
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        here = scope["type"] == "http" and scope["path"] == self._path
        await (self._app if here else self._others)(scope, receive, send)


def create_app(
    runtime: Runtime,
    calls: Calls,
    *,
    host: str = "127.0.0.1",
    keys_http: httpx2.AsyncClient | None = None,
    slowdown: Slowdown | None = None,
    streams: Streams | None = None,
    body_seconds: float = SLOWEST_SECONDS,
) -> ASGIApp:
    """The whole application.

    Args:
        runtime: what a server is made of; closed when the application's lifespan ends.
        calls: what `runtime` tells of its calls.
        host: what is listened on.
        keys_http: fetches the keys of the authorization server; None for a client of its own.
        slowdown: of failed attempts.
        streams: told of streams that stay open, so that they can be ended.
        body_seconds: that a body may take.

    Raises:
        BadSetting: OAuth is described in part.
    """
    settings = runtime.settings
    keys = keys_http or httpx2.AsyncClient(timeout=KEYS_TIMEOUT, follow_redirects=False)
    oauth = open_oauth(settings, keys)
    secure = (settings.public_url or "").startswith("https://")
    resource = f"{settings.public_url}/mcp" if settings.public_url else None
    book = TokenBook(runtime.context.journal, runtime.context.now)
    identity = Identity(
        book,
        oauth,
        anonymous(settings, host),
        slowdown or Slowdown(),
        metadata_url=None if oauth is None or resource is None else metadata_url(resource),
        only_member=settings.member,
    )
    secret = settings.secret.get_secret_value() if settings.secret is not None else None
    readiness, metrics = Readiness(runtime.context), Metrics(runtime.context, calls)
    approvals = Approvals(runtime.context, identity, book, Seal(secret), secure=secure)
    endpoint = http_endpoint(
        runtime.http_server(), sessions=not settings.replicated, max_body=LARGEST
    )

    library = (streams or Streams()).watching(endpoint.app)
    mcp = FastReads(library, runtime.sessions, {**result_meta(settings), **endpoint.identity})
    routes = [
        Route("/health", health, methods=["GET"]),
        Route("/ready", readiness.ready, methods=["GET"]),
        Route("/metrics", Known(request_response(metrics.page), identity.operator)),
        *approvals.routes(body_seconds),
    ]
    if oauth is not None and resource is not None:
        document = protected_resource(resource, str(settings.oauth_issuer))
        routes += [Route(METADATA, document), Route(f"{METADATA}/mcp", document)]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with keys, endpoint.run():
            yield

    pages = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={Refusal: on_refusal, HTTPException: _plainly},
    )
    called = Known(BoundedBody(mcp, seconds=body_seconds), identity.caller)
    inner: ASGIApp = Shortcut("/mcp", called, pages)
    if settings.allowed_origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=CALLER_HEADERS,
            expose_headers=["mcp-session-id", "www-authenticate"],
        )
    return Gate(inner, addresses(settings, host), secure=secure)


def anonymous(settings: Settings, host: str) -> Principal | None:
    """Who calls while no way to be known is set up; nobody, where that cannot be told."""
    principal = local(settings)
    if not is_loopback(host) or (principal.role == "member" and principal.member is None):
        return None
    return principal


def metadata_url(resource: str) -> str:
    """Where the metadata of a resource stand (RFC 9728, section 3.1)."""
    parsed = urlsplit(resource)
    return f"{parsed.scheme}://{parsed.netloc}{METADATA}{parsed.path}"


def protected_resource(resource: str, issuer: str) -> Callable[[Request], Awaitable[Response]]:
    """The metadata of the protected resource (RFC 9728)."""

    async def document(_request: Request) -> Response:
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

    return document


async def _plainly(_request: Request, error: Exception) -> Response:
    """What Starlette refuses (404, 405), in the same form as our own refusals."""
    status = getattr(error, "status_code", 500)
    words = {404: "not_found", 405: "method_not_allowed"}
    body = {"error": words.get(status, "refused"), "error_description": "There is nothing here."}
    return JSONResponse(body, status, getattr(error, "headers", None))
