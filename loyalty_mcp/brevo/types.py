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
    StringConstraints,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

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


@dataclass(frozen=True, slots=True)
class Expected:
    """Says what an argument must be where its type does not say it well.

    Args:
        words: completes the sentence "must be …"; with an example where the form is not obvious.
    """

    words: str


DayEdge = Literal["start", "end", "after"]


@dataclass(frozen=True, slots=True)
class Day:
    """Says which moment a plain day stands for, in UTC.

    Args:
        edge: its first second, its last, or the first second after it.
    """

    edge: DayEdge


@dataclass(frozen=True, slots=True)
class Pairs:
    """Says how a map with keys of the caller's own is also written: as a list of pairs.

    Several model vendors take no object without known fields, so this is what is published.

    Args:
        key: what a pair calls the key.
        value: what it calls the value.
    """

    key: str
    value: str


def pairs_schema(key: str, value: str) -> dict[str, Any]:
    """The JSON schema of a list of pairs of a text and a whole number."""
    pair = {
        "type": "object",
        "properties": {key: {"type": "string"}, value: {"type": "integer"}},
        "required": [key, value],
    }
    return {"type": "array", "items": pair}


@dataclass(frozen=True, slots=True)
class EmptyClears:
    """Says that an empty text is a value of its own: it removes what is there."""


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
        PydanticCustomError: for anything but a number; "5" and true are none.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number_type", "must be a number")
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


def not_blank(text: str) -> str:
    """`text`, unless it holds nothing but blanks.

    Raises:
        ValueError: it is blank.
    """
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Number = Annotated[
    Decimal,
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""An exact number: read from JSON without passing through a float."""

PLAIN_NUMBER: Final = "written like 1250.5, without a thousands separator"

Amount = Annotated[
    Decimal,
    Field(gt=0, le=LARGEST_AMOUNT),
    BeforeValidator(exact),
    AfterValidator(finite),
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number", "description": "Above 0, in the balance's unit"}),
    Expected(f"a number above 0 and at most {LARGEST_AMOUNT:,}, {PLAIN_NUMBER}"),
]
"""A positive amount, in the unit of its balance."""

SignedAmount = Annotated[
    Decimal,
    Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT),
    BeforeValidator(exact),
    AfterValidator(finite),
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
    Expected(f"a number of at most {LARGEST_AMOUNT:,}, {PLAIN_NUMBER}"),
]
"""An amount with its sign: plus credits, minus debits."""

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""A whole number above zero, of a size that makes sense."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"
NAME_OR_ID: Final = "Name/id"
PERSON: Final = "Email/+phone/id"
CONTACT: Final = "Email/+phone/id"
PERSON_WORDS: Final = (
    "an email address, a phone number such as +33612345678, a contact id or an own id"
)
CONTACT_WORDS: Final = "an email address, a phone number such as +33612345678, or a contact id"
LONGEST_REFERENCE: Final = 320
"""An email address has at most 320 characters, and no name is longer."""


ProgramId = Annotated[str, Field(pattern=ID_PATTERN, description=NAME_OR_ID), Reference("program")]
BalanceId = Annotated[str, Field(pattern=ID_PATTERN, description=NAME_OR_ID), Reference("balance")]
TierGroupId = Annotated[
    str, Field(pattern=ID_PATTERN, description=NAME_OR_ID), Reference("tier_group")
]
TierId = Annotated[str, Field(pattern=ID_PATTERN, description=NAME_OR_ID), Reference("tier")]
RewardId = Annotated[str, Field(pattern=ID_PATTERN, description=NAME_OR_ID), Reference("reward")]
ContactId = Annotated[int, Field(ge=1, lt=2**63, description=PERSON), Reference("member")]
Enrollee = Annotated[int, Field(ge=1, lt=2**63, description=CONTACT), Reference("contact")]
"""A contact who is not a member yet, so no own id can name it."""

PersonText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE),
    WithJsonSchema({"type": "string", "description": PERSON}),
    Expected(PERSON_WORDS),
]
"""What a person says for a member, where the tool itself looks it up."""

ContactText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=LONGEST_REFERENCE),
    WithJsonSchema({"type": "string", "description": CONTACT}),
    Expected(CONTACT_WORDS),
]
"""The same for a contact who need not be a member."""

Members = Annotated[
    tuple[ContactId, ...], Field(min_length=1, description="Who shares it: email/+phone/id")
]

Id = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=ID_PATTERN),
    Expected("an id from an earlier answer, of letters, digits and dashes"),
]
"""The id of something that has no name: a transaction, a voucher, a limit, a redemption."""

Name = Annotated[
    str, Field(min_length=1, max_length=128, description="Its name"), AfterValidator(not_blank)
]
Description = Annotated[str, Field(max_length=256, description="Text for members")]
Moment = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
Instant = Annotated[
    AwareDatetime, Day("start"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment from the assistant; without its offset it would be a guess, so that is refused.

A plain day stands for its first second, in UTC.
"""

Expiry = Annotated[
    AwareDatetime, Day("end"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment until which something lasts; a plain day stands for its last second, in UTC."""

DAY_PATTERN: Final = r"(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])"
DAY_WORDS: Final = Expected("a day of the year as dd/mm, such as 31/12")
YearDay = Annotated[str, Field(pattern=f"^{DAY_PATTERN}$"), DAY_WORDS]
"""A day of each year."""

Meta = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "string", "description": "Your own JSON data"}),
    Expected('a JSON object, such as {"crm_id": "42"}'),
]
"""An object of the caller's own.

Published as text, because several model vendors take no object without known fields; an object is
accepted as well.
"""

Limit = Annotated[int, Field(ge=1, le=500, description="Results to return")]
"""Records on a page."""

ShortLimit = Annotated[int, Field(ge=1, le=100, description="Results to return")]
"""Records on a page, of rewards and vouchers."""

Offset = Annotated[int, Field(ge=0, lt=2**53, description="Results to skip")]
"""Records to skip."""

Version = Annotated[Literal["draft", "active"], Field(description="Default: draft")]
"""The latest edits, which the API takes by default, or what is live now."""

LIVE_FIRST: Final[tuple[Literal["draft", "active"], ...]] = ("active", "draft")
"""What members see is meant first; what is still a draft can be named too."""

Order = Annotated[Literal["asc", "desc"], Field(description="Sort direction")]
IncludeInternal = Annotated[bool, Field(description="Also internal balances")]
OwnId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    Field(description="Your own id for the member"),
]
TransactionType = Literal["credit", "debit"]
DurationUnit = Literal["day", "week", "month", "year"]
ImageUrl = Annotated[str, Field(max_length=2048, description="Brevo image URL")]
