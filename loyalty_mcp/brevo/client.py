"""The client of the Brevo Loyalty API, and its HTTP client."""

import asyncio
import copy
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar
from urllib.request import getproxies

import anyio
import httpx2
from pydantic import BaseModel

from loyalty_mcp import __version__
from loyalty_mcp.brevo.budget import Budget, budget_in, retry_time
from loyalty_mcp.brevo.budget_shares import BudgetShares, start_change
from loyalty_mcp.brevo.client_credentials import ClientCredentials
from loyalty_mcp.brevo.read_cache import Fetch, ReadCache
from loyalty_mcp.brevo.replies import answer_lost, failure, parse_reply, upstream_message
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.tracing import upstream_span
from loyalty_mcp.brevo.transport import IDLE_SECONDS, LeanTransport
from loyalty_mcp.brevo.upstream_clock import UpstreamClock
from loyalty_mcp.errors import LoyaltyError, RateLimited, Unavailable, nothing_changed

ReplyT = TypeVar("ReplyT", bound=BaseModel)

CONNECTIONS: Final = 64
READ_TRIES: Final = 3
KEY_HEADER: Final = "api-key"
JSON_BODY: Final = {"content-type": "application/json"}

NEVER_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,  # the proxy did not open a tunnel
)
"""Errors that prove that a request was not sent; after any other error it may have arrived."""


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def open_http_client(
    base_url: str,
    api_key: str | None,
    *,
    timeout: float,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> httpx2.AsyncClient:
    """Open the HTTP client for all requests to the API.

    Args:
        base_url: the API root, without a trailing slash.
        api_key: sent as `api-key` with every request; None if `ClientCredentials` are used.
        timeout: seconds for one request.
        transport: replaces the network: the embedded sandbox, or a test function.

    Returns:
        The client; close it with the server.
    """
    limits = httpx2.Limits(
        max_connections=CONNECTIONS,
        max_keepalive_connections=CONNECTIONS,
        keepalive_expiry=IDLE_SECONDS,
    )
    if transport is None and not _proxy_applies(base_url):
        transport = LeanTransport(base_url, connections=CONNECTIONS)
    return httpx2.AsyncClient(
        base_url=base_url,
        headers={
            **({} if api_key is None else {KEY_HEADER: api_key}),
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"loyalty-mcp/{__version__}",
        },
        # The wait for a connection ends before the request's time is over; then certainly nothing
        # was sent.
        timeout=httpx2.Timeout(timeout, pool=timeout / 2, connect=timeout / 3),
        limits=limits,
        transport=transport,
    )


def _proxy_applies(base_url: str) -> bool:
    """Whether the environment configures a proxy for the API; httpx2 handles `NO_PROXY`."""
    return not getproxies().keys().isdisjoint({httpx2.URL(base_url).scheme, "all"})


class ReadView(Protocol):
    """Restricts what a caller sees in reads."""

    def request(self, request: Request[ReplyT]) -> Request[ReplyT]:
        """The read to send instead."""

    async def reply(self, request: Request[ReplyT], reply: ReplyT) -> ReplyT:
        """The visible part of its reply."""


@dataclass(slots=True)
class _Usage:
    """The use of the API by all views of one client."""

    budget: Budget | None = None
    requests_sent: int = 0


class Brevo:
    """The client of the Brevo Loyalty API. It retries reads and never retries changes.

    Args:
        http: the HTTP client, with the key; its owner closes it.
        timeout: seconds for one request, including waits and retries.
        now: our clock.
        shares: the budget limits of each caller; None for no limits.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        timeout: float,
        now: Callable[[], datetime] = utc_now,
        shares: BudgetShares | None = None,
    ) -> None:
        self._http = http
        self._host = http.base_url.host
        self._timeout = timeout
        self._now = now
        self._clock = UpstreamClock(now)
        self._cache = ReadCache(self._fetch)
        self._usage = _Usage()
        self._view: ReadView | None = None
        self.shares = BudgetShares() if shares is None else shares

    def __repr__(self) -> str:
        """The representation with the host only, without the key."""
        return f"Brevo({self._host!r})"

    def seen_through(self, view: ReadView) -> "Brevo":
        """The same client for a caller whose reads are restricted by `view`.

        Connections, caches, clock and budget are shared.
        """
        client = copy.copy(self)
        client._view = view  # noqa: SLF001 - of the same class
        return client

    @property
    def budget(self) -> Budget | None:
        """The state of the hourly budget; None before the first answer that contains it."""
        return self._usage.budget

    @property
    def requests_sent(self) -> int:
        """The number of requests sent."""
        return self._usage.requests_sent

    def upstream_now(self) -> datetime:
        """The API's time according to its last answer; our own clock before the first.

        It can be late by a second plus the time an answer takes. Jumps of our clock do not affect
        it.
        """
        return self._clock.now()

    @property
    def clock_skew(self) -> timedelta | None:
        """How far our clock is ahead of the API's; None before an answer with its time."""
        return self._clock.skew

    async def send(self, request: Request[ReplyT]) -> ReplyT:
        """Send `request` and read its reply.

        Raises:
            Refused: a rule of the API forbids it; nothing was changed.
            NotFound: the object is not there.
            NotAuthorized: the key, this server's address or the account is refused.
            RateLimited: the budget is used up; nothing was changed.
            Unavailable: there is no valid answer, and nothing was changed.
            OutcomeUnknown: a change was sent, and its answer was lost or is not readable.
        """
        if request.reads:
            return await self._seen(self._cache.read, request)
        self._cache.forget_before(request)
        # The next reads of this task determine the outcome.
        start_change()
        try:
            return await self._in_time(request, self._send_once(request))
        finally:
            self._cache.forget_before(request)

    async def configuration(self, request: Request[ReplyT]) -> ReplyT:
        """Like `send`, for configuration, which is cached for a minute or until our next change."""
        return await self._seen(self._cache.configuration, request)

    async def _seen(self, read: Fetch[ReplyT], request: Request[ReplyT]) -> ReplyT:
        # Checked before the cache, so that a caller who joins a read is not refused because of
        # another caller.
        self.shares.check(self.budget, self._now())
        if self._view is None:
            return await read(request)
        request = self._view.request(request)
        return await self._view.reply(request, await read(request))

    async def lookup(self, request: Request[ReplyT]) -> ReplyT | None:
        """Like `send`, for lookups of ids, which are cached for a minute or until our next change.

        Returns:
            The reply; None if the API refuses it, which means that nobody has the id.
        """
        return await self._cache.lookup(request)

    def call_cache(self) -> AbstractContextManager[None]:
        """A block in which identical reads are sent once, until a change is sent.

        For the steps of one call that read the same things: the preview, the decision and the work.
        Do not wait for a person inside the block.
        """
        return self._cache.call()

    def forget_call(self) -> None:
        """Drop the reads of the current call, so that they are sent again."""
        self._cache.forget_call()

    def forget_configuration(self) -> None:
        """Drop the cached configuration, so that it is read again."""
        self._cache.forget_configuration()

    def read_afresh(self) -> None:
        """Use only fresh reads from now on, because a preview must not use older data."""
        self._cache.start_afresh()

    def read_members_afresh(self) -> None:
        """Use only fresh reads of members from now on; configuration stays cached."""
        self._cache.forget_members()

    def require(self, requests: int) -> None:
        """Refuse work that needs more requests than are left in the hour, or of the caller's share.

        Args:
            requests: the number of requests that the work takes.

        Raises:
            RateLimited: fewer are left; says when to try again.
        """
        if self.budget is not None:
            self.budget.require(requests, self._now())
        self.shares.check(self.budget, self._now(), requests)

    async def _fetch(self, request: Request[ReplyT]) -> ReplyT:
        return await self._in_time(request, self._send_repeatedly(request))

    async def _in_time(self, request: Request[ReplyT], work: Awaitable[ReplyT]) -> ReplyT:
        """The result of `work`, unless its time is over first."""
        try:
            async with asyncio.timeout(self._timeout):
                return await work
        except TimeoutError:
            raise answer_lost(request, "Brevo did not answer in time") from None

    async def _send_repeatedly(self, request: Request[ReplyT]) -> ReplyT:
        """Send a read, and retry it after temporary failures while there is time left."""
        ends = anyio.current_time() + self._timeout
        for attempt in range(1, READ_TRIES + 1):
            try:
                return await self._send_once(request)
            except (RateLimited, Unavailable) as error:
                pause = self._pause(error, attempt)
                if attempt == READ_TRIES or anyio.current_time() + pause >= ends:
                    raise
            await anyio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _pause(self, error: LoyaltyError, attempt: int) -> float:
        """Seconds before the next attempt: as the API asks, otherwise a jittered doubling delay."""
        if isinstance(error, RateLimited) and error.retry_at is not None:
            return max(0.0, (error.retry_at - self._now()).total_seconds())
        jitter: float = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load; not security-relevant
        return jitter * 0.1 * 2.0**attempt

    async def _send_once(self, request: Request[ReplyT]) -> ReplyT:
        self._usage.requests_sent += 1
        content = request.content
        try:
            with (
                self.shares.charged_request(self.budget, self._now()),
                upstream_span(request.method, request.reply.__name__, self._host) as span,
            ):
                answer = await self._http.request(
                    request.method,
                    request.target,
                    content=content,
                    headers=None if content is None else JSON_BODY,
                )
                span.set_attribute("http.response.status_code", answer.status_code)
        except NEVER_SENT:
            raise nothing_changed(Unavailable, "Brevo cannot be reached") from None
        except (httpx2.RequestError, OSError):
            raise answer_lost(request, "Brevo's answer was lost") from None
        return self._reply(request, answer)

    def _reply(self, request: Request[ReplyT], answer: httpx2.Response) -> ReplyT:
        if (date := answer.headers.get("date")) is not None:
            self._clock.observe(date)
        now = self._now()
        budget = budget_in(answer.headers, now)
        if budget is not None and request.path.startswith("/loyalty/"):
            self._usage.budget = budget
        if answer.is_success:
            return parse_reply(request, answer.status_code, answer.content)
        message = self.without_key(upstream_message(answer.content))
        retry_at = retry_time(answer.headers, now)
        with_token = isinstance(self._http.auth, ClientCredentials)
        raise failure(request, answer.status_code, message, retry_at, now, with_token=with_token)

    def without_key(self, text: str) -> str:
        """`text` with the key, or the client secret and its token, removed."""
        auth = self._http.auth
        secrets = auth.secrets if isinstance(auth, ClientCredentials) else ()
        key = self._http.headers.get(KEY_HEADER)
        for secret in secrets if key is None else (*secrets, key):
            text = text.replace(secret, "***")
        return text
