"""What can go wrong, sorted by who can act on it.

LoyaltyError
├── CallerError            the assistant can mend its call
│   ├── InvalidArgument    an argument is missing, unknown, or out of its bounds
│   ├── UnknownReference   no such program, member, balance, …; the nearest are named
│   ├── AmbiguousReference several have that name
│   ├── NotFound           the API knows no such object
│   └── Refused            a rule of the program, of the guard or of the policy forbids it
├── OperatorError          whoever runs this server can mend its set-up
│   ├── BadSetting         a setting is wrong; the server does not start
│   ├── NotAuthorized      the API key is missing, wrong, or lacks the Loyalty module
│   └── JournalUnavailable no intent can be written, so nothing is sent
└── TemporaryError         time may mend it
    ├── RateLimited        the hourly budget is spent; says when to come back
    ├── Unavailable        the API did not answer; nothing was changed
    └── OutcomeUnknown     a change was sent and its answer was lost
"""

from datetime import datetime


class LoyaltyError(Exception):
    """An error whose sentence is fit for the assistant: no secret, no raw foreign text."""


class CallerError(LoyaltyError):
    """The assistant can mend its call."""


class InvalidArgument(CallerError):
    """An argument is missing, unknown, or out of its bounds."""


class UnknownReference(CallerError):
    """No object has that name or id."""


class AmbiguousReference(CallerError):
    """Several objects have that name."""


class NotFound(CallerError):
    """The API knows no such object."""


class Refused(CallerError):
    """A rule forbids it; nothing was changed."""


class OperatorError(LoyaltyError):
    """Whoever runs this server can mend its set-up."""


class BadSetting(OperatorError):
    """A setting is wrong: which, why, and what would be right."""


class NotAuthorized(OperatorError):
    """The API refuses the key, or the account lacks the Loyalty module."""


class JournalUnavailable(OperatorError):
    """The journal cannot be written, so nothing may be sent."""


class TemporaryError(LoyaltyError):
    """Time may mend it."""


class RateLimited(TemporaryError):
    """The hourly budget of the API is spent; nothing was changed.

    Args:
        sentence: what happened, for the assistant.
        resets_at: when the budget is full again; None if the API did not say.
    """

    def __init__(self, sentence: str, resets_at: datetime | None) -> None:
        super().__init__(sentence)
        self.resets_at = resets_at


class Unavailable(TemporaryError):
    """The API did not answer, or not in words we know; nothing was changed."""


class OutcomeUnknown(TemporaryError):
    """A change was sent and its answer was lost: it may or may not have happened."""
