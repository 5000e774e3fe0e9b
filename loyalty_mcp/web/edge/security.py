"""Checks in front of every route: Host, Origin, secrets in the URL; and security headers."""

import logging
import time
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.allowed_hosts import AllowedHosts
from loyalty_mcp.web.edge.http_errors import HttpError, error_response
from loyalty_mcp.web.edge.request_id import start_request

log = logging.getLogger(__name__)

SECRET_PARAMETERS: Final = frozenset(
    ("access_token", "api_key", "api-key", "apikey", "authorization", "bearer", "key", "token")
)
"""Query parameters that are refused: URLs end up in logs and browser histories."""

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: with it, a browser sends our own form with Origin `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS: Final = {"Strict-Transport-Security": "max-age=31536000"}


class SecurityMiddleware:
    """Refuse requests that are not meant for this server, and add security headers to responses.

    Args:
        app: the application; its `HttpError`s are answered here.
        hosts: the names of this server.
        https: whether clients reach it over HTTPS.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, *, https: bool) -> None:
        self._app = app
        self._hosts = hosts
        headers = {**SECURITY_HEADERS, **HSTS} if https else SECURITY_HEADERS
        self._headers = [
            (name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started_at, status = time.perf_counter(), 0
        request_id = start_request(Headers(scope=scope)).encode("ascii")
        # Whitespace around a value is not part of it (RFC 9110, section 5.5); h11 strips it, but
        # httptools does not.
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        scope = {**scope, "headers": headers}

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = dict(message["headers"])
                missing = [header for header in self._headers if header[0] not in present]
                missing.append((b"x-request-id", request_id))
                message = {**message, "headers": [*message["headers"], *missing]}
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, send_with_headers)
        except HttpError as error:
            if status == 0:
                await error_response(error)(scope, receive, send_with_headers)
        finally:
            self._log_request(scope, status, time.perf_counter() - started_at)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.allows_host(hosts[0]):
            raise HttpError(
                421,
                "This server has another name; LOYALTY_MCP_ALLOWED_HOSTS or "
                "LOYALTY_MCP_PUBLIC_URL gives it one.",
            )
        if not all(self._hosts.allows_origin(origin) for origin in headers.getlist("origin")):
            raise HttpError(
                403,
                "Pages of that origin may not call; LOYALTY_MCP_ALLOWED_ORIGINS lists who may.",
            )
        query = scope.get("query_string", b"").decode("latin-1")
        parameters = parse_qsl(query, keep_blank_values=True)
        if any(name.lower() in SECRET_PARAMETERS for name, _ in parameters):
            raise HttpError(400, "A URL must not hold a token; send it in a header.")

    def _log_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Log refused and failed requests at INFO, all others at DEBUG.

        Of the URL only the path is logged, because a query may contain anything. Successful
        requests are counted in `/metrics`.
        """
        level = logging.DEBUG if 0 < status < 400 else logging.INFO
        if not log.isEnabledFor(level):
            return
        fields: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        log.log(level, "%(method)r %(path)r %(status)s %(milliseconds)s ms", fields)
