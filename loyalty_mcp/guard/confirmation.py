"""The data types between a guarded call and those who agree to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from loyalty_mcp.errors import Refused
from loyalty_mcp.intents.lifecycle import BATCH_ROWS, Intent, Preview, call_digest
from loyalty_mcp.tools.argument_model import Arguments
from loyalty_mcp.tools.tool import Tool, said

Status = Literal[
    "confirmation_required",
    "waiting_for_operator",
    "applied",
    "partly_applied",
    "not_applied",
    "unknown",
    "declined",
    "expired",
]
ROW_FACTS: Final = ("number", "member", "summary", "refused")
"""What a picture shows of each row of a batch."""

FAILED: Final[frozenset[Status]] = frozenset({"not_applied", "unknown", "expired"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a tool.

    Args:
        name: what intents are bound to.
        can_ask: whether the client can show a dialog to a person.
        shows_cards: whether the client shows MCP Apps cards.
    """

    name: str
    can_ask: bool
    shows_cards: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a guarded tool, with validated arguments and unresolved references.

    Args:
        tool: the tool that is called.
        given: the validated arguments.
        caller: who calls.
        scope: the caller's role and pins.
    """

    tool: Tool
    given: Arguments
    caller: Caller
    scope: str = ""

    def digest(self, account: str) -> str:
        """The fingerprint that a confirmation is bound to.

        Args:
            account: the Brevo account that the call would change.
        """
        return call_digest(account, self.tool.name, self.whole)

    @property
    def whole(self) -> dict[str, Any]:
        """The arguments as plain JSON, including pinned ones."""
        return {**said(self.given), **self.tool.pinned}


@dataclass(frozen=True, slots=True)
class Envelope:
    """The answer of a guarded tool; a field is set only if the status has it.

    Args:
        status: the outcome of the call.
        intent: the intent's id, if there is one.
        preview: what to agree to.
        confirmation: what to repeat the call with.
        expires_at: when the confirmation expires.
        result: the typed answer, once applied; for a batch, the outcome of each row.
        reason: what happened and what to do next.
        again: whether this is an earlier outcome, and nothing was done now.
        done: what happened, in a sentence, unless the result says it.
        card_confirmation: the confirmation, if only a card may have it.
        rows: for a batch, what a card shows of each row, from `shown_rows`.
    """

    status: Status
    intent: str | None = None
    preview: Preview | None = None
    confirmation: str | None = None
    expires_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    reason: str | None = None
    again: bool = False
    done: str = ""
    card_confirmation: str | None = field(default=None, repr=False)
    rows: Sequence[Mapping[str, Any]] = ()

    @property
    def failed(self) -> bool:
        """Whether the assistant has to treat it as an error."""
        return self.status in FAILED


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked in a dialog before a change.

    Args:
        intent: what they agree to.
        rounds: how many dialogs this call has shown, including this one.
        moved: what changed since the last dialog, unless this is the first.
    """

    intent: Intent
    rounds: int = 1
    moved: str | None = None

    @property
    def typed(self) -> str | None:
        """What they have to type to agree; None if ticking a box is enough."""
        return self.intent.preview.typed


@dataclass(frozen=True, slots=True)
class Reaction:
    """The result of a dialog: agreement, or why there is none.

    Args:
        agreed: whether the person ticked the box.
        why_not: the reason, if not.
        typed: what they typed, if they were asked to.
    """

    agreed: bool
    why_not: str = ""
    typed: str | None = None

    def matches(self, expected: str | None) -> bool:
        """Whether the typed text is the displayed one; numbers are compared as numbers."""
        if expected is None:
            return True
        if self.typed is None:
            return False
        one, other = (_number(text) for text in (self.typed, expected))
        if one is not None and other is not None:
            return one == other
        return self.typed.strip() == expected


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None


def require_same_call(call: Call, intent: Intent, account: str) -> None:
    """Check that an intent belongs to a call: same tool, account, scope and arguments.

    Raises:
        Refused: one of them differs; the message says which.
    """
    if intent.tool != call.tool.name:
        raise Refused(f"That confirmation is for {intent.tool}, not for {call.tool.name}.")
    if intent.account != account:
        raise Refused("That confirmation is for another Brevo account; ask for a new preview.")
    if intent.scope != call.scope:
        raise Refused(
            "That confirmation was given under another role, program or member; ask for a new "
            "preview."
        )
    if intent.digest != call.digest(account):
        raise Refused(
            "That confirmation is for other arguments; repeat the call exactly as it was "
            "previewed, or leave the confirmation out for a new preview."
        )


def pressed_in_card(call: Call) -> Call:
    """A call that a card made: its answer is shown in a card, whatever its session says.

    A host may send it on another session than the model's; a new confirmation is the card's too.
    """
    return replace(call, caller=replace(call.caller, shows_cards=True))


def waiting_for_operator(intent: Intent, moved: str | None = None) -> Envelope:
    """The answer while an operator has yet to decide."""
    return Envelope(
        "waiting_for_operator",
        intent.id,
        intent.preview,
        expires_at=intent.expires_at,
        reason=moved,
    )


def confirmable(intent: Intent, confirmation: str, moved: str | None = None) -> Envelope:
    """The answer that asks to repeat the call with its confirmation."""
    return Envelope(
        "confirmation_required",
        intent.id,
        intent.preview,
        confirmation=confirmation,
        expires_at=intent.expires_at,
        reason=moved,
    )


def confirmable_in_card(intent: Intent, confirmation: str, moved: str | None = None) -> Envelope:
    """The answer while a person has to decide in a card; only the card gets the confirmation."""
    return Envelope(
        "confirmation_required",
        intent.id,
        intent.preview,
        expires_at=intent.expires_at,
        reason=moved,
        card_confirmation=confirmation,
        rows=shown_rows(intent),
    )


def shown_rows(intent: Intent) -> list[dict[str, Any]]:
    """What a picture shows of each row of a batch; empty for other changes."""
    return [
        {name: row[name] for name in ROW_FACTS if name in row}
        for row in intent.kept.get(BATCH_ROWS, ())
    ]


def outcome_of(intent: Intent) -> Envelope:
    """The answer for the current state of an intent."""
    match intent.state:
        case "applied" | "not_applied" | "unknown" | "declined" | "expired" as status:
            return Envelope(
                status,
                intent.id,
                result=intent.result,
                reason=intent.reason,
                again=True,
                done=intent.preview.done,
            )
        case "proposed" | "approved" | "sent":
            reason = "It is still under way; check_intent will tell."
            return Envelope("unknown", intent.id, reason=reason)
