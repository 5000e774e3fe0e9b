"""Sending: until when a change may be begun, until when it may arrive, and what its mark tells."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

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
from loyalty_mcp.tools.context import Context

ARRIVES_WITHIN: Final = 3
"""How many request timeouts after its intent was sent the last change may still take effect.

One in which it may be begun, one in which its answer is awaited, one in which what is on its way
arrives after nobody waits for it any more.
"""

DOUBTFUL: Final = (OutcomeUnknown, Refused, NotFound, NotAuthorized, RateLimited)
"""What a change may be answered by although it was done: only `Unavailable` was never sent."""

EffectT = TypeVar("EffectT")


class DidNotHappen(Refused):
    """Reading shows that a change did not take effect, and that it no longer can."""


def patience(timeout: timedelta) -> timedelta:
    """How long after an intent was sent something of it may still arrive."""
    return ARRIVES_WITHIN * timeout


def in_time(context: Context, intent: Intent) -> bool:
    """Whether a change of this intent may still be begun."""
    if intent.sent_at is None:
        return False
    return context.now() < intent.sent_at + timedelta(seconds=context.settings.timeout)


def require_time(context: Context, intent: Intent) -> None:
    """Refuse to begin a change that whoever settles its intent no longer expects.

    A suspended machine or a stopped process may wake up long after its intent was settled.

    Raises:
        Unavailable: nothing was sent.
    """
    if not in_time(context, intent):
        raise Unavailable("The server was held up too long, so it sent nothing. Ask again.")


async def effect_after(
    failure: LoyaltyError, look: Callable[[], Awaitable[EffectT | None]]
) -> EffectT:
    """The effect of a change that was answered by `failure`, if its mark is to be seen.

    A refusal is looked behind as well: a gateway may refuse what was done behind it.

    Args:
        failure: the answer, or that there was none.
        look: reads the effect by the mark of the intent; None where there is none.

    Raises:
        LoyaltyError: the failure itself; there is no effect, or it may still come.
        OutcomeUnknown: whether there is one cannot be read.
    """
    try:
        found = await look()
    except LoyaltyError as unread:
        budget_spent = isinstance(failure, RateLimited) and isinstance(unread, RateLimited)
        if isinstance(failure, OutcomeUnknown) or budget_spent:
            raise failure from None
        raise OutcomeUnknown(f"{failure} Whether it was done cannot be read now.") from None
    if found is None:
        raise failure
    return found
