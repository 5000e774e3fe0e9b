"""What can go wrong, sorted by who can act on it.

LoyaltyError
├── CallerError            the assistant can correct its call
│   ├── InvalidArgument    an argument is missing, unknown, or out of its bounds
│   ├── UnknownReference   no such program, member, balance, …; the nearest are named
│   ├── AmbiguousReference several have that name
│   ├── NotFound           the API knows no such object
│   └── Refused            a rule of the program, of the guard or of the policy forbids it
│       └── OwnIntent      an operator tried to decide on their own intent
├── OperatorError          whoever runs this server can correct its set-up
│   ├── BadSetting         a setting is wrong; the server does not start
│   ├── NotAuthorized      the API refuses the key, this server's address, or the account
│   └── JournalUnavailable no intent can be written, so nothing is sent
└── TemporaryError         time may help
    ├── RateLimited        the hourly budget is spent; says when to come back
    ├── Unavailable        the API did not answer; nothing was changed
    └── OutcomeUnknown     a change was sent and its answer was lost
"""

from datetime import datetime
from typing import ClassVar


class LoyaltyError(Exception):
    """An error whose sentence is fit for the assistant: no secret, no raw foreign text.

    Args:
        sentence: what happened, and what to do next.
        argument: the argument of the tool that is wrong, if one is.
        retry_at: when the same call may succeed, if that is known.
    """

    code: ClassVar[str] = "error"
    """The kind of error for programs, as clients see it in `_meta`."""

    def __init__(
        self, sentence: str, *, argument: str | None = None, retry_at: datetime | None = None
    ) -> None:
        super().__init__(sentence)
        self.argument = argument
        self.retry_at = retry_at


class CallerError(LoyaltyError):
    """The assistant can correct its call."""


class InvalidArgument(CallerError):
    """An argument is missing, unknown, or out of its bounds."""

    code = "invalid_argument"


class UnknownReference(CallerError):
    """No object has that name or id."""

    code = "unknown_reference"


class AmbiguousReference(CallerError):
    """Several objects have that name."""

    code = "ambiguous_reference"


class NotFound(CallerError):
    """The API knows no such object."""

    code = "not_found"


class Refused(CallerError):
    """A rule forbids it; nothing was changed."""

    code = "refused"


class OwnIntent(Refused):
    """Nobody decides on their own intent."""


class OperatorError(LoyaltyError):
    """Whoever runs this server can correct its set-up."""


class BadSetting(OperatorError):
    """A setting is wrong: which, why, and what would be right."""

    code = "bad_setting"


class NotAuthorized(OperatorError):
    """The API refuses the key, this server's address, or the account."""

    code = "not_authorized"


class JournalUnavailable(OperatorError):
    """The journal cannot be written, so nothing may be sent."""

    code = "journal_unavailable"


class TemporaryError(LoyaltyError):
    """Time may help."""


class RateLimited(TemporaryError):
    """The hourly budget of the API is spent; nothing was changed."""

    code = "rate_limited"


class Unavailable(TemporaryError):
    """The API did not answer, or not in words we know; nothing was changed."""

    code = "unavailable"


class OutcomeUnknown(TemporaryError):
    """A change was sent and its answer was lost: it may or may not have happened."""

    code = "outcome_unknown"
