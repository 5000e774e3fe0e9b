"""The tools that credit and debit points."""

from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from loyalty_mcp.brevo.types import Amount, BalanceId, ContactId, Expected, ProgramId, not_blank
from loyalty_mcp.intents.lifecycle import Intent, Preparation
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.movement_amounts import MovementKind
from loyalty_mcp.tools.points.movement_preview import WantedMovement, preview_movement
from loyalty_mcp.tools.points.movements import PointsMoved, carry_out_movement, reconcile_movement
from loyalty_mcp.tools.render import amount_text
from loyalty_mcp.tools.task import guarded

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(not_blank),
    Field(description="Why; kept with it"),
]
OrderId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128),
    AfterValidator(not_blank),
    Field(description="Your id of the purchase"),
]
Life = Annotated[
    int,
    Field(ge=1, le=52_560_000, description="Points expire after so many minutes"),
    Expected(
        "a whole number of minutes from 1 to 52,560,000, such as 43200 for 30 days; a day goes "
        "into expires_on"
    ),
]
LastDay = Annotated[date, Field(description="Or at the end of this day, UTC")]

MOVEMENT_REQUESTS = 12
AFTER_AGREEMENT = 7


async def preview_credit_or_debit(
    kind: MovementKind, context: Context, **arguments: Any
) -> Preparation:
    """The preview of a credit or debit.

    Raises:
        Refused: the balance cannot accept the movement, so nobody needs to be asked.
    """
    return await preview_movement(context, WantedMovement(kind, **arguments))


async def reconcile_credit_or_debit(
    kind: MovementKind,
    context: Context,
    intent: Intent,
    *,
    close: bool,
    may_come: bool,
    **arguments: Any,
) -> PointsMoved:
    """Determine the outcome of a credit or debit by reading.

    Raises:
        DidNotHappen: nothing was moved, and nothing will be.
        OutcomeUnknown: it may still happen, or the reads cannot show it.
        LoyaltyError: the history cannot be read.
    """
    wanted = WantedMovement(kind, **arguments)
    return await reconcile_movement(context, intent, wanted, close=close, may_come=may_come)


def other_amount_text(amount: Decimal, agreed: Decimal, unit: str) -> str:
    """What is said where another amount was moved than was agreed to.

    Args:
        amount: that was moved.
        agreed: that was to be moved.
        unit: of the balance.
    """
    return (
        f"Brevo moved {amount_text(amount, unit)} instead of the agreed "
        f"{amount_text(agreed, unit)}, because the program's rules changed at the last moment."
    )


def moved_text(moved: PointsMoved, _now: datetime) -> str:
    """The text after the sentence of a movement that took effect."""
    now = moved.new_balance
    total = "not read; see get_member_overview" if now is None else amount_text(now, moved.unit)
    agreed = moved.agreed_amount
    note = "" if agreed is None else f" {other_amount_text(moved.amount, agreed, moved.unit)}"
    return f"New balance: {total}.{note} Transaction {moved.transaction_id}."


@guarded(
    "moves_value",
    prepare=partial(preview_credit_or_debit, "credit"),
    reconcile=partial(reconcile_credit_or_debit, "credit"),
    requests=MOVEMENT_REQUESTS,
    after_agreement=AFTER_AGREEMENT,
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
    expires_on: LastDay | None = None,
) -> PointsMoved:
    """Give a member points; within the caps and limits of the program, and never twice."""
    wanted = WantedMovement(
        "credit",
        program,
        member,
        amount,
        reason,
        balance,
        order_id,
        expires_in_minutes,
        expires_on,
    )
    return await carry_out_movement(context, intent, wanted)


@guarded(
    "moves_value",
    prepare=partial(preview_credit_or_debit, "debit"),
    reconcile=partial(reconcile_credit_or_debit, "debit"),
    requests=MOVEMENT_REQUESTS,
    after_agreement=AFTER_AGREEMENT,
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
    """Take points from a member; within the caps and limits of the program, and never twice."""
    wanted = WantedMovement("debit", program, member, amount, reason, balance, order_id)
    return await carry_out_movement(context, intent, wanted)
