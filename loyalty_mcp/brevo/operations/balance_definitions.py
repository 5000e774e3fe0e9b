"""Balance definitions: a program's points or currencies, with their caps, rounding and expiry."""

from typing import Annotated, Final, Literal

from pydantic import Field

from loyalty_mcp.brevo.operation import destructive, read, write
from loyalty_mcp.brevo.reply_values import DateText, ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, post, put
from loyalty_mcp.brevo.types import (
    DAY_PATTERN,
    DAY_WORDS,
    BalanceId,
    Count,
    Description,
    Done,
    DurationUnit,
    EmptyClears,
    Expected,
    ImageUrl,
    Items,
    Limit,
    Meta,
    Name,
    Number,
    Offset,
    Order,
    ProgramId,
    Reply,
    SignedAmount,
    Version,
    YearDay,
)

CURRENCIES = Literal[
    "POINTS",
    "EUR",
    "USD",
    "MXN",
    "GBP",
    "INR",
    "CAD",
    "SGD",
    "RON",
    "JPY",
    "MYR",
    "CLP",
    "PEN",
    "MAD",
    "AUD",
    "CHF",
    "BRL",
]
Unit = Annotated[CURRENCIES, Field(description="Points or a currency")]
Overtaking = Annotated[
    Literal["strict", "partial"],
    Field(description="Above max_amount: refuse, or credit what fits"),
]
Rounding = Literal["lower", "upper", "natural"]
ROUNDING_WORDS: Final = Expected(
    "one of lower, upper, natural (the guide's floor, ceiling, round_half_up); without it, amounts "
    "are not rounded"
)
CreditRounding = Annotated[Rounding, Field(description="Rounding of credits"), ROUNDING_WORDS]
DebitRounding = Annotated[Rounding, Field(description="Rounding of debits"), ROUNDING_WORDS]
LowestBalance = Annotated[SignedAmount, Field(description="Lowest balance")]
HighestBalance = Annotated[SignedAmount, Field(description="Highest balance")]
MostInOneCredit = Annotated[SignedAmount, Field(description="Most in one credit")]
MostInOneDebit = Annotated[SignedAmount, Field(description="Most in one debit")]
Lifetime = Annotated[Count, Field(description="How long a credit lasts")]
LifetimeUnit = Annotated[DurationUnit, Field(description="Unit of that duration")]
Snap = Annotated[
    Literal["noModification", "startOfPeriod", "endOfPeriod"],
    Field(description="Move its end to the unit's edge"),
]
ExpiryDay = Annotated[YearDay, Field(description="Or expire yearly on this day, dd/mm")]
ExpiryDayOrNone = Annotated[
    str,
    Field(pattern=f"^({DAY_PATTERN})?$", description="Or expire yearly on this day, dd/mm"),
    DAY_WORDS,
    EmptyClears(),
]
"""An empty text removes the fixed day."""

SortField = Annotated[
    Literal["name", "created_at", "updated_at"], Field(description="What to sort by")
]


class BalanceDefinition(Reply):
    """A balance that members of a program have."""

    id: str
    name: str = ""
    description: str | None = None
    image_ref: str | None = None
    meta: Meta | None = None
    unit: str | None = None
    min_amount: Number | None = None
    max_amount: Number | None = None
    max_credit_amount_limit: Number | None = None
    max_debit_amount_limit: Number | None = None
    balance_option_amount_overtaking_strategy: str | None = None
    balance_option_credit_rounding: str | None = None
    balance_option_debit_rounding: str | None = None
    balance_availability_duration_value: int | None = None
    balance_availability_duration_unit: str | None = None
    balance_availability_duration_modifier: str | None = None
    balance_expiration_date: DateText = None
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None
    deleted_at: ReplyMoment = None


class BalanceDefinitions(Reply):
    """A page of balance definitions."""

    items: Items[BalanceDefinition] = ()


def _path(program: ProgramId) -> str:
    return f"/loyalty/balance/programs/{program}/balance-definitions"


def _refuse_two_expiries(day: str | None, *duration: object) -> None:
    """Raise ValueError if both a fixed day and a duration are given."""
    if day and any(part is not None for part in duration):
        raise ValueError("balance_expiration_date and the duration fields exclude each other")


@read
def list_balance_definitions(
    program: ProgramId,
    *,
    limit: Limit | None = None,
    offset: Offset | None = None,
    sort_field: SortField | None = None,
    sort: Order | None = None,
    version: Version | None = None,
) -> Request[BalanceDefinitions]:
    """List the balances of a program, with unit, caps and expiry."""
    query = {
        "limit": limit,
        "offset": offset,
        "sortField": sort_field,
        "sort": sort,
        "version": version,
    }
    return get(_path(program), BalanceDefinitions, query)


@write("Create balance {name} in {unit} in the draft of program {program}.")
def create_balance_definition(
    program: ProgramId,
    name: Name,
    unit: Unit,
    *,
    description: Description | None = None,
    image_ref: ImageUrl | None = None,
    min_amount: LowestBalance | None = None,
    max_amount: HighestBalance | None = None,
    max_credit_amount_limit: MostInOneCredit | None = None,
    max_debit_amount_limit: MostInOneDebit | None = None,
    balance_option_amount_overtaking_strategy: Overtaking | None = None,
    balance_option_credit_rounding: CreditRounding | None = None,
    balance_option_debit_rounding: DebitRounding | None = None,
    balance_availability_duration_value: Lifetime | None = None,
    balance_availability_duration_unit: LifetimeUnit | None = None,
    balance_availability_duration_modifier: Snap | None = None,
    balance_expiration_date: ExpiryDay | None = None,
    meta: Meta | None = None,
) -> Request[BalanceDefinition]:
    """Define a balance in the draft. Without an expiry its points never expire."""
    _refuse_two_expiries(
        balance_expiration_date,
        balance_availability_duration_value,
        balance_availability_duration_unit,
        balance_availability_duration_modifier,
    )
    body = {
        "name": name,
        "unit": unit,
        "description": description,
        "imageRef": image_ref,
        "minAmount": min_amount,
        "maxAmount": max_amount,
        "maxCreditAmountLimit": max_credit_amount_limit,
        "maxDebitAmountLimit": max_debit_amount_limit,
        "balanceOptionAmountOvertakingStrategy": balance_option_amount_overtaking_strategy,
        "balanceOptionCreditRounding": balance_option_credit_rounding,
        "balanceOptionDebitRounding": balance_option_debit_rounding,
        "balanceAvailabilityDurationValue": balance_availability_duration_value,
        "balanceAvailabilityDurationUnit": balance_availability_duration_unit,
        "balanceAvailabilityDurationModifier": balance_availability_duration_modifier,
        "balanceExpirationDate": balance_expiration_date,
        "meta": meta,
    }
    return post(_path(program), BalanceDefinition, body)


@read
def get_balance_definition(
    program: ProgramId, balance: BalanceId, version: Version | None = None
) -> Request[BalanceDefinition]:
    """Read the settings of one balance."""
    return get(f"{_path(program)}/{balance}", BalanceDefinition, {"version": version})


@write(
    "Replace the settings of balance {balance} in the draft of program {program}.",
    before=get_balance_definition,
)
def update_balance_definition(
    program: ProgramId,
    balance: BalanceId,
    name: Name,
    unit: Unit,
    *,
    description: Description | None = None,
    image_ref: ImageUrl | None = None,
    min_amount: LowestBalance | None = None,
    max_amount: HighestBalance | None = None,
    max_credit_amount_limit: MostInOneCredit | None = None,
    max_debit_amount_limit: MostInOneDebit | None = None,
    balance_option_amount_overtaking_strategy: Overtaking | None = None,
    balance_option_credit_rounding: CreditRounding | None = None,
    balance_option_debit_rounding: DebitRounding | None = None,
    balance_availability_duration_value: Lifetime | None = None,
    balance_availability_duration_unit: LifetimeUnit | None = None,
    balance_availability_duration_modifier: Snap | None = None,
    balance_expiration_date: ExpiryDayOrNone | None = None,
    meta: Meta | None = None,
) -> Request[BalanceDefinition]:
    """Replace the settings of a balance in the draft; what is left out is cleared."""
    _refuse_two_expiries(
        balance_expiration_date,
        balance_availability_duration_value,
        balance_availability_duration_unit,
        balance_availability_duration_modifier,
    )
    body = {
        "name": name,
        "unit": unit,
        "description": description,
        "imageRef": image_ref,
        "minAmount": min_amount,
        "maxAmount": max_amount,
        "maxCreditAmountLimit": max_credit_amount_limit,
        "maxDebitAmountLimit": max_debit_amount_limit,
        "balanceOptionAmountOvertakingStrategy": balance_option_amount_overtaking_strategy,
        "balanceOptionCreditRounding": balance_option_credit_rounding,
        "balanceOptionDebitRounding": balance_option_debit_rounding,
        "balanceAvailabilityDurationValue": balance_availability_duration_value,
        "balanceAvailabilityDurationUnit": balance_availability_duration_unit,
        "balanceAvailabilityDurationModifier": balance_availability_duration_modifier,
        "balanceExpirationDate": balance_expiration_date,
        "meta": meta,
    }
    return put(f"{_path(program)}/{balance}", BalanceDefinition, body)


@destructive(
    "Delete balance {balance} from program {program}; members lose it at the next publish.",
    before=get_balance_definition,
)
def delete_balance_definition(program: ProgramId, balance: BalanceId) -> Request[Done]:
    """Delete a balance from the draft; members lose it at the next publish."""
    return delete(f"{_path(program)}/{balance}", Done)
