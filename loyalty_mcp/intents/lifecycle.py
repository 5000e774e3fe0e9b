"""The life of an intent: one decided change, carried out at most once. Pure rules, no I/O.

    proposed ──▶ approved ──▶ sent ──▶ applied
       │             │          ├────▶ not_applied ──▶ applied (correction)
       │             │          └────▶ unknown ──▶ applied | not_applied
       │             └──▶ not_applied | expired
       └──▶ declined | expired

An intent that was approved and never sent (a crash in between, a cap reached) ends `not_applied`;
one whose preview no longer holds after the agreement ends `expired`. The correction is made only by
the process that saw its own change succeed, after another process concluded that it had not.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from loyalty_mcp.intents.exact_json import exact_json

State = Literal[
    "proposed", "approved", "sent", "applied", "not_applied", "unknown", "declined", "expired"
]
Route = Literal["dialog", "card", "token", "operator", "none"]
"""Who can agree: a person in a dialog or a card, who repeats the call, an operator, or nobody."""

MOVES: Final[Mapping[State, frozenset[State]]] = {
    "proposed": frozenset({"approved", "declined", "expired"}),
    "approved": frozenset({"sent", "not_applied", "expired"}),
    "sent": frozenset({"applied", "not_applied", "unknown"}),
    "unknown": frozenset({"applied", "not_applied"}),
    "applied": frozenset(),
    "not_applied": frozenset({"applied"}),
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

REFERENCE_LENGTH: Final = 160
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
        typed: the exact text a person types to agree; None where ticking a box is enough.
        done: the same as `summary` once it has happened; empty where the result alone says it.
    """

    summary: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    typed: str | None = None
    done: str = ""


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
        facts: what the preview rests on, in full; if any of it changes, the preview is void.
        movement: the points it moves, if any.
        subject: what it changes, so that two changes of one subject run one after the other;
            None for what the arguments themselves name.
        kept: what the preview found out once and need not read again after the agreement; it is
            handed back when the preview is made again.
        total: what all rows of a batch move together, which decides who has to agree; each row has
            a movement of its own.
    """

    preview: Preview
    facts: Mapping[str, Any] = field(default_factory=dict)
    movement: Movement | None = None
    subject: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    total: Movement | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One decided change.

    Args:
        id: 128 random bits, in hexadecimal.
        tool: what is called.
        digest: of the account, the tool and the normalised arguments.
        caller: who asked; only they may use the intent.
        account: the Brevo account that it changes; no other account's process touches it.
        scope: the role and the pins under which it was asked for.
        arguments: as given, without the confirmation.
        resolved: what each reference turned out to be, in the order of the arguments.
        facts: what the preview rests on; if it changes, the intent is void.
        preview: what is shown.
        route: who can agree.
        state: where in its life it is.
        created_at, expires_at: UTC.
        movement: points it moves, if any.
        agreed_by: how agreement came about.
        transaction_id: the draft made upstream; one for ever.
        result: the typed answer, once applied.
        reason: what happened and what to do next, once it ended otherwise.
        sent_at: when the change was first sent, by our clock.
        deadline: until when something of it may still arrive, in upstream time.
        subject: what it changes; one intent of a subject is carried out at a time.
        confirmation: the digest of the secret that confirms it.
        batch: the intent of the whole batch that it is a row of.
        kept: what the preview found out once, handed back when it is made again.
    """

    id: str
    tool: str
    digest: str
    caller: str
    account: str
    scope: str
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
    deadline: datetime | None = None
    subject: str | None = None
    confirmation: str | None = None
    batch: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


BATCH_ROWS: Final = "rows"
"""What an intent of a batch keeps its planned rows under."""


def is_batch(intent: Intent) -> bool:
    """Whether an intent stands for many rows, each carried out as an intent of its own."""
    return BATCH_ROWS in intent.kept


def row_intent_id(batch: str, row: int) -> str:
    """The id of the intent of one row: the same for whoever carries it out, so it is made once."""
    return hashlib.sha256(f"{batch} row {row}".encode()).hexdigest()[:32]


def new_id() -> str:
    """128 random bits: nobody guesses the intent of another."""
    return secrets.token_hex(16)


def new_confirmation() -> str:
    """A secret that confirms one intent: 128 random bits."""
    return secrets.token_hex(16)


def confirmation_digest(confirmation: str) -> str:
    """What the journal keeps of a confirmation. It is random, so no slow hash is needed."""
    return hashlib.sha256(confirmation.encode()).hexdigest()


def call_digest(account: str, tool: str, arguments: Mapping[str, Any]) -> str:
    """A fingerprint of a call: equal for equal arguments, whatever their order."""
    return hashlib.sha256(exact_json([account, tool, arguments]).encode()).hexdigest()


def order_reference(order_id: str) -> str:
    """How the journal finds the intents that name an order."""
    return f"order {order_id}"[:REFERENCE_LENGTH]


def reversal_reference(transaction_id: str) -> str:
    """How the journal finds the intents that undo a transaction."""
    return f"reverses {transaction_id}"[:REFERENCE_LENGTH]


def reference_of(intent: Intent) -> str | None:
    """What an intent refers to beyond its subject: the transaction it undoes, or its order."""
    if "transaction" in intent.kept:
        return reversal_reference(str(intent.kept["transaction"]))
    order = intent.arguments.get("order_id")
    return None if order is None else order_reference(str(order))


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


def changed_parts(agreed: Intent, now: Preparation) -> tuple[str, ...]:
    """What a preview made again shows otherwise than the agreed one; empty if nothing does.

    Every value is compared in full and exactly, not as it is displayed.
    """
    pairs = {
        **_by_name(agreed.facts, now.facts),
        **_by_name(agreed.preview.before, now.preview.before),
        **_by_name(agreed.preview.after, now.preview.after),
        "warnings": (agreed.preview.warnings, now.preview.warnings),
        "what moves": (_movement_values(agreed.movement), _movement_values(now.movement)),
    }
    changed = tuple(
        name for name, (old, new) in pairs.items() if exact_json(old) != exact_json(new)
    )
    texts = (agreed.preview.summary, agreed.preview.typed), (now.preview.summary, now.preview.typed)
    return changed or (("the description",) if texts[0] != texts[1] else ())


def _by_name(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (old.get(name), new.get(name)) for name in sorted({*old, *new})}


def _movement_values(movement: Movement | None) -> Any:
    return None if movement is None else [movement.kind, movement.amount, movement.member]
