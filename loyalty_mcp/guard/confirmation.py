"""What passes between a guarded call and whoever has to agree to it."""

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
"""What a picture shows of a row of a batch."""

FAILED: Final[frozenset[Status]] = frozenset({"not_applied", "unknown", "expired"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        name: what intents are bound to.
        can_ask: whether their client can show a person a dialog.
        shows_cards: whether their client shows cards of MCP Apps.
    """

    name: str
    can_ask: bool
    shows_cards: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a guarded tool, its arguments checked and its references not yet resolved.

    Args:
        tool: what is called.
        given: the checked arguments.
        caller: who calls.
        scope: the role and the pins under which they call.
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
        result: the typed answer, once applied; of a batch, what became of each row.
        reason: what happened and what to do next.
        again: whether this was answered before, and nothing was done now.
        done: what has happened, in a sentence, where the result alone does not say it.
        card_confirmation: the confirmation where a card alone may hold it, and no model.
        rows: of a batch, what a card shows of each row, as `shown_rows` gives it.
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
    """What a person is asked in a dialog, before anything changes.

    Args:
        intent: what they agree to.
        rounds: how many dialogs this call has shown, this one included.
        moved: what changed since the last dialog, if this is not the first.
    """

    intent: Intent
    rounds: int = 1
    moved: str | None = None

    @property
    def typed(self) -> str | None:
        """What they have to type to agree; None where ticking a box is enough."""
        return self.intent.preview.typed


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came back from a dialog: a clear yes, or why it is none.

    Args:
        agreed: whether the person ticked the box.
        why_not: the reason, otherwise.
        typed: what they typed, if they were asked to.
    """

    agreed: bool
    why_not: str = ""
    typed: str | None = None

    def matches(self, expected: str | None) -> bool:
        """Whether what was typed is what was displayed; numbers are compared as numbers."""
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
    """Make sure that an intent is that of a call: its tool, account, scope and arguments.

    Raises:
        Refused: which of them differs.
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


def waiting(intent: Intent, moved: str | None = None) -> Envelope:
    """The answer while an operator has to decide."""
    return Envelope(
        "waiting_for_operator",
        intent.id,
        intent.preview,
        expires_at=intent.expires_at,
        reason=moved,
    )


def confirmable(intent: Intent, confirmation: str, moved: str | None = None) -> Envelope:
    """The answer while the same call has to be repeated with its confirmation."""
    return Envelope(
        "confirmation_required",
        intent.id,
        intent.preview,
        confirmation=confirmation,
        expires_at=intent.expires_at,
        reason=moved,
    )


def confirmable_in_card(intent: Intent, confirmation: str, moved: str | None = None) -> Envelope:
    """The answer while a person has to decide in a card, which alone gets the confirmation."""
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
    """What a picture shows of each row of a batch; nothing for any other change."""
    return [
        {name: row[name] for name in ROW_FACTS if name in row}
        for row in intent.kept.get(BATCH_ROWS, ())
    ]


def outcome_of(intent: Intent) -> Envelope:
    """The answer that an intent in its present state gives."""
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
