"""Liveness and readiness."""

from collections.abc import Mapping
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from loyalty_mcp.brevo.operations.programs import list_programs
from loyalty_mcp.errors import LoyaltyError, RateLimited
from loyalty_mcp.tools.context import Context

SPENT: Final = "spent"
CACHE_SECONDS: Final = 2.0
"""How long a result is reused, so that frequent probes are cheap."""


async def health(_request: Request) -> Response:
    """200 while the process answers."""
    return JSONResponse({"status": "ok"})


class Readiness:
    """Whether the journal works, Brevo answers, and the hourly budget is not used up.

    While only the reserve is left, the server is ready, because operators and changes that are
    being carried out can use it. The read of Brevo is cached for a minute, so that probes do not
    use up the hourly budget.

    Args:
        context: the clients, the journal and the settings that tools use.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._checks: Mapping[str, str] = {}
        self._valid_until = float("-inf")
        self._checking = anyio.Lock()

    async def ready(self, _request: Request) -> Response:
        """200 if callers can be served; otherwise 503 with what is missing."""
        async with self._checking:
            if anyio.current_time() >= self._valid_until:
                self._checks = {
                    "journal": await self._check_journal(),
                    "upstream": await self._check_upstream(),
                    "budget": self._check_budget(),
                }
                self._valid_until = anyio.current_time() + CACHE_SECONDS
        failing = {"does not work", "does not answer", SPENT}
        ready = failing.isdisjoint(self._checks.values())
        status = "ready" if ready else "not ready"
        return JSONResponse({"status": status, **self._checks}, 200 if ready else 503)

    async def _check_journal(self) -> str:
        try:
            await self._context.journal.open().counts(self._context.now())
        except LoyaltyError:
            return "does not work"
        return "works"

    async def _check_upstream(self) -> str:
        try:
            await self._context.brevo.configuration(list_programs(limit=1))
        except RateLimited:
            return "answers"
        except LoyaltyError:
            return "does not answer"
        return "answers"

    def _check_budget(self) -> str:
        budget = self._context.brevo.budget
        if budget is None:
            return "not known"
        if self._context.now() >= budget.resets_at:
            return "available"
        if budget.remaining == 0:
            return SPENT
        reserve = self._context.brevo.shares.reserve_of(budget)
        return "reserve only" if budget.remaining <= reserve else "available"
