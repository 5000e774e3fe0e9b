"""Credit and debit points: a draft that only an agreed intent completes, and only once."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.balances import get_subscription_balances
from loyalty_mcp.brevo.operations.transactions import (
    PastTransaction,
    Transaction,
    create_transaction,
)
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import Amount, BalanceId, ContactId, Number, ProgramId, Reply
from loyalty_mcp.errors import (
    JournalUnavailable,
    LoyaltyError,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from loyalty_mcp.intents.lifecycle import MARKER, Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import Account, read_account, unit_of
from loyalty_mcp.tools.points.draft_transactions import (
    DRAFT_SECONDS,
    Place,
    cancelled,
    complete,
    find_of,
    whole_history,
)
from loyalty_mcp.tools.points.points_movement import movement_of, owner_of
from loyalty_mcp.tools.render import amount_text
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, effect_after, require_time
from loyalty_mcp.tools.task import guarded

REVERSES: Final = "loyaltyMcpReverses"
"""The key in `meta` under which a reversal names what it undoes."""

Kind = Literal["credit", "debit"]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="Why; kept with the transaction"),
]
OrderId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128),
    Field(description="Your id of the purchase"),
]
Life = Annotated[
    int, Field(ge=1, le=52_560_000, description="Points expire so many minutes from now")
]


class PointsMoved(Reply):
    """A credit or debit that took effect."""

    transaction_id: str
    kind: Kind
    member: int
    balance: str
    unit: str
    amount: Number
    new_balance: Number | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A movement as it is asked for, its references resolved.

    Args:
        kind: credit or debit.
        program: its id.
        member: contact id.
        amount: positive, in the unit of the balance.
        reason: why, in the words of whoever asks.
        balance: its definition's id.
        order_id: the order it belongs to.
        expires_in_minutes: the life of a credit, if it is not that of its balance.
        reverses: the transaction that it undoes.
        draft: the draft that it completes, if there is one already.
    """

    kind: Kind
    program: str
    member: int
    amount: Decimal
    reason: str
    balance: str
    order_id: str | None = None
    expires_in_minutes: int | None = None
    reverses: str | None = None
    draft: str | None = None

    @property
    def place(self) -> Place:
        """Whose balance it is."""
        return Place(self.program, self.member, self.balance)


async def prepare(kind: Kind, context: Context, **arguments: Any) -> Preparation:
    """What a person agrees to: the balance and the tier, as they are and as they will be.

    Raises:
        Refused: the balance could not take the movement; nobody need be asked.
    """
    return await previewed(context, Wanted(kind, **arguments))


async def previewed(
    context: Context, wanted: Wanted, history: Sequence[PastTransaction] | None = None
) -> Preparation:
    """The same for a movement whose references are resolved.

    Args:
        context: what tools work with.
        wanted: the movement.
        history: all movements of the balance, if they were read just now.

    Raises:
        Refused: the balance could not take the movement; nobody need be asked.
    """
    kind, amount, balance = wanted.kind, wanted.amount, wanted.balance
    account = await read_account(context, wanted.program, wanted.member, balance, history)
    warnings = [*_rule_warnings(kind, account.definition, amount)]
    after, cut = _after(kind, account, amount)
    if cut:
        warnings.append(cut)
    unit = unit_of(account.definition)
    tiers, next_tiers = (
        account.tier_names(),
        account.tier_names({**account.balances, balance: after}),
    )
    warnings += [
        f"Tier group {quoted(group)}: {quoted(tier)} becomes {quoted(next_tiers[group])}."
        for group, tier in tiers.items()
        if tier != next_tiers[group]
    ]
    others = [draft for draft in account.drafts if draft.id != wanted.draft]
    if others:
        warnings.append(f"{len(others)} other open draft(s) wait on this balance.")
    summary = _summary(wanted, account, after)
    return Preparation(
        Preview(
            summary,
            before={"balance": account.total, "unit": unit, "tiers": tiers},
            after={"balance": after, "unit": unit, "tiers": next_tiers},
            warnings=tuple(warnings),
        ),
        facts={
            "balance": account.total,
            "tiers": tiers,
            "open drafts": sorted(draft.id for draft in account.drafts),
        },
        movement=movement_of(
            account.definition, kind, amount, owner_of(account.info, wanted.member)
        ),
    )


def _summary(wanted: Wanted, account: Account, after: Decimal) -> str:
    unit, name = unit_of(account.definition), quoted(account.definition.name)
    place = f"to {name}" if wanted.kind == "credit" else f"from {name}"
    moves = f"{amount_text(account.total, unit)} → {amount_text(after, unit)}"
    what = f"{wanted.kind.capitalize()} {amount_text(wanted.amount, unit)} {place}"
    parts = [f"{what} of member {wanted.member}: {moves}."]
    if wanted.draft is None:
        parts.append(f"Reason given: {quoted(wanted.reason)}.")
    if wanted.order_id is not None:
        parts.append(f"Order: {quoted(wanted.order_id)}.")
    if wanted.expires_in_minutes is not None:
        parts.append(f"These points expire after {wanted.expires_in_minutes} minutes.")
    return " ".join(parts)


def _after(kind: Kind, account: Account, amount: Decimal) -> tuple[Decimal, str]:
    """The balance after the movement, and what is cut off from it, in words.

    Raises:
        Refused: the floor, the ceiling or the cap of one movement forbids it.
    """
    definition, total = account.definition, account.total
    unit = unit_of(definition)
    cap = (
        definition.max_credit_amount_limit
        if kind == "credit"
        else definition.max_debit_amount_limit
    )
    if cap is not None and amount > cap:
        raise Refused(f"One {kind} of this balance moves at most {amount_text(cap, unit)}.")
    if kind == "debit":
        floor = definition.min_amount or Decimal(0)
        if total - amount < floor:
            most = amount_text(max(total - floor, Decimal(0)), unit)
            raise Refused(
                f"The balance is {amount_text(total, unit)} and may not fall below "
                f"{amount_text(floor, unit)}; at most {most} can be debited."
            )
        return total - amount, ""
    ceiling = definition.max_amount
    if ceiling is None or total + amount <= ceiling:
        return total + amount, ""
    room = max(ceiling - total, Decimal(0))
    if definition.balance_option_amount_overtaking_strategy != "partial" or room == 0:
        raise Refused(
            f"The balance is {amount_text(total, unit)} and may not pass "
            f"{amount_text(ceiling, unit)}; at most {amount_text(room, unit)} can be credited."
        )
    return ceiling, f"Only {amount_text(room, unit)} fit under the ceiling; the rest is lost."


def _rule_warnings(kind: Kind, definition: BalanceDefinition, amount: Decimal) -> list[str]:
    rounding = (
        definition.balance_option_credit_rounding
        if kind == "credit"
        else definition.balance_option_debit_rounding
    )
    if rounding is not None and amount != amount.to_integral_value():
        words = {"lower": "down", "upper": "up"}
        return [f"The amount will be rounded {words.get(rounding, 'to the nearest whole')}."]
    return []


async def move(context: Context, intent: Intent, wanted: Wanted) -> PointsMoved:
    """Carry out an agreed movement: a draft, written into the journal, then completed.

    A draft that nobody completes moves nothing and lapses, so a lost answer to its creation is
    harmless; completing is repeated for the same id only, and the API refuses the second time.
    A credit with a life of its own cannot be a draft: it is completed as it is made, and after
    a lost answer its marker in the history tells.

    Raises:
        LoyaltyError: nothing was moved.
        OutcomeUnknown: the completion may or may not have happened.
    """
    at_once = wanted.expires_in_minutes is not None
    request = _request(intent, wanted, at_once=at_once)
    if at_once:
        made = await _made_at_once(context, intent, wanted, request)
    else:
        made = await _drafted(context, intent, wanted, request)
        await _require_first_reversal(context, wanted, made.id)
        made = await complete(context, intent, wanted.place, made.id)
    return await _moved(context, wanted, made)


def _request(intent: Intent, wanted: Wanted, *, at_once: bool) -> Request[Transaction]:
    """The request that makes the transaction of an intent, marked with it."""
    meta = {MARKER: intent.id, "reason": wanted.reason}
    if wanted.order_id is not None:
        meta["orderId"] = wanted.order_id
    if wanted.reverses is not None:
        meta[REVERSES] = wanted.reverses
    return create_transaction(
        wanted.program,
        wanted.member,
        wanted.balance,
        wanted.amount if wanted.kind == "credit" else -wanted.amount,
        auto_complete=True if at_once else None,
        ttl=None if at_once else DRAFT_SECONDS,
        balance_expiry_in_minutes=wanted.expires_in_minutes,
        meta=meta,
    )


async def _drafted(
    context: Context, intent: Intent, wanted: Wanted, request: Request[Transaction]
) -> Transaction | PastTransaction:
    """The draft of an intent, new or found by its marker, bound to it in the journal.

    Raises:
        LoyaltyError: there is no draft, or it is not bound; nobody will complete it.
    """
    made: Transaction | PastTransaction | None
    try:
        made = await context.brevo.send(request)
    except OutcomeUnknown as lost:
        try:
            made = await find_of(context, wanted.place, intent)
        except LoyaltyError:
            made = None
        if made is None:
            raise Unavailable(f"{lost} It was only the draft, so nothing was moved.") from None
    if not await context.journal.open().set_transaction(intent, made.id, context.now()):
        raise Refused("This intent was settled elsewhere; its draft was left to lapse.")
    return made


async def _made_at_once(
    context: Context, intent: Intent, wanted: Wanted, request: Request[Transaction]
) -> Transaction | PastTransaction:
    """The transaction of an intent, completed as it is made.

    Raises:
        LoyaltyError: it was not made.
        OutcomeUnknown: it may have been made, or may still be.
    """
    require_time(context, intent)
    made: Transaction | PastTransaction
    try:
        made = await context.brevo.send(request)
    except DOUBTFUL as failure:
        made = await effect_after(failure, lambda: find_of(context, wanted.place, intent))
    # It has happened; that its id cannot be written must not say otherwise.
    with contextlib.suppress(JournalUnavailable):
        await context.journal.open().set_transaction(intent, made.id, context.now())
    return made


async def _require_first_reversal(context: Context, wanted: Wanted, draft: str) -> None:
    """Of several reversals of one transaction that began together, only the first goes on.

    Raises:
        Refused: another was first; this draft is left to lapse, and nothing was moved.
    """
    if wanted.reverses is None:
        return
    all_of_it = reversals(await whole_history(context, wanted.place), wanted.reverses)
    first = min(all_of_it, key=lambda item: (item.created_at or "", item.id), default=None)
    done = any(item.status == "completed" for item in all_of_it)
    if done or (first is not None and first.id != draft):
        raise Refused("That transaction is being reversed already; nothing was moved twice.")


def reversals(history: Iterable[PastTransaction], transaction_id: str) -> list[PastTransaction]:
    """What undid a transaction, or is about to."""
    return [
        item
        for item in history
        if (item.meta or {}).get(REVERSES) == transaction_id
        and item.status in {"completed", "draft"}
    ]


async def _moved(
    context: Context, wanted: Wanted, made: Transaction | PastTransaction
) -> PointsMoved:
    """The answer to a movement that took effect; what cannot be read now is left out of it."""
    try:
        definitions = await context.references.balances(wanted.program)
        definition = next((item for item in definitions if item.id == wanted.balance), None)
    except LoyaltyError:
        definition = None
    total = made.balance if isinstance(made, Transaction) else None
    if total is None:
        total = await _total(context, wanted)
    return PointsMoved(
        transaction_id=made.id,
        kind="debit" if (made.amount or 0) < 0 or made.transaction_type == "debit" else "credit",
        member=wanted.member,
        balance=wanted.balance if definition is None else definition.name,
        unit="points" if definition is None else unit_of(definition),
        amount=abs(made.amount or Decimal(0)),
        new_balance=total,
    )


async def _total(context: Context, wanted: Wanted) -> Decimal | None:
    request = get_subscription_balances(wanted.program, wanted.member, include_internal=True)
    try:
        held = (await context.brevo.send(request)).balance
    except LoyaltyError:
        return None
    found = {item.balance_definition_id: item.value for item in held}
    return found.get(wanted.balance) or Decimal(0)


async def reconcile(
    kind: Kind,
    context: Context,
    intent: Intent,
    *,
    close: bool,
    may_come: bool,
    **arguments: Any,
) -> PointsMoved:
    """Find out by reading what became of a movement.

    Nothing was moved as long as the history has no completed transaction of this intent, and
    nothing will be: only this intent completes its draft, and what the journal says forbids it.
    A credit that is completed as it is made may still arrive while `may_come`.

    Raises:
        DidNotHappen: nothing was moved, and nothing will be.
        OutcomeUnknown: it may still happen.
        LoyaltyError: the history cannot be read.
    """
    wanted = Wanted(kind, **arguments)
    found = await find_of(context, wanted.place, intent)
    if found is None and intent.transaction_id is not None:
        raise OutcomeUnknown("Its draft is not to be seen in the history.")
    if found is not None and found.status == "draft" and close:
        await cancelled(context, wanted.program, found.id)
        found = await find_of(context, wanted.place, intent)
    if found is not None and found.status == "completed":
        return await _moved(context, wanted, found)
    if found is not None and found.status == "draft":
        raise OutcomeUnknown("The draft is still open; it lapses within 15 minutes.")
    if found is None and may_come and wanted.expires_in_minutes is not None:
        raise OutcomeUnknown("It is not in the history yet, and may still arrive.")
    raise DidNotHappen("Nothing was moved.")


def moved_text(moved: PointsMoved, _now: datetime) -> str:
    """A movement that took effect, in words."""
    verb, place = ("Credited", "to") if moved.kind == "credit" else ("Debited", "from")
    what = f"{verb} {amount_text(moved.amount, moved.unit)} {place} {quoted(moved.balance)}"
    now = moved.new_balance
    total = "could not be read" if now is None else amount_text(now, moved.unit)
    whose = f"of member {moved.member}. New balance: {total}."
    return f"{what} {whose} Transaction {moved.transaction_id}."


@guarded(
    "moves_value",
    prepare=partial(prepare, "credit"),
    reconcile=partial(reconcile, "credit"),
    requests=6,
    text=moved_text,
)
async def credit_points(
    context: Context,
    intent: Intent,
    program: ProgramId,
    member: ContactId,
    amount: Amount,
    reason: Reason,
    balance: BalanceId,
    order_id: OrderId | None = None,
    expires_in_minutes: Life | None = None,
) -> PointsMoved:
    """Give a member points, once, when a person agreed."""
    wanted = Wanted(
        "credit", program, member, amount, reason, balance, order_id, expires_in_minutes
    )
    return await move(context, intent, wanted)


@guarded(
    "moves_value",
    prepare=partial(prepare, "debit"),
    reconcile=partial(reconcile, "debit"),
    requests=6,
    text=moved_text,
)
async def debit_points(
    context: Context,
    intent: Intent,
    program: ProgramId,
    member: ContactId,
    amount: Amount,
    reason: Reason,
    balance: BalanceId,
    order_id: OrderId | None = None,
) -> PointsMoved:
    """Take points from a member, once, when a person agreed."""
    wanted = Wanted("debit", program, member, amount, reason, balance, order_id)
    return await move(context, intent, wanted)
