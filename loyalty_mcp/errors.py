"""The errors, grouped by who can fix them.

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
from typing import ClassVar, TypeVar


class LoyaltyError(Exception):
    """An error whose message may be shown to the assistant: no secrets, no raw outside text.

    Args:
        sentence: what happened, what it means for the change, and what to do next.
        cause: the same without what it means for the change, for use where only a part of a
            change failed; by default the whole sentence.
        argument: the invalid argument of the tool, if there is one.
        retry_at: when the same call may succeed, if known.
    """

    code: ClassVar[str] = "error"
    """The machine-readable kind of error, as clients see it in `_meta`."""

    def __init__(
        self,
        sentence: str,
        *,
        cause: str | None = None,
        argument: str | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(sentence)
        self.cause = sentence if cause is None else cause
        self.argument = argument
        self.retry_at = retry_at


class CallerError(LoyaltyError):
    """The assistant can correct its call."""


class InvalidArgument(CallerError):
    """An argument is missing, unknown, or out of bounds."""

    code = "invalid_argument"


class UnknownReference(CallerError):
    """No object has that name or id."""

    code = "unknown_reference"


class AmbiguousReference(CallerError):
    """Several objects have that name."""

    code = "ambiguous_reference"


class NotFound(CallerError):
    """The API has no such object."""

    code = "not_found"


class Refused(CallerError):
    """A rule forbids it; nothing was changed."""

    code = "refused"


class OwnIntent(Refused):
    """Nobody can decide on their own intent."""


class OperatorError(LoyaltyError):
    """The operator can correct the set-up."""


class BadSetting(OperatorError):
    """A setting is invalid: which one, why, and what would be valid."""

    code = "bad_setting"


class NotAuthorized(OperatorError):
    """The API refuses the key, this server's address, or the account."""

    code = "not_authorized"


class JournalUnavailable(OperatorError):
    """The journal cannot be written, so nothing may be sent."""

    code = "journal_unavailable"


class TemporaryError(LoyaltyError):
    """The call may succeed later."""


class RateLimited(TemporaryError):
    """The hourly budget of the API is spent; nothing was changed."""

    code = "rate_limited"


class Unavailable(TemporaryError):
    """The API did not answer, or its answer is not understood; nothing was changed."""

    code = "unavailable"


class OutcomeUnknown(TemporaryError):
    """A change was sent and its answer was lost: it may or may not have happened."""

    code = "outcome_unknown"


ErrorT = TypeVar("ErrorT", bound=LoyaltyError)


def nothing_changed(
    kind: type[ErrorT], what: str, then: str = "", *, retry_at: datetime | None = None
) -> ErrorT:
    """An error that also says that nothing was changed; its cause does not.

    Args:
        kind: the class of the error.
        what: what happened, without a full stop.
        then: further sentences, such as what to do next.
        retry_at: when the same call may succeed, if that is known.
    """
    more = f" {then}" if then else ""
    return kind(f"{what}; nothing was changed.{more}", cause=f"{what}.{more}", retry_at=retry_at)
