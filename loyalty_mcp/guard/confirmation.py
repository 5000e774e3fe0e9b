"""What passes between a guarded call and whoever has to agree to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from loyalty_mcp.intents.lifecycle import Intent, Preview, digest_of
from loyalty_mcp.tools.argument_model import Arguments
from loyalty_mcp.tools.tool import Tool, said

Status = Literal[
    "confirmation_required",
    "waiting_for_operator",
    "applied",
    "not_applied",
    "unknown",
    "declined",
    "expired",
]
FAILED: Final[frozenset[Status]] = frozenset({"not_applied", "unknown", "expired"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        name: what intents are bound to.
        can_ask: whether their client can show a person a dialog.
    """

    name: str
    can_ask: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a guarded tool, its arguments checked and its references not yet resolved."""

    tool: Tool
    given: Arguments
    caller: Caller

    @property
    def digest(self) -> str:
        """The fingerprint that a confirmation is bound to."""
        return digest_of(self.tool.name, said(self.given))

    @property
    def whole(self) -> dict[str, Any]:
        """The arguments as plain JSON, with those that the settings have pinned."""
        return {**said(self.given), **self.tool.pinned}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a guarded tool answers; a field is there only when the status has it.

    Args:
        status: what became of the call.
        intent: its id, once there is one.
        preview: what is to be agreed to.
        confirmation: what to repeat the call with.
        expires_at: until when.
        result: the typed answer, once applied.
        reason: what happened and what to do next.
        again: whether this was answered before, and nothing was done now.
    """

    status: Status
    intent: str | None = None
    preview: Preview | None = None
    confirmation: str | None = None
    expires_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    reason: str | None = None
    again: bool = False

    @property
    def failed(self) -> bool:
        """Whether the assistant has to treat it as an error."""
        return self.status in FAILED


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked in a dialog, before anything changes.

    Args:
        intent: what they agree to.
        rounds: how many dialogs this call has shown, this one included.
        moved: what changed since the last dialog, if this is not the first.
        amount: what they have to type to agree; None where ticking is enough.
    """

    intent: Intent
    rounds: int = 1
    moved: str | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came back from a dialog: a clear yes, or why it is none.

    Args:
        agreed: whether the person ticked the box.
        why_not: the reason, otherwise.
        amount: what they typed, if they were asked to.
    """

    agreed: bool
    why_not: str = ""
    amount: Decimal | None = None


def waiting(intent: Intent, moved: str | None = None) -> Envelope:
    """The answer while an operator has to decide."""
    return Envelope(
        "waiting_for_operator",
        intent.id,
        intent.preview,
        expires_at=intent.expires_at,
        reason=moved,
    )


def confirmable(intent: Intent, moved: str | None = None) -> Envelope:
    """The answer while the same call has to be repeated."""
    return Envelope(
        "confirmation_required",
        intent.id,
        intent.preview,
        confirmation=intent.id,
        expires_at=intent.expires_at,
        reason=moved,
    )


def outcome_of(intent: Intent) -> Envelope:
    """The answer that an intent in its present state gives."""
    match intent.state:
        case "applied" | "not_applied" | "unknown" | "declined" | "expired" as status:
            return Envelope(
                status, intent.id, result=intent.result, reason=intent.reason, again=True
            )
        case "proposed" | "approved" | "sent":
            reason = "It is still under way; check_intent will tell."
            return Envelope("unknown", intent.id, reason=reason)
