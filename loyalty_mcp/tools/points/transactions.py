"""Transactions by id: complete, cancel and reverse them, with the amount known beforehand."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.transactions import PastTransaction, Transaction
from loyalty_mcp.brevo.operations.transactions import cancel_transaction as cancel_operation
from loyalty_mcp.brevo.operations.transactions import complete_transaction as complete_operation
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import BalanceId, ContactId, Id, ProgramId
from loyalty_mcp.errors import LoyaltyError, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Movement, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points import points
from loyalty_mcp.tools.points.draft_transactions import (
    COMPLETION_TRIES,
    Place,
    complete,
    find,
    in_todays_caps,
    whole_history,
)
from loyalty_mcp.tools.points.points import PointsMoved, Reason, Wanted
from loyalty_mcp.tools.send_window import DidNotHappen, in_time, require_time
from loyalty_mcp.tools.task import guarded

WHOSE: Final = "Give member, so that the amount can be known."


async def _known(
    context: Context, program: str, transaction_id: str, member: int | None, balance: str | None
) -> tuple[Place | None, PastTransaction | None]:
    """Where a transaction stands and what it is, as far as that can be known.

    A draft that was made here is known from the journal; one made elsewhere only by its member.

    Raises:
        NotFound: the member has no such transaction.
    """
    if member is None:
        maker = await context.journal.open().made_by(transaction_id)
        if maker is None or maker.movement is None:
            return None, None
        member = maker.movement.member
    definitions = await context.references.balances(program)
    balances = [item.id for item in definitions] if balance is None else [balance]
    places = [Place(program, member, item) for item in balances]
    for place in places:
        found = await find(context, place, lambda item: item.id == transaction_id)
        if found is not None:
            return place, found
    raise NotFound(f"Member {member} has no transaction {quoted(transaction_id)} there.")


def _movement(place: Place, found: PastTransaction) -> Movement:
    amount = found.amount or Decimal(0)
    debit = amount < 0 or found.transaction_type == "debit"
    return Movement("debit" if debit else "credit", abs(amount), place.member)


async def prepare_completion(
    context: Context,
    *,
    program: str,
    transaction_id: str,
    member: int | None = None,
    balance: str | None = None,
) -> Preparation:
    """What completing a draft does: the same preview as for the movement itself.

    Raises:
        Refused: the draft is no draft any more, or a cap needs an amount that is not known.
    """
    place, found = await _known(context, program, transaction_id, member, balance)
    if place is None or found is None:
        policy = context.policy
        if policy.caps.bind_points or policy.approval.operator_above is not None:
            raise Refused(f"The operator's policy bounds amounts. {WHOSE}")
        return Preparation(
            Preview(
                f"Complete transaction {quoted(transaction_id)}: its amount enters the balance.",
                warnings=(f"Whose it is and how much is not known. {WHOSE}",),
            )
        )
    _must_be_draft(found)
    movement = _movement(place, found)
    preparation = await points.prepare(
        movement.kind,
        context,
        program=program,
        member=place.member,
        balance=place.balance,
        amount=movement.amount,
        reason="",
        draft=transaction_id,
    )
    summary = f"Complete transaction {transaction_id}. {preparation.preview.summary}"
    preparation = replace(preparation, preview=replace(preparation.preview, summary=summary))
    maker = await context.journal.open().made_by(transaction_id)
    in_caps = maker is not None and in_todays_caps(context, maker)
    return replace(preparation, movement=None) if in_caps else preparation


def _must_be_draft(found: PastTransaction) -> None:
    if found.status != "draft":
        raise Refused(f"That transaction is {found.status}; only a draft can be changed.")


async def settle_completion(
    context: Context,
    _intent: Intent,
    *,
    program: str,
    transaction_id: str,
    member: int | None = None,
    balance: str | None = None,
    may_come: bool,
    **_rest: Any,
) -> Transaction:
    """Find out by reading whether a draft was completed.

    Raises:
        DidNotHappen: it was not.
        OutcomeUnknown: it may still be, or whose it is is not known.
    """
    place, found = await _known(context, program, transaction_id, member, balance)
    if place is None or found is None:
        raise OutcomeUnknown(f"Whose transaction it is is not known. {WHOSE}")
    if found.status == "completed":
        return _as_transaction(found)
    if found.status == "draft" and may_come:
        raise OutcomeUnknown("It is still a draft, and the completion may still arrive.")
    raise DidNotHappen(f"It was not completed; it is {found.status}.")


def _as_transaction(found: PastTransaction | Transaction) -> Transaction:
    if isinstance(found, Transaction):
        return found
    return Transaction.model_validate(found.model_dump(exclude_none=True))


@guarded("moves_value", prepare=prepare_completion, reconcile=settle_completion, requests=8)
async def complete_transaction(
    context: Context,
    intent: Intent,
    program: ProgramId,
    transaction_id: Id,
    member: ContactId | None = None,
    balance: BalanceId | None = None,
) -> Transaction:
    """Apply a draft for good; tiers and rewards follow."""
    place, _ = await _known(context, program, transaction_id, member, balance)
    if place is not None:
        return _as_transaction(await complete(context, intent, place, transaction_id))
    require_time(context, intent)
    for attempt in range(COMPLETION_TRIES):
        if not in_time(context, intent):
            break
        # Repeating is harmless: a second completion of the same id is refused.
        try:
            return await context.brevo.send(complete_operation(program, transaction_id))
        except OutcomeUnknown:
            continue
        except Refused as refusal:
            if attempt == 0:
                raise
            raise OutcomeUnknown(f"{refusal} It may have been completed before. {WHOSE}") from None
    raise OutcomeUnknown(f"Brevo does not answer the completion. {WHOSE}")


async def prepare_cancellation(
    context: Context,
    *,
    program: str,
    transaction_id: str,
    member: int | None = None,
    balance: str | None = None,
) -> Preparation:
    """What cancelling a draft does.

    Raises:
        Refused: it is no draft any more.
    """
    place, found = await _known(context, program, transaction_id, member, balance)
    summary = f"Cancel transaction {quoted(transaction_id)}: it can never be completed."
    if place is None or found is None:
        return Preparation(Preview(summary, warnings=("This cannot be undone.",)))
    _must_be_draft(found)
    return Preparation(
        Preview(
            summary,
            before={"member": place.member, "amount": found.amount, "status": found.status},
            after={"status": "cancelled"},
            warnings=("This cannot be undone.",),
        ),
        facts={"status": found.status},
    )


async def settle_cancellation(
    context: Context, intent: Intent, *, may_come: bool, **arguments: Any
) -> Transaction:
    """Find out by reading whether a draft was cancelled.

    Raises:
        DidNotHappen: it was not.
        OutcomeUnknown: it may still be, or whose it is is not known.
    """
    wanted = {name: arguments[name] for name in ("program", "transaction_id", "member", "balance")}
    place, found = await _known(context, **wanted)
    if place is None or found is None:
        raise OutcomeUnknown(f"Whose transaction it is is not known. {WHOSE}")
    if found.status == "cancelled":
        return _as_transaction(found)
    if found.status == "draft" and may_come:
        raise OutcomeUnknown("It is still a draft, and the cancellation may still arrive.")
    raise DidNotHappen(f"It was not cancelled by intent {intent.id}; it is {found.status}.")


@guarded("destructive", prepare=prepare_cancellation, reconcile=settle_cancellation, requests=4)
async def cancel_transaction(
    context: Context,
    intent: Intent,
    program: ProgramId,
    transaction_id: Id,
    member: ContactId | None = None,
    balance: BalanceId | None = None,
) -> Transaction:
    """Void a draft for good; reverse_transaction undoes a completed one."""
    require_time(context, intent)
    try:
        return await context.brevo.send(cancel_operation(program, transaction_id))
    except OutcomeUnknown as lost:
        try:
            return await settle_cancellation(
                context,
                intent,
                may_come=True,
                program=program,
                transaction_id=transaction_id,
                member=member,
                balance=balance,
            )
        except LoyaltyError:
            raise lost from None


async def prepare_reversal(
    context: Context, *, program: str, member: int, transaction_id: str, reason: str, balance: str
) -> Preparation:
    """What undoing a movement does: the preview of the opposite one.

    Raises:
        Refused: it did not take effect, or was undone before.
    """
    place = Place(program, member, balance)
    history = await whole_history(context, place)
    wanted = _opposite(history, place, transaction_id, reason)
    preparation = await points.previewed(context, wanted, history)
    summary = f"Reverse transaction {transaction_id}. {preparation.preview.summary}"
    return replace(preparation, preview=replace(preparation.preview, summary=summary))


def _opposite(
    history: Sequence[PastTransaction], place: Place, transaction_id: str, reason: str
) -> Wanted:
    """The movement that undoes another.

    Raises:
        NotFound: the member has no such transaction.
        Refused: it did not take effect, or was undone before.
    """
    found = next((item for item in history if item.id == transaction_id), None)
    if found is None:
        raise NotFound(f"Member {place.member} has no transaction {quoted(transaction_id)} there.")
    if found.status != "completed":
        raise Refused(f"That transaction is {found.status}; only a completed one can be reversed.")
    undone = points.reversals(history, transaction_id)
    if undone:
        raise Refused(f"That transaction was reversed already, by transaction {undone[0].id}.")
    movement = _movement(place, found)
    return Wanted(
        kind="credit" if movement.kind == "debit" else "debit",
        program=place.program,
        member=place.member,
        amount=movement.amount,
        reason=reason,
        balance=place.balance,
        reverses=transaction_id,
    )


async def settle_reversal(
    context: Context,
    intent: Intent,
    *,
    close: bool,
    may_come: bool,
    program: str,
    member: int,
    balance: str,
    reason: str,
    **_rest: Any,
) -> PointsMoved:
    """Find out by reading what became of a reversal.

    Raises:
        DidNotHappen: nothing was moved, and nothing will be.
        OutcomeUnknown: it may still happen.
        LoyaltyError: the history cannot be read.
    """
    return await points.reconcile(
        "credit",
        context,
        intent,
        close=close,
        may_come=may_come,
        program=program,
        member=member,
        balance=balance,
        amount=Decimal(0),
        reason=reason,
    )


@guarded(
    "moves_value",
    prepare=prepare_reversal,
    reconcile=settle_reversal,
    requests=9,
    text=points.moved_text,
)
async def reverse_transaction(
    context: Context,
    intent: Intent,
    program: ProgramId,
    member: ContactId,
    transaction_id: Id,
    reason: Reason,
    balance: BalanceId,
) -> PointsMoved:
    """Undo a completed credit or debit by the opposite movement, once."""
    place = Place(program, member, balance)
    wanted = _opposite(await whole_history(context, place), place, transaction_id, reason)
    return await points.move(context, intent, wanted)
