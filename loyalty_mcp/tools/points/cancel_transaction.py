"""The tool that cancels a draft by its id."""

from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.operations.transactions import Transaction, TransactionId
from loyalty_mcp.brevo.operations.transactions import cancel_transaction as cancel_operation
from loyalty_mcp.brevo.types import BalanceId, ContactId, ProgramId
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.known_transactions import (
    WHOSE,
    as_transaction,
    known_transaction,
    require_draft,
    transaction_text,
)
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, send_change
from loyalty_mcp.tools.task import guarded


async def preview_cancellation(
    context: Context,
    *,
    program: str,
    transaction_id: str,
    member: int | None = None,
    balance: str | None = None,
) -> Preparation:
    """The preview of cancelling a draft.

    Raises:
        Refused: it is no longer a draft.
        NotFound: the member has no such transaction.
    """
    place, found = await known_transaction(context, program, transaction_id, member, balance)
    if place is None or found is None:
        return Preparation(
            Preview(
                f"Cancel transaction {transaction_id}: it can never be completed.",
                warnings=("This cannot be undone.", f"Whose it is is not known. {WHOSE}"),
            )
        )
    require_draft(found)
    what = await transaction_text(context, place, found)
    return Preparation(
        Preview(
            f"Cancel the draft of {what}: it can never be completed.",
            before={"member": place.member, "amount": found.amount, "status": found.status},
            after={"status": "cancelled"},
            warnings=("This cannot be undone.",),
            done=f"Cancelled the draft of {what}. Nothing was moved.",
        ),
        facts={"status": found.status},
        subject=f"{program} member {place.member}",
        kept={"balance": place.balance},
    )


def cancelled_text(cancelled: Transaction, _now: datetime) -> str:
    """Which transaction was cancelled."""
    return f"Transaction {cancelled.id}."


async def reconcile_cancellation(
    context: Context, intent: Intent, *, may_come: bool, **arguments: Any
) -> Transaction:
    """Determine by reading whether a draft was cancelled.

    Raises:
        DidNotHappen: it was not cancelled.
        OutcomeUnknown: it may still be cancelled, or its owner is not known.
    """
    wanted = {name: arguments[name] for name in ("program", "transaction_id", "member", "balance")}
    place, found = await known_transaction(context, **wanted)
    if place is None or found is None:
        raise OutcomeUnknown(f"Whose transaction it is is not known. {WHOSE}")
    if found.status == "cancelled":
        return as_transaction(found)
    if found.status == "draft" and may_come:
        raise OutcomeUnknown("It is still a draft, and the cancellation may still arrive.")
    raise DidNotHappen(f"It was not cancelled by intent {intent.id}; it is {found.status}.")


@guarded(
    "destructive",
    prepare=preview_cancellation,
    reconcile=reconcile_cancellation,
    requests=10,
    after_agreement=5,
    text=cancelled_text,
)
async def cancel_transaction(
    context: Context,
    intent: Intent,
    program: ProgramId,
    transaction_id: TransactionId,
    member: ContactId | None = None,
    balance: BalanceId | None = None,
) -> Transaction:
    """Cancel a draft for good. To undo a completed transaction, use reverse_transaction."""
    try:
        return await send_change(context, intent, cancel_operation(program, transaction_id))
    except DOUBTFUL as failure:
        try:
            return await reconcile_cancellation(
                context,
                intent,
                may_come=isinstance(failure, OutcomeUnknown),
                program=program,
                transaction_id=transaction_id,
                member=member,
                balance=balance,
            )
        except LoyaltyError:
            raise failure from None
