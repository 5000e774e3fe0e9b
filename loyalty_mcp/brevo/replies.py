"""What an answer of the API means: a reply, or an error sorted by who can act on it."""

import json
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel

from loyalty_mcp.brevo.budget import Budget
from loyalty_mcp.brevo.quoting import quoted
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

ReplyT = TypeVar("ReplyT", bound=BaseModel)


def parse_reply(request: Request[ReplyT], content: bytes) -> ReplyT:
    """Read the body of a successful answer.

    Raises:
        Unavailable: the body of a read is not in the documented form.
        OutcomeUnknown: the same, for a change.
    """
    try:
        value = json.loads(content, parse_float=Decimal) if content.strip() else {}
        return request.reply.model_validate({} if value is None else value)
    except (ValueError, RecursionError):  # a validation error is a ValueError too
        raise answer_lost(request, "Brevo's answer is not in the form it documents") from None


def answer_lost(request: Request[Any], reason: str) -> LoyaltyError:
    """The error for an answer that is missing or unusable.

    Returns:
        `Unavailable` for reads, `OutcomeUnknown` for changes.
    """
    if request.reads:
        return Unavailable(f"{reason}; nothing was changed. Try again in a moment.")
    return OutcomeUnknown(f"{reason}; the change may or may not have happened.")


def failure(
    request: Request[Any], status: int, message: str, budget: Budget | None
) -> LoyaltyError:
    """The error that an answer with an error status stands for.

    Args:
        request: what was asked.
        status: of HTTP; not a success.
        message: what the API says about it, without the key; empty if nothing.
        budget: as this answer's headers tell it.
    """
    quote = f" It said: {quoted(message)}." if message else ""
    if status == 429:
        resets_at = None if budget is None else budget.resets_at
        when = f" Come back after {resets_at:%H:%M} UTC." if resets_at is not None else ""
        return RateLimited(f"Brevo's hourly request budget is spent.{when}", resets_at)
    if status == 401:
        return NotAuthorized("Brevo refuses the API key; the operator must check BREVO_API_KEY.")
    if status == 403:
        return NotAuthorized(
            "Brevo forbids this: the key lacks the right, or the Loyalty module is off."
        )
    if status == 404:
        return NotFound(f"Brevo knows no such object.{quote}")
    if status < 500 and status != 408:
        return Refused(f"Brevo refused this ({status}); nothing was changed.{quote}")
    return answer_lost(request, f"Brevo failed ({status})")


def upstream_message(content: bytes) -> str:
    """What an error body says, in any of the forms that the API has been seen to use.

    `{code, message}`, `{message}` or a bare JSON string; anything else, HTML included, says
    nothing.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict):
        value = value.get("message", "")
    return value if isinstance(value, str) else ""
