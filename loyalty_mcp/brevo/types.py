"""How values are spelled: snake_case for the assistant, the API's own names on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasGenerator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from loyalty_mcp.brevo.reply_values import readable_items

ReferenceKind = Literal["program", "balance", "tier_group", "tier", "reward", "member", "contact"]
LARGEST_AMOUNT = Decimal(1_000_000_000)
"""Nine digits with six decimals pass through JSON's floating point unchanged."""


class Reply(BaseModel):
    """What the API answers; fields that we do not know are kept."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        extra="allow",
        frozen=True,
        coerce_numbers_to_str=True,
        defer_build=True,
    )


class Input(BaseModel):
    """An object inside a tool's arguments; unknown fields are refused."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    def spelled(self) -> dict[str, Any]:
        """The object in the API's spelling, without the fields that were not given."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Done(Reply):
    """The reply of an operation whose answer has no body."""

    done: bool = True
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks an argument that a person may give by name; `references` turns it into an id."""

    kind: ReferenceKind


ItemT = TypeVar("ItemT")


Items = Annotated[tuple[ItemT, ...], WrapValidator(readable_items)]
"""A list in a reply, without what cannot be read."""


def number(value: Decimal) -> int | float:
    """`value` as JSON writes it: whole numbers without a point."""
    return int(value) if value == value.to_integral_value() else float(value)


def plain(value: Any) -> Any:
    """`value` in terms of JSON: numbers, moments and models inside it are converted."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def exact(value: Any) -> Any:
    """A JSON number as the decimal it was written as.

    Raises:
        ValueError: for anything but a number; "5" and true are none.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports only this one
    return Decimal(str(value))


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
    BeforeValidator(exact),
    AfterValidator(finite),
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
"""A positive amount, in the unit of its balance."""

SignedAmount = Annotated[
    Decimal,
    Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT),
    BeforeValidator(exact),
    AfterValidator(finite),
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""An amount with its sign: plus credits, minus debits."""

Count = Annotated[int, Field(ge=1, le=1_000_000_000), WithJsonSchema({"type": "integer"})]
"""A whole number above zero, at most a billion."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"

ProgramId = Annotated[str, Field(pattern=ID_PATTERN), Reference("program")]
BalanceId = Annotated[str, Field(pattern=ID_PATTERN), Reference("balance")]
TierGroupId = Annotated[str, Field(pattern=ID_PATTERN), Reference("tier_group")]
TierId = Annotated[str, Field(pattern=ID_PATTERN), Reference("tier")]
RewardId = Annotated[str, Field(pattern=ID_PATTERN), Reference("reward")]
ContactId = Annotated[
    int,
    Field(ge=1, lt=2**63, description="id/email/+phone"),
    Reference("member"),
]
Enrollee = Annotated[
    int, Field(ge=1, lt=2**63, description="id/email/+phone"), Reference("contact")
]
"""A contact who is not a member yet, and so has no own id."""

Members = Annotated[tuple[ContactId, ...], Field(min_length=1)]

Id = Annotated[str, Field(pattern=ID_PATTERN)]
"""The id of something that has no name: a transaction, a voucher, a limit, a redemption."""

Name = Annotated[str, Field(min_length=1, max_length=128)]
Description = Annotated[str, Field(max_length=256)]
Moment = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
Instant = Annotated[AwareDatetime, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment from the assistant; one without an offset is refused, not guessed."""

Meta = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]
Limit = Annotated[int, Field(ge=1, le=500), WithJsonSchema({"type": "integer"})]
"""Records on a page."""

ShortLimit = Annotated[int, Field(ge=1, le=100), WithJsonSchema({"type": "integer"})]
"""Records on a page, of rewards and vouchers."""

Offset = Annotated[int, Field(ge=0, lt=2**53), WithJsonSchema({"type": "integer"})]
"""Records to skip."""

Version = Literal["draft", "active"]
"""The latest edits, which are the API's default, or what is live now."""

LIVE_FIRST: Final[tuple[Version, ...]] = ("active", "draft")
"""Names are looked up in what members see first, then in the draft."""

Order = Literal["asc", "desc"]
TransactionType = Literal["credit", "debit"]
DurationUnit = Literal["day", "week", "month", "year"]
ImageUrl = Annotated[str, Field(max_length=2048)]
