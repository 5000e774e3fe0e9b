"""The states of an intent: one change, carried out at most once. Pure rules, no I/O.

    proposed ──▶ approved ──▶ sent ──▶ applied
       │             │          ├────▶ not_applied ──▶ applied (correction)
       │             │          └────▶ unknown ──▶ applied | not_applied
       │             └──▶ not_applied | expired
       └──▶ declined | expired

An intent that was approved but never sent (because of a crash or a cap) ends `not_applied`. If its
preview changes after the agreement, it ends `expired`. Only the process that saw its own change
succeed makes the correction, after another process had recorded `not_applied`.
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
"""Who agrees: a person in a dialog or card, the caller by repeating it, an operator, or nobody."""

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
"""For the caps, a change that may have happened counts as carried out."""
ENDED: Final[frozenset[State]] = frozenset({"applied", "not_applied", "declined", "expired"})
BOUNDED: Final[tuple[State, ...]] = ("proposed", "approved")
"""The states that expire."""

UNBOUNDED: Final[tuple[State, ...]] = ("sent", "unknown")
"""The states without expiry: not ended, and the change may have been carried out."""

OPEN: Final[tuple[State, ...]] = (*BOUNDED, "sent")
"""The states that are reported as open; `unknown` is reported separately."""

MARKER: Final = "loyaltyMcpIntent"
"""The key in `meta` that holds the intent's id, on everything that an intent creates at Brevo."""

REFERENCE_LENGTH: Final = 160
LATE: Final = "Its time ran out; nothing was changed. Call again for a new preview."


class IllegalMove(Exception):
    """A state change that an intent does not have: a bug."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person agrees to, from live data.

    Args:
        summary: one sentence: who, what, how much.
        before: named values as they are.
        after: the same values as they will be.
        warnings: what is easy to overlook or cannot be undone.
        typed: the exact text a person types to agree; None if ticking a box is enough.
        done: `summary` in the past tense; empty if the result says it.
    """

    summary: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    typed: str | None = None
    done: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """The points that an intent moves, for the caps.

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
    """A prepared change, before anybody decides.

    Args:
        preview: what a person is shown.
        facts: everything that the preview is based on; if any of it changes, the preview is void.
        movement: the points it moves, if any.
        subject: what it changes; changes of the same subject run one after the other. None for
            what the arguments name.
        kept: what need not be read again after the agreement; passed to the second preview.
        total: what all rows of a batch move together, which decides who has to agree; each row has
            its own movement.
    """

    preview: Preview
    facts: Mapping[str, Any] = field(default_factory=dict)
    movement: Movement | None = None
    subject: str | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    total: Movement | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One change that somebody asked for.

    Args:
        id: 128 random bits, in hexadecimal.
        tool: the tool that was called.
        digest: of the account, the tool and the normalised arguments.
        caller: who asked; only they may use the intent.
        account: the Brevo account that it changes; processes of other accounts ignore it.
        scope: the role and the pins of the caller.
        arguments: as given, without the confirmation.
        resolved: the id of each reference, in the order of the arguments.
        facts: what the preview is based on; if it changes, the intent is void.
        preview: what is shown.
        route: who can agree.
        state: its current state.
        created_at, expires_at: UTC.
        movement: the points it moves, if any.
        agreed_by: how it was agreed to.
        transaction_id: the draft transaction at Brevo; never replaced by another.
        result: the typed answer, once applied.
        reason: what happened and what to do next, if it was not applied.
        sent_at: when the change was first sent, by our clock.
        deadline: until when a request of it may still arrive, in upstream time.
        subject: what it changes; one intent per subject is carried out at a time.
        confirmation: the digest of the secret that confirms it.
        batch: the id of the batch intent, if this is a row of a batch.
        kept: what the preview need not read again after the agreement.
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
"""The key of `Intent.kept` that holds the planned rows of a batch."""


def is_batch(intent: Intent) -> bool:
    """Whether an intent represents many rows, each of which has its own intent."""
    return BATCH_ROWS in intent.kept


def row_intent_id(batch: str, row: int) -> str:
    """The id of a row's intent: the same in every process, so that it is created once."""
    return hashlib.sha256(f"{batch} row {row}".encode()).hexdigest()[:32]


def new_id() -> str:
    """A new id: 128 random bits, so that nobody can guess another caller's intent."""
    return secrets.token_hex(16)


def new_confirmation() -> str:
    """A new secret that confirms one intent: 128 random bits."""
    return secrets.token_hex(16)


def confirmation_digest(confirmation: str) -> str:
    """The digest that the journal stores. The secret is random, so no slow hash is needed."""
    return hashlib.sha256(confirmation.encode()).hexdigest()


def call_digest(account: str, tool: str, arguments: Mapping[str, Any]) -> str:
    """The fingerprint of a call, independent of the order of its arguments."""
    return hashlib.sha256(exact_json([account, tool, arguments]).encode()).hexdigest()


def order_reference(order_id: str) -> str:
    """The key under which the journal finds the intents that name an order."""
    return f"order {order_id}"[:REFERENCE_LENGTH]


def reversal_reference(transaction_id: str) -> str:
    """The key under which the journal finds the intents that reverse a transaction."""
    return f"reverses {transaction_id}"[:REFERENCE_LENGTH]


def reference_of(intent: Intent) -> str | None:
    """The transaction that an intent reverses, or its order; None if neither."""
    if "transaction" in intent.kept:
        return reversal_reference(str(intent.kept["transaction"]))
    order = intent.arguments.get("order_id")
    return None if order is None else order_reference(str(order))


def check_move(origin: State, target: State) -> None:
    """Refuse a state change that is not in `MOVES`.

    Raises:
        IllegalMove: `origin` cannot change to `target`.
    """
    if target not in MOVES[origin]:
        raise IllegalMove(f"an intent never goes from {origin} to {target}")


def in_state(intent: Intent, target: State, **changes: Any) -> Intent:
    """A copy of `intent` in state `target`, with `changes`.

    Raises:
        IllegalMove: its state cannot change to `target`.
    """
    check_move(intent.state, target)
    return replace(intent, state=target, **changes)


def lapsed(intent: Intent, now: datetime) -> bool:
    """Whether an intent expired before anything was sent."""
    return intent.state in BOUNDED and now >= intent.expires_at


def changed_parts(agreed: Intent, now: Preparation) -> tuple[str, ...]:
    """The names of the values that differ between the agreed preview and the second one.

    Every value is compared in full and exactly, not as it is displayed.
    """
    differing = [
        *_differing(agreed.facts, now.facts),
        *_differing(agreed.preview.before, now.preview.before),
        *_differing(agreed.preview.after, now.preview.after),
        *_differing(_further_values(agreed), _further_values(now)),
    ]
    changed = tuple(dict.fromkeys(differing))
    texts = (agreed.preview.summary, agreed.preview.typed), (now.preview.summary, now.preview.typed)
    return changed or (("the description",) if texts[0] != texts[1] else ())


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    names = sorted({*old, *new})
    return [name for name in names if exact_json(old.get(name)) != exact_json(new.get(name))]


def _further_values(change: Intent | Preparation) -> dict[str, Any]:
    return {
        "warnings": change.preview.warnings,
        "what moves": _movement_values(change.movement),
    }


def _movement_values(movement: Movement | None) -> Any:
    return None if movement is None else [movement.kind, movement.amount, movement.member]
