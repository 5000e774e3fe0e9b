"""Limits the sessions of each caller."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.server.handlers import PRINCIPAL
from loyalty_mcp.web.edge.http_errors import HttpError
from loyalty_mcp.web.edge.rate_limit import is_bounded

SESSION_HEADER: Final = "mcp-session-id"
FIRST_WITHOUT_SESSIONS: Final = "2026-07-28"
"""From this protocol version on there are no sessions. Versions are dates, compared as text."""


@dataclass
class _Session:
    """A session of a handshake client, reconstructed from its requests and answers."""

    owner: str
    in_use: int = 0
    last_used: float = 0.0


@dataclass
class _Owner:
    """The sessions of one caller, and the number of sessions that are being opened."""

    opening: int = 0
    sessions: set[str] = field(default_factory=set)


class SessionLimit:
    """Counts the sessions of each caller, and refuses those above the limit.

    The MCP library limits the sessions of all callers together and ends idle ones. It does not
    report when, so the same rule is applied here.

    Args:
        per_caller: limit of sessions of one caller.
        idle_seconds: the time after which the library ends an idle session.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        per_caller: int,
        idle_seconds: float,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._per_caller = per_caller
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._owners: dict[str, _Owner] = {}
        self.refused = 0

    def __len__(self) -> int:
        """How many sessions are open."""
        for owner in list(self._owners):
            self._end_idle(owner)
        return len(self._sessions)

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Wrap the application so that its sessions are counted.

        Raises:
            HttpError: the caller has too many sessions open (429, with Retry-After).
        """

        async def limited(scope: Scope, receive: Receive, send: Send) -> None:
            headers, principal = Headers(scope=scope), scope[PRINCIPAL]
            session_id = headers.get(SESSION_HEADER)
            if session_id is not None:
                await self._use(session_id, app, scope, receive, send)
            elif headers.get("mcp-protocol-version", "") >= FIRST_WITHOUT_SESSIONS:
                await app(scope, receive, send)
            else:
                await self._open(principal, app, scope, receive, send)

        return limited

    async def _open(
        self, principal: Principal, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._end_idle(principal.name)
        owner = self._owners.setdefault(principal.name, _Owner())
        if is_bounded(principal):
            self._check(owner)
        owner.opening += 1
        session_id: str | None = None

        async def observe(message: Message) -> None:
            nonlocal session_id
            if message["type"] == "http.response.start" and message["status"] < 400:
                session_id = Headers(raw=message["headers"]).get(SESSION_HEADER)
                if session_id is not None:
                    owner.opening -= 1
                    owner.sessions.add(session_id)
                    self._sessions[session_id] = _Session(principal.name, in_use=1)
            await send(message)

        try:
            await app(scope, receive, observe)
        finally:
            if session_id is None:
                owner.opening -= 1
            else:
                self._release(session_id)
            if not owner.opening and not owner.sessions:
                self._owners.pop(principal.name, None)

    def _check(self, owner: _Owner) -> None:
        if len(owner.sessions) + owner.opening < self._per_caller:
            return
        self.refused += 1
        idle = [self._sessions[each] for each in owner.sessions]
        ends = [each.last_used + self._idle_seconds for each in idle if not each.in_use]
        seconds = max(1, ceil(min(ends) - self._clock())) if ends else ceil(self._idle_seconds)
        raise HttpError(
            429,
            f"{self._per_caller} sessions of this caller are open; end one, or wait. "
            "LOYALTY_MCP_MAX_SESSIONS_PER_CALLER sets the limit.",
            {"Retry-After": str(seconds)},
        )

    async def _use(
        self, session_id: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        session = self._sessions.get(session_id)
        if session is None:
            await app(scope, receive, send)
            return
        ended = False

        async def observe(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                deleted = scope["method"] == "DELETE" and message["status"] < 400
                gone = message["status"] == 404 and scope[PRINCIPAL].name == session.owner
                ended = deleted or gone
            await send(message)

        session.in_use += 1
        try:
            await app(scope, receive, observe)
        finally:
            self._release(session_id)
            if ended:
                self._forget(session_id)

    def _release(self, session_id: str) -> None:
        session = self._sessions.get(session_id)
        if session is not None:
            session.in_use -= 1
            session.last_used = self._clock()

    def _end_idle(self, owner: str) -> None:
        before = self._clock() - self._idle_seconds
        for session_id in list(self._owners[owner].sessions if owner in self._owners else ()):
            session = self._sessions[session_id]
            if not session.in_use and session.last_used < before:
                self._forget(session_id)

    def _forget(self, session_id: str) -> None:
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        owner = self._owners.get(session.owner)
        if owner is not None:
            owner.sessions.discard(session_id)
            if not owner.opening and not owner.sessions:
                del self._owners[session.owner]
