"""Whether this process lives, and whether it can do its work."""

from collections.abc import Mapping
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from loyalty_mcp.brevo.operations.programs import list_programs
from loyalty_mcp.errors import LoyaltyError, RateLimited
from loyalty_mcp.tools.context import Context

KEPT_SECONDS: Final = 2.0
"""So that whoever asks often costs no more than whoever asks now and then."""


async def health(_request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


class Readiness:
    """Whether the journal can be used and Brevo answers.

    The read of Brevo is one that is kept for a minute, so that asking does not eat the budget.

    Args:
        context: what tools work with.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: Mapping[str, str] = {}
        self._until = float("-inf")
        self._looking = anyio.Lock()

    async def ready(self, _request: Request) -> Response:
        """200 if a caller would be served, 503 if not, with what is missing."""
        async with self._looking:
            if anyio.current_time() >= self._until:
                self._found = {"journal": await self._journal(), "upstream": await self._upstream()}
                self._until = anyio.current_time() + KEPT_SECONDS
        good = self._found == {"journal": "works", "upstream": "answers"}
        status = "ready" if good else "not ready"
        return JSONResponse({"status": status, **self._found}, 200 if good else 503)

    async def _journal(self) -> str:
        try:
            await self._context.journal.open().counts(self._context.now())
        except LoyaltyError:
            return "does not work"
        return "works"

    async def _upstream(self) -> str:
        try:
            await self._context.brevo.configuration(list_programs(limit=1))
        except RateLimited:
            return "answers"
        except LoyaltyError:
            return "does not answer"
        return "answers"
