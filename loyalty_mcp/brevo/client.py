"""The upstream client: the only module that talks HTTP to Brevo."""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.request import getproxies

import anyio
import httpx2
from pydantic import BaseModel

from loyalty_mcp.brevo.exchange import AnswerLost, Borrowed, Exchange, HttpAnswer, NeverSent
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.tracing import upstream_span
from loyalty_mcp.brevo.transport import LeanTransport
from loyalty_mcp.brevo.types import number
from loyalty_mcp.errors import (
    LoyaltyError,
    NotAuthorized,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)

ReplyT = TypeVar("ReplyT", bound=BaseModel)

CONNECTIONS: Final = 64
READ_TRIES: Final = 3
CACHE_SECONDS: Final = 60.0
MEMBERS: Final = re.compile(
    "/(transactions|create-order|subscriptions|subscription-members|contacts?|rewards)(/|$)"
)
"""Paths that change what members have, which is never cached; all others are configuration."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the hour, as the API's own headers say it.

    Args:
        limit: requests in a window.
        remaining: requests left in this one.
        resets_at: when the next window begins.
    """

    limit: int
    remaining: int
    resets_at: datetime


def utc_now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def open_exchange(
    base_url: str,
    api_key: str,
    *,
    timeout: float,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Exchange:
    """An exchange that carries the key; `transport` takes the place of the network.

    Args:
        base_url: the API root, without a slash at the end.
        api_key: sent as `api-key`, and nowhere else.
        timeout: seconds that one request may take.
        transport: an in-process application or a function, for the sandbox and for tests.
    """
    if transport is None and not getproxies():
        # Half of the time: that a connection was not had must be known before the time is up.
        return LeanTransport(base_url, api_key, connecting=timeout / 2)
    return Borrowed(base_url, api_key, timeout=timeout, transport=transport)


class _Memory:
    """What one call has read so far; it ends for good when the call sends a change.

    Args:
        of: the client that read it; what another account answers is not the same.
    """

    def __init__(self, of: "Brevo") -> None:
        self.of = of
        self.kept: dict[str, Any] = {}
        self.ended = False

    def end(self) -> None:
        """Forget, and keep nothing more: from now on only what is true now counts."""
        self.kept.clear()
        self.ended = True


_REMEMBERED: Final[ContextVar[_Memory | None]] = ContextVar("remembered", default=None)


class Brevo:
    """The Brevo Loyalty API: sends requests, repeats reads, and never repeats a change.

    Args:
        exchange: with the upstream; its owner closes it.
        timeout: seconds that one call may take, waits and repetitions included.
        now: the clock.
    """

    def __init__(
        self, exchange: Exchange, *, timeout: float, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._exchange = exchange
        self._timeout = timeout
        self._now = now
        self._cached: dict[str, tuple[float, Any]] = {}
        self._under_way: dict[str, _Reading] = {}
        self._changes = 0
        self._at_once = anyio.Semaphore(CONNECTIONS, fast_acquire=True)
        self.budget: Budget | None = None
        self.requests_sent = 0
        self._dated: tuple[str, datetime] | None = None

    def __repr__(self) -> str:
        """Only where it speaks to: the key must not show."""
        return f"Brevo({self._exchange.host!r})"

    @property
    def clock_skew(self) -> timedelta | None:
        """How far our clock is ahead of the API's, by its last answer; None if it told no time."""
        if self._dated is None:
            return None
        date_header, here = self._dated
        try:
            there = parsedate_to_datetime(date_header)
        except ValueError:
            return None
        return here - there.replace(tzinfo=there.tzinfo or UTC)

    async def send(self, request: Request[ReplyT]) -> ReplyT:
        """Send `request` and read its reply.

        Raises:
            Refused: a rule of the API forbids it; nothing was changed.
            NotFound: the object is not there.
            NotAuthorized: the key is refused, or the Loyalty module is off.
            RateLimited: the budget is spent; nothing was changed.
            Unavailable: no usable answer, and surely nothing was changed.
            OutcomeUnknown: a change was sent, and its answer was lost or is not readable.
        """
        if request.reads:
            return await self._remembered(request)
        self._forget(request)
        try:
            return await self._in_time(request, self._once(request))
        finally:
            self._forget(request)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Inside this block an identical read is made once, until a change is sent.

        For the steps of one call that look at the same things in a row: the facts of the preview,
        the decision, and the work. It must not hold a wait for a person.
        """
        token = _REMEMBERED.set(_Memory(self))
        try:
            yield
        finally:
            _REMEMBERED.reset(token)

    def look_anew(self) -> None:
        """Read again what the call has read so far: the effect of a change may show by now."""
        if (memory := self._memory()) is not None:
            memory.end()

    def _memory(self) -> _Memory | None:
        memory = _REMEMBERED.get()
        return memory if memory is not None and memory.of is self else None

    async def _remembered(self, request: Request[ReplyT]) -> ReplyT:
        key, memory = _key(request), self._memory()
        if memory is None or memory.ended:
            return await self._read(request, key)
        if key not in memory.kept:
            reply = await self._read(request, key)
            if memory.ended:
                return reply
            memory.kept[key] = reply
        found: ReplyT = memory.kept[key]
        return found

    def _forget(self, change: Request[Any]) -> None:
        """What was read before a change says nothing of after it: not kept, and not joined."""
        self._under_way.clear()
        self.look_anew()
        if MEMBERS.search(change.path) is None:
            self.forget()

    def require(self, requests: int) -> None:
        """Refuse work that what is left of the hour would not see to its end.

        Args:
            requests: how many requests the work takes.

        Raises:
            RateLimited: fewer are left; says when to come back.
        """
        budget = self.budget
        if budget is None or budget.remaining >= requests or self._now() >= budget.resets_at:
            return
        raise RateLimited(
            f"This takes {requests} requests to Brevo and {budget.remaining} are left this hour; "
            f"nothing was changed. Come back after {budget.resets_at:%H:%M} UTC.",
            budget.resets_at,
        )

    def forget(self) -> None:
        """Read configuration anew from now on."""
        self._changes += 1
        self._cached.clear()

    async def configuration(self, request: Request[ReplyT]) -> ReplyT:
        """Like `send`, for reads of what seldom changes: kept for a minute, or until we write."""
        key = _key(request)
        kept = self._cached.get(key)
        if kept is not None and anyio.current_time() < kept[0]:
            reply: ReplyT = kept[1]
            return reply
        changes = self._changes
        reply = await self.send(request)
        if changes == self._changes:
            self._cached[key] = (anyio.current_time() + CACHE_SECONDS, reply)
        return reply

    async def _read(self, request: Request[ReplyT], key: str) -> ReplyT:
        while (reading := self._under_way.get(key)) is not None:
            await reading.end()
            if reading.succeeded:
                shared: ReplyT = reading.reply
                return shared
            if reading.error is not None:
                raise reading.error
        reading = self._under_way[key] = _Reading()
        try:
            reading.reply = await self._in_time(request, self._read_repeatedly(request))
            reading.succeeded = True
            reply: ReplyT = reading.reply
            return reply
        except LoyaltyError as error:
            reading.error = error
            raise
        finally:
            if self._under_way.get(key) is reading:
                del self._under_way[key]
            reading.ends()

    async def _in_time(self, request: Request[ReplyT], work: Awaitable[ReplyT]) -> ReplyT:
        """What the work on a request gives, unless its time is up before."""
        try:
            async with asyncio.timeout(self._timeout):
                return await work
        except TimeoutError:
            raise _lost(request, "Brevo did not answer in time") from None

    async def _read_repeatedly(self, request: Request[ReplyT]) -> ReplyT:
        ends = anyio.current_time() + self._timeout
        for attempt in range(1, READ_TRIES + 1):
            try:
                return await self._once(request)
            except (RateLimited, Unavailable) as error:
                wait = self._pause(error, attempt)
                if attempt == READ_TRIES or anyio.current_time() + wait >= ends:
                    raise
            await anyio.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _pause(self, error: LoyaltyError, attempt: int) -> float:
        """Seconds before the next try: what the API asks for, else a jittered doubling."""
        if isinstance(error, RateLimited) and error.resets_at is not None:
            return max(0.0, (error.resets_at - self._now()).total_seconds())
        spread: float = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
        return spread * 0.1 * 2.0**attempt

    async def _once(self, request: Request[ReplyT]) -> ReplyT:
        content = None
        if request.body is not None:
            content = json.dumps(request.body, default=_spelled).encode()
        host = self._exchange.host
        try:
            async with self._at_once:
                self.requests_sent += 1
                with upstream_span(request.method, request.reply.__name__, host) as span:
                    answer = await self._exchange.send(request.method, request.target, content)
                    span.set_attribute("http.response.status_code", answer.status)
        except NeverSent:
            raise Unavailable("Brevo cannot be reached; nothing was changed.") from None
        except AnswerLost:
            raise _lost(request, "Brevo's answer was lost") from None
        if "date" in answer.headers:
            self._dated = answer.headers["date"], self._now()
        budget = self._budget_in(answer)
        if budget is not None and request.path.startswith("/loyalty/"):
            self.budget = budget
        if 200 <= answer.status < 300:
            return _parsed(request, answer.content)
        raise self._failure(request, answer, budget)

    def _budget_in(self, answer: HttpAnswer) -> Budget | None:
        """The budget that the answer's headers tell, if they have all three."""
        try:
            limit, remaining, reset = (
                int(answer.headers[f"x-sib-ratelimit-{name}"])
                for name in ("limit", "remaining", "reset")
            )
            return Budget(limit, remaining, self._now() + timedelta(seconds=reset))
        except (KeyError, ValueError, OverflowError):
            return None

    def _failure(
        self, request: Request[Any], answer: HttpAnswer, budget: Budget | None
    ) -> LoyaltyError:
        status, said = answer.status, self._exchange.without_key(upstream_message(answer.content))
        quote = f" It said: {quoted(said)}." if said else ""
        if status == 429:
            resets_at = None if budget is None else budget.resets_at
            when = f" Come back after {resets_at:%H:%M} UTC." if resets_at is not None else ""
            return RateLimited(f"Brevo's hourly request budget is spent.{when}", resets_at)
        if status == 401:
            return NotAuthorized(
                "Brevo refuses the API key; the operator must check BREVO_API_KEY."
            )
        if status == 403:
            return NotAuthorized(
                "Brevo forbids this: the key lacks the right, or the Loyalty module is off."
            )
        if status == 404:
            return NotFound(f"Brevo knows no such object.{quote}")
        if status < 500 and status != 408:
            return Refused(f"Brevo refused this ({status}); nothing was changed.{quote}")
        return _lost(request, f"Brevo failed ({status})")


class _Reading:
    """A read under way that others may join."""

    def __init__(self) -> None:
        self._ended: anyio.Event | None = None
        self.succeeded = False
        self.reply: Any = None
        self.error: LoyaltyError | None = None

    async def end(self) -> None:
        """Wait for its end; most readings have nobody who does."""
        if self._ended is None:
            self._ended = anyio.Event()
        await self._ended.wait()

    def ends(self) -> None:
        """Let go whoever waits."""
        if self._ended is not None:
            self._ended.set()


def _key(request: Request[Any]) -> str:
    asked = f"{request.method} {request.target}"
    if request.body is None:
        return asked
    return f"{asked} {json.dumps(request.body, sort_keys=True, default=_spelled)}"


def _spelled(value: Any) -> Any:
    """`value` as JSON spells it."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True, mode="json")
    raise TypeError(f"{type(value).__name__} has no spelling on the wire")


def _lost(request: Request[Any], what: str) -> LoyaltyError:
    """A read that got no answer changed nothing; of a change nobody can tell yet."""
    if request.reads:
        return Unavailable(f"{what}; nothing was changed. Try again in a moment.")
    return OutcomeUnknown(f"{what}; the change may or may not have happened.")


def _parsed(request: Request[ReplyT], content: bytes) -> ReplyT:
    try:
        value = json.loads(content, parse_float=Decimal) if content.strip() else {}
        return request.reply.model_validate({} if value is None else value)
    except (ValueError, RecursionError):  # a validation error is a ValueError too
        raise _lost(request, "Brevo's answer is not in the form it documents") from None


def upstream_message(content: bytes) -> str:
    """What an error body says, in any of the shapes the API has been seen to use.

    `{code, message}`, `{message}`, `{errors: [{message}]}`, a bare JSON string; anything else,
    HTML included, says nothing.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict):
        value = value.get("message", "")
    return value if isinstance(value, str) else ""
