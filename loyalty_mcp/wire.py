"""How values are spelled: snake_case for the assistant, the API's own names on the wire."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

ReferenceKind = Literal["program", "balance", "tier_group", "tier", "reward", "member"]
LARGEST_AMOUNT = Decimal(1_000_000_000)
"""Nine digits and six decimals still survive JSON's floating point unchanged."""


class Reply(BaseModel):
    """What the API answers: fields it adds one day are kept, not refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        extra="allow",
        frozen=True,
        defer_build=True,
    )


class Input(BaseModel):
    """An object inside a tool's arguments: an unknown field is a mistake and is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Done(Reply):
    """The answer of a call to which the API answers nothing."""

    done: bool = True
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks an argument that a person may give by name; `references` turns it into an id."""

    kind: ReferenceKind


def number(value: Decimal) -> int | float:
    """`value` as JSON writes it: whole numbers without a point."""
    return int(value) if value == value.to_integral_value() else float(value)


def finite(value: Decimal) -> Decimal:
    """`value`, unless it is no number or has more than six decimals.

    Raises:
        ValueError: for NaN, infinity, and more decimals than JSON carries safely.
    """
    if not value.is_finite():
        raise ValueError("must be a finite number")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        raise ValueError("must have at most 6 decimals")
    return value


Number = Annotated[
    Decimal,
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""An exact number: read from JSON without passing through a float."""

Amount = Annotated[
    Decimal,
    Field(gt=0, le=LARGEST_AMOUNT),
    AfterValidator(finite),
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
"""A positive amount, in the unit of its balance."""

SignedAmount = Annotated[
    Decimal,
    Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT),
    AfterValidator(finite),
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""An amount with its sign: plus credits, minus debits."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"

ProgramId = Annotated[
    str, Field(pattern=ID_PATTERN, description="Program name or id"), Reference("program")
]
BalanceId = Annotated[
    str, Field(pattern=ID_PATTERN, description="Balance name or id"), Reference("balance")
]
TierGroupId = Annotated[
    str, Field(pattern=ID_PATTERN, description="Tier group name or id"), Reference("tier_group")
]
TierId = Annotated[str, Field(pattern=ID_PATTERN, description="Tier name or id"), Reference("tier")]
RewardId = Annotated[
    str, Field(pattern=ID_PATTERN, description="Reward name or id"), Reference("reward")
]
ContactId = Annotated[
    int,
    Field(ge=1, lt=2**63, description="Contact id, email, +phone or own id"),
    Reference("member"),
]

Id = Annotated[str, Field(pattern=ID_PATTERN, description="Id")]
"""The id of something that has no name: a transaction, a voucher, a limit, a redemption."""

Name = Annotated[str, Field(min_length=1, max_length=128, description="Name")]
Description = Annotated[str, Field(max_length=256, description="Description")]
Moment = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
Meta = Annotated[dict[str, Any], WithJsonSchema({"type": "object"}), Field(description="Free data")]
Limit = Annotated[int, Field(ge=1, le=500, description="Page size")]
Offset = Annotated[int, Field(ge=0, description="Records to skip")]
Version = Annotated[
    Literal["draft", "active"], Field(description="active: live now; draft: latest edits")
]
Order = Annotated[Literal["asc", "desc"], Field(description="Order")]
