"""The client of the Brevo Loyalty API, and the one HTTP client that it sends through."""

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
from loyalty_mcp.errors import LoyaltyError, RateLimited, Unavailable

ReplyT = TypeVar("ReplyT", bound=BaseModel)

CONNECTIONS: Final = 64
READ_TRIES: Final = 3
KEY_HEADER: Final = "api-key"
JSON_BODY: Final = {"content-type": "application/json"}

NEVER_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,  # the proxy opened no tunnel
)
"""Errors that prove that a request did not leave; after any other it may have arrived."""


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
    """Open the HTTP client through which every request to the API goes.

    Args:
        base_url: the API root, without a slash at the end.
        api_key: sent as `api-key` with every request; None where `ClientCredentials` are set.
        timeout: seconds that one request may take.
        transport: takes the place of the network: the embedded sandbox, or a test's function.

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
        # A wait for a connection ends while there is time left: then surely nothing was sent.
        timeout=httpx2.Timeout(timeout, pool=timeout / 2, connect=timeout / 3),
        limits=limits,
        transport=transport,
    )


def _proxy_applies(base_url: str) -> bool:
    """Whether the environment names a proxy for the API; `NO_PROXY` is left to httpx2."""
    return not getproxies().keys().isdisjoint({httpx2.URL(base_url).scheme, "all"})


class ReadView(Protocol):
    """What a caller may see of reads."""

    def request(self, request: Request[ReplyT]) -> Request[ReplyT]:
        """The read that is made instead."""

    async def reply(self, request: Request[ReplyT], reply: ReplyT) -> ReplyT:
        """What is left of its reply."""


@dataclass(slots=True)
class _Usage:
    """What has been used of the API, by all views of one client."""

    budget: Budget | None = None
    requests_sent: int = 0


class Brevo:
    """The Brevo Loyalty API: sends requests, repeats reads, and never repeats a change.

    Args:
        http: the HTTP client, with the key; its owner closes it.
        timeout: seconds that one request may take, waits and repetitions included.
        now: our own clock.
        shares: what each caller may use of the budget; None for no bounds.
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
        """Show the host alone: the key must not appear."""
        return f"Brevo({self._host!r})"

    def seen_through(self, view: ReadView) -> "Brevo":
        """The same client for a caller whose reads go through `view`.

        Connections, caches, clock and budget are shared.
        """
        client = copy.copy(self)
        client._view = view  # noqa: SLF001 - of the same class
        return client

    @property
    def budget(self) -> Budget | None:
        """What is left of the hour; None before an answer has told it."""
        return self._usage.budget

    @property
    def requests_sent(self) -> int:
        """How many requests were sent."""
        return self._usage.requests_sent

    def upstream_now(self) -> datetime:
        """The API's time, by its last answer; our own clock before the first.

        It can be late by a second and the time an answer takes. Jumps of our clock do not
        change it.
        """
        return self._clock.now()

    @property
    def clock_skew(self) -> timedelta | None:
        """How far our clock is ahead of the API's; None before an answer has told its time."""
        return self._clock.skew

    async def send(self, request: Request[ReplyT]) -> ReplyT:
        """Send `request` and read its reply.

        Raises:
            Refused: a rule of the API forbids it; nothing was changed.
            NotFound: the object is not there.
            NotAuthorized: the key, this server's address or the account is refused.
            RateLimited: the budget is spent; nothing was changed.
            Unavailable: there is no usable answer, and nothing was changed.
            OutcomeUnknown: a change was sent, and its answer was lost or is not readable.
        """
        if request.reads:
            return await self._seen(self._cache.read, request)
        self._cache.forget_before(request)
        # The reads that follow in this task find out what became of it.
        start_change()
        try:
            return await self._in_time(request, self._send_once(request))
        finally:
            self._cache.forget_before(request)

    async def configuration(self, request: Request[ReplyT]) -> ReplyT:
        """Like `send`, for reads of configuration: kept for a minute, or until a change of ours."""
        return await self._seen(self._cache.configuration, request)

    async def _seen(self, read: Fetch[ReplyT], request: Request[ReplyT]) -> ReplyT:
        # Before the cache: whoever joins a read must not be refused for its first reader.
        self.shares.check(self.budget, self._now())
        if self._view is None:
            return await read(request)
        request = self._view.request(request)
        return await self._view.reply(request, await read(request))

    async def lookup(self, request: Request[ReplyT]) -> ReplyT | None:
        """Like `send`, for reads of who has an id: kept for a minute, or until a change of ours.

        Returns:
            The reply; None where the API refuses it, which means that nobody has the id.
        """
        return await self._cache.lookup(request)

    def call_cache(self) -> AbstractContextManager[None]:
        """A block in which identical reads are made once, until a change is sent.

        It serves the steps of one call that look at the same things: the facts of a preview, the
        decision, the work. Do not wait for a person inside it.
        """
        return self._cache.call()

    def forget_call(self) -> None:
        """Drop what the current call has read; from now on it reads afresh."""
        self._cache.forget_call()

    def forget_configuration(self) -> None:
        """Drop the configuration that is kept; from now on it is read afresh."""
        self._cache.forget_configuration()

    def read_afresh(self) -> None:
        """Read everything anew from now on: a preview rests on nothing older than itself."""
        self._cache.start_afresh()

    def read_members_afresh(self) -> None:
        """Read members anew from now on; configuration that was just read is kept."""
        self._cache.forget_members()

    def require(self, requests: int) -> None:
        """Refuse work that needs more requests than are left of the hour, or of the caller's share.

        Args:
            requests: how many requests the work takes.

        Raises:
            RateLimited: fewer are left; says when to come back.
        """
        if self.budget is not None:
            self.budget.require(requests, self._now())
        self.shares.check(self.budget, self._now(), requests)

    async def _fetch(self, request: Request[ReplyT]) -> ReplyT:
        return await self._in_time(request, self._send_repeatedly(request))

    async def _in_time(self, request: Request[ReplyT], work: Awaitable[ReplyT]) -> ReplyT:
        """The result of `work`, unless its time is up before."""
        try:
            async with asyncio.timeout(self._timeout):
                return await work
        except TimeoutError:
            raise answer_lost(request, "Brevo did not answer in time") from None

    async def _send_repeatedly(self, request: Request[ReplyT]) -> ReplyT:
        """Send a read, and again if it fails for a moment and there is time left."""
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
        """Seconds before the next try: what the API asks for, else a jittered doubling."""
        if isinstance(error, RateLimited) and error.retry_at is not None:
            return max(0.0, (error.retry_at - self._now()).total_seconds())
        jitter: float = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
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
            raise Unavailable("Brevo cannot be reached; nothing was changed.") from None
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
        """`text` with the key, or the client secret and its token, blotted out."""
        auth = self._http.auth
        secrets = auth.secrets if isinstance(auth, ClientCredentials) else ()
        key = self._http.headers.get(KEY_HEADER)
        for secret in secrets if key is None else (*secrets, key):
            text = text.replace(secret, "***")
        return text
