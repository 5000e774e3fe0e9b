"""Refusals as one exception hierarchy; `app.py` converts them to `{code, message}`.

Refusal
├─ Malformed            400   the request cannot be understood, or contradicts itself
├─ Unauthorized         401   no key, or the wrong one
├─ Forbidden            403   the access token lacks a scope
├─ NotFound             404   the named object does not exist
├─ MethodNotAllowed     405   the path exists, the method does not
├─ Conflict             409   the name or the role is taken
├─ PreconditionFailed   412   a voucher is not in a state to be redeemed
├─ TooLarge             413   the body is longer than the engine reads
├─ ExpectationFailed    417   a rule of a reward refuses
├─ Invalid              422   a field is missing, of the wrong type or out of range
├─ NotAllowed           422   a rule of the program refuses
│  └─ Rejected          422   the same, and the refusal is kept in the history
├─ DependencyFailed     424   a required object does not exist
└─ TooManyRequests      429   the hourly budget is used up
"""

from typing import ClassVar


class Refusal(Exception):
    """A refused request: its status, code and message.

    Attributes:
        kept: Whether to commit what was written before the refusal, as for a rejected movement.
    """

    status: ClassVar[int] = 400
    default_code: ClassVar[str] = "bad_request"
    kept: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code


class Malformed(Refusal):
    """The request cannot be understood, or contradicts itself."""


class Unauthorized(Refusal):
    """No key, or the wrong one."""

    status = 401
    default_code = "unauthorized"


class Forbidden(Refusal):
    """The access token does not cover the request."""

    status = 403
    default_code = "permission_denied"


class NotFound(Refusal):
    """The named object does not exist."""

    status = 404
    default_code = "document_not_found"


class MethodNotAllowed(Refusal):
    """The path exists, the method does not."""

    status = 405
    default_code = "method_not_allowed"


class Conflict(Refusal):
    """The name or the role is taken."""

    status = 409
    default_code = "duplicate_parameter"


class PreconditionFailed(Refusal):
    """A voucher is not in a state to be redeemed."""

    status = 412
    default_code = "precondition_failed"


class TooLarge(Refusal):
    """The body is longer than the engine reads."""

    status = 413
    default_code = "request_too_large"


class ExpectationFailed(Refusal):
    """A rule or a limit of a reward refuses."""

    status = 417
    default_code = "expectation_failed"


class Invalid(Refusal):
    """A field is missing, of the wrong type or out of range."""

    status = 422
    default_code = "invalid_parameter"


class NotAllowed(Refusal):
    """A rule of the program refuses."""

    status = 422
    default_code = "unprocessable_entity"


class Rejected(NotAllowed):
    """A movement could not be applied; the rejection stays in the history."""

    kept = True


class DependencyFailed(Refusal):
    """A required object does not exist."""

    status = 424
    default_code = "failed_dependency"


class TooManyRequests(Refusal):
    """The hourly budget is used up."""

    status = 429
    default_code = "too_many_requests"
