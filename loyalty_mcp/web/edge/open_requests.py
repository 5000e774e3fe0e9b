"""Limits the requests of each caller that are open at once."""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.server.handlers import PRINCIPAL
from loyalty_mcp.web.edge.http_errors import HttpError
from loyalty_mcp.web.edge.rate_limit import is_bounded


class OpenRequestLimit:
    """Counts the open requests of each caller, and refuses one too many.

    A request is open from its head to the end of its answer: while its body arrives, while a dialog
    waits for a person, and as long as an event stream lasts. Each of them holds a connection, and
    a connection that is being answered is never closed to make room for another.

    Args:
        per_caller: open requests of one caller.
    """

    def __init__(self, per_caller: int) -> None:
        self._per_caller = per_caller
        self._open: Counter[str] = Counter()
        self.refused = 0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """The application with its open requests counted.

        Raises:
            HttpError: the caller has too many open requests (429, with Retry-After).
        """

        async def limited(scope: Scope, receive: Receive, send: Send) -> None:
            principal = scope[PRINCIPAL]
            if not is_bounded(principal):
                await app(scope, receive, send)
                return
            name = principal.name
            if self._open[name] >= self._per_caller:
                self.refused += 1
                raise HttpError(
                    429,
                    f"{self._per_caller} requests of this caller are open; end one, or wait. "
                    "LOYALTY_MCP_MAX_OPEN_REQUESTS_PER_CALLER sets the limit.",
                    {"Retry-After": "1"},
                )
            self._open[name] += 1
            try:
                await app(scope, receive, send)
            finally:
                self._open[name] -= 1
                if not self._open[name]:
                    del self._open[name]

        return limited
