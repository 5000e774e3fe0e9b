"""Balance limits: how often or how much may be credited or debited in a period."""

from typing import Annotated, Literal

from pydantic import Field

from loyalty_mcp.brevo.operation import destructive, read, write
from loyalty_mcp.brevo.reply_values import ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, post, put
from loyalty_mcp.brevo.types import (
    BalanceId,
    Count,
    Done,
    DurationUnit,
    Id,
    Number,
    ProgramId,
    Reply,
    TransactionType,
    Version,
)

ConstraintType = Annotated[
    Literal["transaction", "amount"], Field(description="Count transactions or sum amounts")
]
Direction = Annotated[TransactionType, Field(description="Which movements count")]
PeriodLength = Annotated[Count, Field(description="Length of the period")]
PeriodUnit = Annotated[DurationUnit, Field(description="Unit of the period")]
MostInPeriod = Annotated[Count, Field(description="Most per member in a period")]
Sliding = Annotated[bool, Field(description="Rolling period, not calendar")]
LimitId = Annotated[Id, Field(description="From create_balance_limit")]


class BalanceLimit(Reply):
    """A cap on the movements of one balance."""

    id: str
    balance_definition_id: str | None = None
    transaction_type: str | None = None
    constraint_type: str | None = None
    duration_value: int | None = None
    duration_unit: str | None = None
    value: Number | None = None
    sliding_schedule: bool | None = None
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None


def _path(program: ProgramId, balance: BalanceId) -> str:
    return f"/loyalty/balance/programs/{program}/balance-definitions/{balance}/limits"


@write("Cap each member's {transaction_type}s of balance {balance} in the draft of {program}.")
def create_balance_limit(
    program: ProgramId,
    balance: BalanceId,
    *,
    constraint_type: ConstraintType,
    transaction_type: Direction,
    duration_value: PeriodLength,
    duration_unit: PeriodUnit,
    value: MostInPeriod,
    sliding_schedule: Sliding | None = None,
) -> Request[BalanceLimit]:
    """Cap movements per period, in the draft; keep the id, no tool lists it."""
    body = {
        "constraintType": constraint_type,
        "transactionType": transaction_type,
        "durationValue": duration_value,
        "durationUnit": duration_unit,
        "value": value,
        "slidingSchedule": sliding_schedule,
    }
    return post(_path(program, balance), BalanceLimit, body)


@read
def get_balance_limit(
    program: ProgramId, balance: BalanceId, limit_id: LimitId, version: Version | None = None
) -> Request[BalanceLimit]:
    """Read one limit of a balance."""
    return get(f"{_path(program, balance)}/{limit_id}", BalanceLimit, {"version": version})


@write(
    "Replace limit {limit_id} of balance {balance} in the draft of program {program}.",
    before=get_balance_limit,
)
def update_balance_limit(
    program: ProgramId,
    balance: BalanceId,
    limit_id: LimitId,
    *,
    constraint_type: ConstraintType,
    transaction_type: Direction,
    duration_value: PeriodLength,
    duration_unit: PeriodUnit,
    value: MostInPeriod,
    sliding_schedule: Sliding | None = None,
) -> Request[BalanceLimit]:
    """Replace a limit in the draft."""
    body = {
        "constraintType": constraint_type,
        "transactionType": transaction_type,
        "durationValue": duration_value,
        "durationUnit": duration_unit,
        "value": value,
        "slidingSchedule": sliding_schedule,
    }
    return put(f"{_path(program, balance)}/{limit_id}", BalanceLimit, body)


@destructive(
    "Delete a limit of balance {balance} from the draft of program {program}: {limit_id}.",
    before=get_balance_limit,
)
def delete_balance_limit(
    program: ProgramId, balance: BalanceId, limit_id: LimitId
) -> Request[Done]:
    """Delete a limit from the draft; it ends at the next publish."""
    return delete(f"{_path(program, balance)}/{limit_id}", Done)
