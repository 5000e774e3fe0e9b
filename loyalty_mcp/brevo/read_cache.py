"""Caching of reads: concurrent reads share a request, and configuration is kept for a minute."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import anyio
from pydantic import BaseModel

from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import LoyaltyError, NotFound, Refused

ReplyT = TypeVar("ReplyT", bound=BaseModel)
Fetch = Callable[[Request[ReplyT]], Awaitable[ReplyT]]

KEPT_SECONDS: Final = 60.0
MOST_LOOKUPS: Final = 10_000
"""Maximum number of cached lookups; when exceeded, all are dropped."""

MEMBER_PATH: Final = re.compile(
    "/(transactions|create-order|subscriptions|subscription-members|contacts?|rewards)(/|$)"
)
"""Paths that change what members have; every other change is a change of configuration."""


class CallCache:
    """The reads of one call, until it sends a change.

    Args:
        owner: the cache of the client that read it, because other accounts have other answers.
    """

    def __init__(self, owner: "ReadCache") -> None:
        self.owner = owner
        self.replies: dict[str, Any] = {}
        self.closed = False

    def close(self) -> None:
        """Drop everything and cache nothing more, so that only fresh reads are used."""
        self.replies.clear()
        self.closed = True


_CALL_CACHE: Final[ContextVar[CallCache | None]] = ContextVar("call_cache", default=None)


class ReadCache:
    """The reads of one client: shared while in flight, cached for a call, and cached for a minute.

    Args:
        fetch: sends a read and returns its reply.
    """

    def __init__(self, fetch: Fetch[Any]) -> None:
        self._fetch = fetch
        self._in_flight: dict[str, _ReadInFlight] = {}
        self._configuration: dict[str, tuple[float, Any]] = {}
        self._lookups: dict[str, tuple[float, Any]] = {}
        self._changes = 0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Send identical reads in this block once, until a change is sent.

        For the steps of one call that read the same things: the preview, the decision and the work.
        Do not wait for a person inside the block.
        """
        token = _CALL_CACHE.set(CallCache(self))
        try:
            yield
        finally:
            _CALL_CACHE.reset(token)

    async def read(self, request: Request[ReplyT]) -> ReplyT:
        """The reply to a read, shared with identical concurrent reads."""
        kept = self._call_cache()
        key = request.cache_key
        if kept is None or kept.closed:
            return await self._joined(request, key)
        if key not in kept.replies:
            reply = await self._joined(request, key)
            if kept.closed:
                return reply
            kept.replies[key] = reply
        found: ReplyT = kept.replies[key]
        return found

    async def configuration(self, request: Request[ReplyT]) -> ReplyT:
        """The reply to a read of configuration, cached for a minute or until a change."""
        key = request.cache_key
        kept = self._configuration.get(key)
        if kept is not None and anyio.current_time() < kept[0]:
            reply: ReplyT = kept[1]
            return reply
        changes = self._changes
        reply = await self.read(request)
        if changes == self._changes:
            self._configuration[key] = (anyio.current_time() + KEPT_SECONDS, reply)
        return reply

    async def lookup(self, request: Request[ReplyT]) -> ReplyT | None:
        """The reply to a lookup of an id, cached for a minute or until our next change.

        Returns:
            The reply; None if the API refuses it, which means that nobody has the id.
        """
        key = request.cache_key
        kept = self._lookups.get(key)
        if kept is not None and anyio.current_time() < kept[0]:
            known: ReplyT | None = kept[1]
            return known
        lookups = self._lookups
        try:
            reply = await self.read(request)
        except (NotFound, Refused):
            reply = None
        if lookups is self._lookups:
            if len(self._lookups) >= MOST_LOOKUPS:
                lookups.clear()
            lookups[key] = (anyio.current_time() + KEPT_SECONDS, reply)
        return reply

    def forget_call(self) -> None:
        """Drop the reads of the current call, so that they are sent again."""
        if (kept := self._call_cache()) is not None:
            kept.close()

    def start_afresh(self) -> None:
        """Use only fresh reads from now on; these are shared again.

        A read in flight started earlier, so no later read joins it.
        """
        self._in_flight.clear()
        self.forget_configuration()
        if (kept := self._call_cache()) is not None:
            kept.replies.clear()
            kept.closed = False

    def forget_members(self) -> None:
        """Use only fresh reads of members from now on; configuration stays cached."""
        self._in_flight.clear()
        self._lookups = {}
        self.forget_call()

    def forget_configuration(self) -> None:
        """Drop what is cached for a minute, including reads in flight."""
        self._changes += 1
        self._configuration.clear()
        self._lookups = {}

    def forget_before(self, change: Request[Any]) -> None:
        """Drop what `change` may have made outdated, including reads in flight."""
        self.forget_members()
        if MEMBER_PATH.search(change.path) is None:
            self.forget_configuration()

    def _call_cache(self) -> CallCache | None:
        kept = _CALL_CACHE.get()
        return kept if kept is not None and kept.owner is self else None

    async def _joined(self, request: Request[ReplyT], key: str) -> ReplyT:
        """The reply to a read, or that of an identical read in flight."""
        while (reading := self._in_flight.get(key)) is not None:
            await reading.wait()
            if reading.succeeded:
                shared: ReplyT = reading.reply
                return shared
            if reading.error is not None:
                raise reading.error
        reading = self._in_flight[key] = _ReadInFlight()
        try:
            reading.reply = await self._fetch(request)
            reading.succeeded = True
            reply: ReplyT = reading.reply
            return reply
        except LoyaltyError as error:
            reading.error = error
            raise
        finally:
            if self._in_flight.get(key) is reading:
                del self._in_flight[key]
            reading.end()


class _ReadInFlight:
    """A read that others may join; without reply and error, it was cancelled."""

    def __init__(self) -> None:
        self._ended: anyio.Event | None = None
        self.succeeded = False
        self.reply: Any = None
        self.error: LoyaltyError | None = None

    async def wait(self) -> None:
        """Wait for the in-flight read; the event is created lazily, since few reads are joined."""
        if self._ended is None:
            self._ended = anyio.Event()
        await self._ended.wait()

    def end(self) -> None:
        """Wake up the waiting readers."""
        if self._ended is not None:
            self._ended.set()
