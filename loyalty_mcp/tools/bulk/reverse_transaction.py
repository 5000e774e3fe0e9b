"""The tool that reverses a completed movement, or every movement of a batch, once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from loyalty_mcp.brevo.types import (
    ID_PATTERN,
    BalanceId,
    ContactId,
    Expected,
    Number,
    ProgramId,
    Reply,
)
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.intents.lifecycle import Intent, Preparation, is_batch
from loyalty_mcp.tools.bulk.batch_result import BatchResult, batch_text, reconcile_batch
from loyalty_mcp.tools.bulk.batch_reversal import preview_batch_reversal
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.credit_and_debit import Reason, moved_text
from loyalty_mcp.tools.points.history import Place
from loyalty_mcp.tools.points.movements import PointsMoved, carry_out_movement
from loyalty_mcp.tools.points.reversal import (
    preview_reversal,
    previewed_reversal,
    reconcile_reversal,
)
from loyalty_mcp.tools.task import guarded

Reversed = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=ID_PATTERN),
    Field(description='Id, or "last"'),
    Expected('the id of a transaction, or "last" for the latest'),
]
BatchId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=ID_PATTERN),
    Field(description="Intent of a bulk_change"),
    Expected("the intent of a bulk_change, from its answer"),
]


class Reversal(Reply):
    """What a reversal did: to one transaction, or row by row to a batch."""

    transaction_id: str | None = None
    amount: Number | None = None
    new_balance: Number | None = None
    agreed_amount: Number | None = None
    done: int | None = None
    refused: int | None = None
    unknown: int | None = None
    left: int | None = None


def reversal_text(reversal: Reversal, now: datetime) -> str:
    """What a reversal did, in words."""
    values = reversal.model_dump(exclude_none=True)
    if reversal.done is not None:
        return batch_text(BatchResult.model_validate(values), now)
    return moved_text(PointsMoved.model_validate(values), now)


async def preview_one_or_batch(
    context: Context,
    *,
    program: str,
    member: int | None,
    transaction_id: str | None,
    reason: str,
    balance: str | None,
    batch: str | None,
) -> Preparation:
    """The preview of reversing one transaction, or every row of a batch.

    Raises:
        InvalidArgument: the call names nothing to reverse, or both a transaction and a batch.
        LoyaltyError: it cannot be reversed, or cannot be read now.
    """
    if batch is not None:
        if member is not None or transaction_id is not None or balance is not None:
            raise InvalidArgument(
                "Give batch alone to undo a whole batch; or member and transaction_id for one "
                "transaction.",
                argument="batch",
            )
        return await preview_batch_reversal(context, program=program, batch_id=batch, reason=reason)
    if member is None or transaction_id is None:
        missing = "member" if member is None else "transaction_id"
        raise InvalidArgument(
            f"{missing} is missing: give member and transaction_id to undo one transaction, or "
            "batch to undo a whole bulk_change.",
            argument=missing,
        )
    found = await _balance_of(context, program, balance, context.kept)
    return await preview_reversal(
        context,
        program=program,
        member=member,
        transaction_id=transaction_id,
        reason=reason,
        balance=found,
    )


async def _balance_of(
    context: Context, program: str, balance: str | None, kept: Mapping[str, Any]
) -> str:
    """The balance: named, previewed, or the only one."""
    known = balance or kept.get("balance")
    return str(known or await context.references.resolve("balance", None, program))


async def reconcile_one_or_batch(
    context: Context,
    intent: Intent,
    *,
    program: str,
    member: int | None,
    balance: str | None,
    reason: str,
    close: bool,
    may_come: bool,
    **_rest: Any,
) -> Reply:
    """Determine the outcome of a reversal by reading.

    Raises:
        DidNotHappen: nothing was moved, and nothing will be.
        OutcomeUnknown: it may still happen.
        LoyaltyError: the history cannot be read.
    """
    if is_batch(intent) or member is None:
        return await reconcile_batch(context, intent)
    found = await _balance_of(context, program, balance, intent.kept)
    return await reconcile_reversal(
        context,
        intent,
        place=Place(program, member, found),
        reason=reason,
        close=close,
        may_come=may_come,
    )


@guarded(
    "moves_value",
    prepare=preview_one_or_batch,
    reconcile=reconcile_one_or_batch,
    requests=14,
    after_agreement=7,
    text=reversal_text,
)
async def reverse_transaction(
    context: Context,
    intent: Intent,
    program: ProgramId,
    reason: Reason,
    member: ContactId | None = None,
    transaction_id: Reversed | None = None,  # noqa: ARG001 - the preview found which one is meant
    balance: BalanceId | None = None,
    batch: BatchId | None = None,  # noqa: ARG001 - each row of a batch is an intent of its own
) -> Reversal:
    """Undo a completed credit or debit, or a whole batch of them; works once."""
    if member is None:
        raise AssertionError("a batch is carried out row by row")
    found = await _balance_of(context, program, balance, intent.kept)
    wanted = previewed_reversal(intent.kept, Place(program, member, found), reason)
    moved = await carry_out_movement(context, intent, wanted)
    return Reversal.model_validate(moved.model_dump())
