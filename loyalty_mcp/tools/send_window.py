"""The send window: until when a change may be sent, and until when it may still arrive.

Both are upstream times, so that processes with different clocks agree. With each send, the journal
records the sender's deadline. Reconciliation relies only on that record, whatever its own clock and
settings are.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from pydantic import BaseModel

from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import (
    LoyaltyError,
    NotAuthorized,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.context import Context

MARGIN: Final = timedelta(seconds=5)
"""`Date` has whole seconds, and an answer takes time, so estimates differ slightly."""

UNRECORDED: Final = timedelta(hours=1)
"""How long an intent may still arrive if an older version did not record its deadline."""

DOUBTFUL: Final = (OutcomeUnknown, Refused, NotFound, NotAuthorized, RateLimited)
"""Errors after which a change may have been made nevertheless; only `Unavailable` excludes it.

A gateway may return an error although the API carried out the change.
"""

SHOWN_LATER: Final = (
    "This account shows a change only later, so reads do not tell yet; check_intent will."
)
TOO_LATE: Final = "The server was held up for too long, so it sent nothing more."

EffectT = TypeVar("EffectT")
ReplyT = TypeVar("ReplyT", bound=BaseModel)


class DidNotHappen(Refused):
    """Reads show that a change did not take effect, and that it no longer can."""


class NoReadCanTell(OutcomeUnknown):
    """The API has no read that shows whether a change took effect; a refusal is then final."""


def new_deadline(context: Context) -> datetime:
    """The time until which requests of a change may arrive, if sending begins now.

    One timeout to begin the last request, one to wait for its answer, and one in which it may still
    be under way after nobody waits for it.
    """
    timeout = timedelta(seconds=context.settings.timeout)
    return context.brevo.upstream_now() + 3 * timeout + MARGIN


def may_send(context: Context, intent: Intent) -> bool:
    """Whether this process may still begin a request of an intent that it is sending."""
    if intent.deadline is None:
        return False
    timeout = timedelta(seconds=context.settings.timeout)
    return context.brevo.upstream_now() <= intent.deadline - 2 * timeout - MARGIN


def may_arrive(context: Context, intent: Intent) -> bool:
    """Whether a request of a sent intent may still be under way.

    Call this before reading: what a read shows after the deadline is final. Before the first answer
    of the upstream its time is not known, so everything may still arrive.
    """
    if intent.sent_at is None:
        return intent.state == "sent"
    if context.brevo.clock_skew is None and not context.settings.sandbox:
        return True
    deadline = intent.deadline or intent.sent_at + UNRECORDED
    return context.brevo.upstream_now() < deadline + context.history_lag


def earliest_effect(intent: Intent) -> datetime:
    """The upstream time before which nothing of an intent can have been created.

    The hour allows for a long timeout of the sender, and for a wrong local clock.
    """
    return (intent.deadline or intent.sent_at or intent.created_at) - UNRECORDED


def require_window(context: Context, intent: Intent) -> None:
    """Refuse to send after the window closed: reconciliation may have recorded an outcome.

    Raises:
        Unavailable: nothing was sent.
    """
    if not may_send(context, intent):
        raise Unavailable(
            f"{TOO_LATE} Nothing was changed. Call again for a new preview.", cause=TOO_LATE
        )


async def send_change(context: Context, intent: Intent, request: Request[ReplyT]) -> ReplyT:
    """Send one request of a change, if the window is still open.

    Every change of every tool uses this function.

    Raises:
        Unavailable: the window has closed and nothing was sent, or the request could not be sent.
        LoyaltyError: from the client.
    """
    require_window(context, intent)
    return await context.brevo.send(request)


class Sender(Protocol):
    """Sends requests: the client itself, or a change that checks every step."""

    async def send(self, request: Request[ReplyT]) -> ReplyT:
        """Send a request and read its reply."""


class SteppedChange:
    """A change of many requests, with a new deadline for each step.

    Args:
        context: the clients, the journal and the settings that tools use.
        intent: being sent.
    """

    def __init__(self, context: Context, intent: Intent) -> None:
        self._context = context
        self._intent = intent

    async def send(self, request: Request[ReplyT]) -> ReplyT:
        """Send the next request of the change; reads may be sent at any time.

        Raises:
            Unavailable: the window has closed, or another process recorded an outcome.
            LoyaltyError: from the client.
        """
        if request.reads:
            return await self._context.brevo.send(request)
        require_window(self._context, self._intent)
        deadline = new_deadline(self._context)
        if not await self._context.journal.open().prolong(self._intent, deadline):
            raise Unavailable("The outcome was recorded elsewhere, so it sent nothing more.")
        self._intent = replace(self._intent, deadline=deadline)
        return await self._context.brevo.send(request)


async def effect_after(
    context: Context, failure: LoyaltyError, look: Callable[[], Awaitable[EffectT | None]]
) -> EffectT:
    """The effect of a change that was answered with `failure`, if it is visible.

    A refusal is checked too, because a gateway may return an error although the API carried out the
    change.

    Args:
        context: the clients, the journal and the settings that tools use.
        failure: the error, or the lost answer.
        look: reads the effect; None if there is none.

    Raises:
        LoyaltyError: the failure itself; there is no effect, or it may still arrive.
        OutcomeUnknown: the effect cannot be read.
    """
    try:
        found = await look()
    except NoReadCanTell:
        raise failure from None
    except LoyaltyError as unread:
        budget_spent = isinstance(failure, RateLimited) and isinstance(unread, RateLimited)
        if isinstance(failure, OutcomeUnknown) or budget_spent:
            raise failure from None
        if isinstance(unread, OutcomeUnknown):
            raise
        raise OutcomeUnknown(f"{failure.cause} Whether it was done cannot be read now.") from None
    if found is not None:
        return found
    if (await known_facts(context)).history_lag and not isinstance(failure, OutcomeUnknown):
        raise OutcomeUnknown(f"{failure.cause} {SHOWN_LATER}")
    raise failure
