"""Converts an answer of the API to a reply, or to an error by who can fix it."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from loyalty_mcp.brevo.budget import clock_time
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import Done
from loyalty_mcp.errors import (
    LoyaltyError,
    NotAuthorized,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
    nothing_changed,
)

ReplyT = TypeVar("ReplyT", bound=BaseModel)

MESSAGE_LENGTH: Final = 300
"""Maximum length of the API's message; its message about an unknown address ends with a link."""

MESSAGES: Final = 5
"""The number of messages of one answer that are quoted."""

UNDOCUMENTED: Final = "Brevo's answer is not in the form it documents"

NO_SUCH_OBJECT: Final = "Brevo knows no such object."
CHECK_THE_ID: Final = "Check the id or name that was given."

ADDRESS_REFUSED: Final = re.compile(r"\bIP\b", re.IGNORECASE)
UNDER_VALIDATION: Final = re.compile(r"validat|activat", re.IGNORECASE)

NEXT_STEPS: Final = {
    400: "Correct what it names, and call again.",
    409: "Something like it exists already; read what there is, or use another name or id.",
    412: "Its conditions are not met; read the object again.",
    417: "Its conditions are not met; read the object again.",
    422: "Correct what it names, and call again.",
    424: "Something that it needs is missing or failed at Brevo; check it, or try again later.",
}
"""What to do about a refusal, by status."""


def parse_reply(request: Request[ReplyT], status: int, content: bytes) -> ReplyT:
    """Read the body of a successful answer.

    Args:
        request: the request.
        status: the HTTP status; 204 has no body.
        content: the body.

    Raises:
        Unavailable: the body of a read is missing or not as documented.
        OutcomeUnknown: the same, for a change.
    """
    try:
        value = json.loads(content, parse_float=Decimal) if content.strip() else None
    except (ValueError, RecursionError):
        raise answer_lost(request, UNDOCUMENTED) from None
    if value is None:
        if status != 204 and not issubclass(request.reply, Done):
            raise answer_lost(request, f"Brevo answered {status} with an empty body")
        value = {}
    try:
        return request.reply.model_validate(value)
    except ValidationError:
        pass
    try:
        return request.reply.model_validate(_without_blanks(value))
    except ValidationError:
        raise answer_lost(request, UNDOCUMENTED) from None


def _without_blanks(value: Any) -> Any:
    """`value` without null fields and empty texts, which both mean "no value"."""
    if isinstance(value, dict):
        return {
            name: _without_blanks(item) for name, item in value.items() if item not in (None, "")
        }
    if isinstance(value, list):
        return [_without_blanks(item) for item in value]
    return value


def answer_lost(request: Request[Any], reason: str) -> LoyaltyError:
    """The error for a missing or invalid answer.

    Returns:
        `Unavailable` for reads, `OutcomeUnknown` for changes.
    """
    if request.reads:
        return nothing_changed(Unavailable, reason, "Try again in a moment.")
    return OutcomeUnknown(f"{reason}; the change may or may not have happened.", cause=f"{reason}.")


class Credential(NamedTuple):
    """The credential of a request, in words.

    Attributes:
        name: what Brevo refuses.
        settings: where it comes from.
        rights: what it can lack.
    """

    name: str
    settings: str
    rights: str


KEY: Final = Credential("API key", "BREVO_API_KEY", "rights")
TOKEN: Final = Credential("access token", "BREVO_CLIENT_ID and BREVO_CLIENT_SECRET", "scopes")


def failure(
    request: Request[Any],
    status: int,
    message: str,
    retry_at: datetime | None,
    now: datetime,
    *,
    with_token: bool = False,
) -> LoyaltyError:
    """The error for an answer with an error status.

    Args:
        request: the request.
        status: the HTTP status, not a success.
        message: the API's message, without the key; empty if there is none.
        retry_at: when the budget is full again, according to this answer.
        now: the current time.
        with_token: whether an access token was sent instead of a key.
    """
    said = quoted(message, MESSAGE_LENGTH)
    end = "" if said.endswith(('."', '!"', '?"')) else "."
    quote = f"It said: {said}{end} " if message else ""
    if status == 429:
        when = "later" if retry_at is None else f"after {clock_time(retry_at, now)}"
        what = "Brevo's hourly request budget is spent"
        return nothing_changed(RateLimited, what, f"Come back {when}.", retry_at=retry_at)
    if status in {401, 403}:
        credential = TOKEN if with_token else KEY
        what = _refusal(status, message, credential)
        then = f"{quote}{_remedy(status, message, credential)}"
        return _unchanged(NotAuthorized, request, what, then)
    if status == 404:
        return _unchanged(NotFound, request, NO_SUCH_OBJECT, f"{quote}{CHECK_THE_ID}")
    if status < 500 and status != 408:
        then = f"{quote or 'It gave no reason. '}{NEXT_STEPS.get(status, '')}".rstrip()
        return nothing_changed(Refused, f"Brevo refused this ({status})", then)
    return answer_lost(request, f"Brevo failed ({status})")


def _unchanged(
    kind: type[LoyaltyError], request: Request[Any], what: str, then: str
) -> LoyaltyError:
    """An error of two sentences; between them, for a change, that nothing was changed."""
    cause = f"{what} {then}"
    return kind(cause if request.reads else f"{what} Nothing was changed. {then}", cause=cause)


def _refusal(status: int, message: str, credential: Credential) -> str:
    if ADDRESS_REFUSED.search(message):
        return "Brevo answers, and refuses the address of this server."
    if UNDER_VALIDATION.search(message):
        return "Brevo answers, and refuses this account."
    return (
        f"Brevo refuses the {credential.name}."
        if status == 401
        else "Brevo answers, and refuses this."
    )


def _remedy(status: int, message: str, credential: Credential) -> str:
    """What the operator has to do about a 401 or 403."""
    if ADDRESS_REFUSED.search(message):
        return (
            "The operator has to authorise this server's address in Brevo, under Security > "
            "Authorised IPs."
        )
    if UNDER_VALIDATION.search(message):
        return "The operator has to see to it that Brevo activates the account."
    if status == 401:
        return f"The operator has to check {credential.settings}."
    rights = f"the {credential.rights} of the {credential.name}"
    return f"The operator has to check {rights}, and that Loyalty is switched on."


def upstream_message(content: bytes) -> str:
    """The message in an error body, in any of the observed forms.

    `{code, message}`, `{message}`, `{path, rule, error}`, `{errors: […]}` with either in the list,
    or a bare JSON string. Anything else, including HTML, has no message.
    """
    try:
        value = json.loads(content)
        return "; ".join(islice(dict.fromkeys(_messages(value)), MESSAGES))
    except (ValueError, RecursionError):
        return ""


def _messages(value: Any) -> Iterator[str]:
    match value:
        case "":
            return
        case str():
            yield value
        case list():
            for item in value:
                yield from _messages(item)
        case {"path": str() as path, "error": str() as text}:
            yield f"{path}: {text}"
        case dict():
            for name in ("message", "error", "errors"):
                yield from _messages(value.get(name))
