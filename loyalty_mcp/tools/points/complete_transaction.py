"""The tool that completes a draft by its id, with a known amount."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.operations.transactions import Transaction, TransactionId
from loyalty_mcp.brevo.operations.transactions import complete_transaction as complete_operation
from loyalty_mcp.brevo.types import BalanceId, ContactId, ProgramId
from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.draft_transactions import (
    COMPLETION_TRIES,
    complete_draft,
    in_todays_caps,
)
from loyalty_mcp.tools.points.history import Place
from loyalty_mcp.tools.points.known_transactions import (
    WHOSE,
    as_transaction,
    known_transaction,
    movement_in,
    require_draft,
)
from loyalty_mcp.tools.points.movement_preview import WantedMovement, preview_movement
from loyalty_mcp.tools.render import amount_text
from loyalty_mcp.tools.send_window import DidNotHappen, may_send, require_window, send_change
from loyalty_mcp.tools.task import guarded


class CompletedTransaction(Transaction):
    """A draft that took effect; `unit` is that of its balance, where that is known."""

    unit: str | None = None


def completed_text(done: CompletedTransaction, _now: datetime) -> str:
    """The new balance of a completed transaction."""
    unit, total = done.unit, done.balance
    new = amount_text(total, unit) if total is not None and unit else None
    balance = f"New balance: {new}. " if new else ""
    return f"{balance}Transaction {done.id}."


async def preview_completion(
    context: Context,
    *,
    program: str,
    transaction_id: str,
    member: int | None = None,
    balance: str | None = None,
) -> Preparation:
    """The preview of completing a draft: the same as for the movement itself.

    Raises:
        Refused: it is no longer a draft, or a cap needs an amount that is not known.
        NotFound: the member has no such transaction.
    """
    place, found = await known_transaction(context, program, transaction_id, member, balance)
    if place is None or found is None:
        policy = context.policy
        if policy.caps.bind_points or policy.approval.operator_above is not None:
            raise Refused(f"The operator's policy bounds amounts. {WHOSE}")
        return Preparation(
            Preview(
                f"Complete transaction {transaction_id}: its amount enters the balance.",
                warnings=(f"Whose it is and how much is not known. {WHOSE}",),
                done="Completed the transaction.",
            )
        )
    require_draft(found)
    movement = movement_in(place, found)
    wanted = WantedMovement(
        movement.kind,
        program,
        place.member,
        movement.amount,
        reason="",
        balance=place.balance,
        draft=transaction_id,
    )
    preparation = await preview_movement(context, wanted)
    summary = f"Complete transaction {transaction_id}. {preparation.preview.summary}"
    preparation = replace(preparation, preview=replace(preparation.preview, summary=summary))
    maker = await context.journal.open().made_by(transaction_id)
    in_caps = maker is not None and in_todays_caps(context, maker)
    kept = {**preparation.kept, "balance": place.balance, "member": place.member}
    movement_in_caps = None if in_caps else preparation.movement
    return replace(preparation, movement=movement_in_caps, kept=kept)


async def reconcile_completion(
    context: Context,
    intent: Intent,
    *,
    program: str,
    transaction_id: str,
    member: int | None = None,
    balance: str | None = None,
    may_come: bool,
    **_rest: Any,
) -> CompletedTransaction:
    """Determine by reading whether a draft was completed.

    Raises:
        DidNotHappen: it was not completed.
        OutcomeUnknown: it may still be completed, or its owner is not known.
    """
    place, found = await known_transaction(context, program, transaction_id, member, balance)
    if place is None or found is None:
        raise OutcomeUnknown(f"Whose transaction it is is not known. {WHOSE}")
    if found.status == "completed":
        return _with_unit(intent, as_transaction(found))
    if found.status == "draft" and may_come:
        raise OutcomeUnknown("It is still a draft, and the completion may still arrive.")
    raise DidNotHappen(f"It was not completed; it is {found.status}.")


@guarded(
    "moves_value",
    prepare=preview_completion,
    reconcile=reconcile_completion,
    requests=18,
    after_agreement=8,
    text=completed_text,
)
async def complete_transaction(
    context: Context,
    intent: Intent,
    program: ProgramId,
    transaction_id: TransactionId,
    member: ContactId | None = None,  # noqa: ARG001 - the preview found its owner
    balance: BalanceId | None = None,  # noqa: ARG001 - the same
) -> CompletedTransaction:
    """Complete a draft: its amount enters the balance for good. Tiers and rewards may follow."""
    if "balance" in intent.kept:
        place = Place(program, int(intent.kept["member"]), intent.kept["balance"])
        done = await complete_draft(context, intent, place, transaction_id)
        return _with_unit(intent, as_transaction(done))
    require_window(context, intent)
    for attempt in range(COMPLETION_TRIES):
        if not may_send(context, intent):
            break
        # Repeating is harmless, because a second completion of the same id is refused.
        try:
            done = await send_change(context, intent, complete_operation(program, transaction_id))
            return _with_unit(intent, done)
        except OutcomeUnknown:
            continue
        except Refused as refusal:
            if attempt == 0:
                raise
            raise OutcomeUnknown(
                f"{refusal.cause} It may have been completed before. {WHOSE}"
            ) from None
    raise OutcomeUnknown(f"Brevo does not answer the completion. {WHOSE}")


def _with_unit(intent: Intent, done: Transaction) -> CompletedTransaction:
    """A completed transaction with the unit of its balance, as the preview had it."""
    unit = intent.preview.after.get("unit")
    return CompletedTransaction.model_validate({**done.model_dump(exclude_none=True), "unit": unit})
