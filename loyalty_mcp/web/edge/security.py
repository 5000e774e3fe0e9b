"""The gate in front of every route: names, origins, addresses without secrets, safe headers."""

import logging
import time
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.web.edge.allowed_hosts import Addresses
from loyalty_mcp.web.edge.headers import valued
from loyalty_mcp.web.edge.http_errors import Refusal, refused

log = logging.getLogger(__name__)

SECRETS: Final = frozenset(
    ("access_token", "api_key", "api-key", "apikey", "authorization", "bearer", "key", "token")
)
"""Names under which a secret might stand in an address, where logs and histories keep it."""

SAFE: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: with it a browser sends the Origin of our own form as `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS: Final = {"Strict-Transport-Security": "max-age=31536000"}


class Gate:
    """Lets through what is meant for this server, and puts safe headers on every answer.

    Args:
        app: gets what passes; its refusals are answered here.
        addresses: what this server is called.
        secure: whether it is reached by HTTPS.
    """

    def __init__(self, app: ASGIApp, addresses: Addresses, *, secure: bool) -> None:
        self._app = app
        self._addresses = addresses
        safe = {**SAFE, **HSTS} if secure else SAFE
        self._headers = [
            (name.lower().encode("ascii"), value.encode("ascii")) for name, value in safe.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began, status = time.perf_counter(), 0
        # Space around a value is none of it (RFC 9110, section 5.5); not every parser takes it off.
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        scope = {**scope, "headers": headers}

        async def safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = dict(message["headers"])
                more = [header for header in self._headers if header[0] not in said]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, safely)
        except Refusal as refusal:
            if status == 0:
                await refused(refusal)(scope, receive, safely)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        hosts = valued(scope, b"host")
        if len(hosts) != 1 or not self._addresses.answers_to(hosts[0]):
            raise Refusal(
                421,
                "This server has another name; LOYALTY_MCP_ALLOWED_HOSTS or "
                "LOYALTY_MCP_PUBLIC_URL gives it one.",
            )
        if not all(self._addresses.welcomes(origin) for origin in valued(scope, b"origin")):
            raise Refusal(
                403, "Pages of that origin may not call; LOYALTY_MCP_ALLOWED_ORIGINS lists who may."
            )
        query = scope.get("query_string", b"").decode("latin-1")
        if any(name.lower() in SECRETS for name, _ in parse_qsl(query, keep_blank_values=True)):
            raise Refusal(400, "A token never stands in an address; send it in a header.")

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        """A line for the log: of what was refused or failed, and, if asked for, of the rest.

        The path alone, for a query may hold anything. What went well is counted (`/metrics`).
        """
        level = logging.DEBUG if 0 < status < 400 else logging.INFO
        if not log.isEnabledFor(level):
            return
        facts: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        log.log(level, "%(method)r %(path)r %(status)s %(milliseconds)s ms", facts)
