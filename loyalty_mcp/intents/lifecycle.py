"""The life of an intent: one decided change, carried out at most once. Pure rules, no I/O.

    proposed ──▶ approved ──▶ sent ──▶ applied
       │             │          ├────▶ not_applied
       │             │          └────▶ unknown ──▶ applied | not_applied
       │             └──▶ not_applied | expired
       └──▶ declined | expired

An intent that was approved and never sent (a crash in between, a cap reached) ends `not_applied`;
one whose facts moved after an operator approved ends `expired`.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

State = Literal[
    "proposed", "approved", "sent", "applied", "not_applied", "unknown", "declined", "expired"
]
Route = Literal["dialog", "token", "operator", "none"]
"""Who can agree: a person in a dialog, whoever repeats the call, an operator, or nobody need."""

MOVES: Final[Mapping[State, frozenset[State]]] = {
    "proposed": frozenset({"approved", "declined", "expired"}),
    "approved": frozenset({"sent", "not_applied", "expired"}),
    "sent": frozenset({"applied", "not_applied", "unknown"}),
    "unknown": frozenset({"applied", "not_applied"}),
    "applied": frozenset(),
    "not_applied": frozenset(),
    "declined": frozenset(),
    "expired": frozenset(),
}
COUNTS_TOWARD_CAPS: Final[tuple[State, ...]] = ("sent", "applied", "unknown")
"""What may have happened counts as having happened, for the caps."""
ENDED: Final[frozenset[State]] = frozenset({"applied", "not_applied", "declined", "expired"})
BOUNDED: Final[tuple[State, ...]] = ("proposed", "approved")
"""What has a time in which it has to go on."""

UNBOUNDED: Final[tuple[State, ...]] = ("sent", "unknown")
"""What has not ended and may have happened, however long ago."""

OPEN: Final[tuple[State, ...]] = (*BOUNDED, "sent")
"""What is told as open; what is unknown is told apart."""

MARKER: Final = "loyaltyMcpIntent"
"""The key in `meta` under which whatever an intent creates at Brevo carries the intent's id."""

LATE: Final = "Its time ran out; nothing was changed. Call again for a new preview."


class IllegalMove(Exception):
    """A move that the life of an intent does not know: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person agrees to, made from live data.

    Args:
        summary: one sentence: who, what, how much.
        before: named facts as they are.
        after: the same facts as they will be.
        warnings: what is easily overlooked, or cannot be undone.
    """

    summary: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """What an intent does to points, for the caps: the size, its direction, whose.

    Args:
        kind: `credit` or `debit`.
        amount: positive, in the unit of the balance.
        member: contact id.
    """

    kind: Literal["credit", "debit"]
    amount: Decimal
    member: int


@dataclass(frozen=True, slots=True)
class Preparation:
    """A change looked at before it is decided.

    Args:
        preview: what a person is shown.
        facts: what the decision rests on; if one moves, the preview is void.
        movement: the points it moves, if any.
    """

    preview: Preview
    facts: Mapping[str, Any] = field(default_factory=dict)
    movement: Movement | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One decided change.

    Args:
        id: 128 random bits, in hexadecimal.
        tool: what is called.
        digest: of the tool and the validated arguments as given.
        caller: who asked; only they may use the intent.
        arguments: as given, without the confirmation.
        resolved: what each reference turned out to be, in the order of the arguments.
        facts: what the decision rests on; if it moves, the intent is void.
        preview: what is shown.
        route: who can agree.
        state: where in its life it is.
        created_at, expires_at: UTC.
        movement: points it moves, if any.
        agreed_by: how agreement came about.
        transaction_id: the draft made upstream; one for ever.
        result: the typed answer, once applied.
        reason: what happened and what to do next, once it ended otherwise.
        sent_at: when the change was first sent.
    """

    id: str
    tool: str
    digest: str
    caller: str
    arguments: Mapping[str, Any]
    resolved: Sequence[Any]
    facts: Mapping[str, Any]
    preview: Preview
    route: Route
    state: State
    created_at: datetime
    expires_at: datetime
    movement: Movement | None = None
    agreed_by: str | None = None
    transaction_id: str | None = None
    result: Mapping[str, Any] | None = None
    reason: str | None = None
    sent_at: datetime | None = None


def new_id() -> str:
    """128 random bits: nobody guesses the intent of another."""
    return secrets.token_hex(16)


def digest_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """A fingerprint of a call: equal for equal arguments, whatever their order."""
    text = json.dumps([tool, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_move(origin: State, target: State) -> None:
    """Refuse a move that the life of an intent does not know.

    Raises:
        IllegalMove: from `origin` there is no way to `target`.
    """
    if target not in MOVES[origin]:
        raise IllegalMove(f"an intent never goes from {origin} to {target}")


def moved(intent: Intent, target: State, **changes: Any) -> Intent:
    """`intent` in state `target`, with what the move makes known.

    Raises:
        IllegalMove: from its state there is no way to `target`.
    """
    check_move(intent.state, target)
    return replace(intent, state=target, **changes)


def lapsed(intent: Intent, now: datetime) -> bool:
    """Whether its time is over before anything was sent."""
    return intent.state in BOUNDED and now >= intent.expires_at


def drifted(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the facts that are no longer what they were."""
    return tuple(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))
