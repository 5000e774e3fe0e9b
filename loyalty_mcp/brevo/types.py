"""Spelling of values: snake_case for the assistant, the API's names in requests and replies."""

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

from loyalty_mcp.brevo.quoting import cleaned
from loyalty_mcp.brevo.reply_values import readable_items

ReferenceKind = Literal["program", "balance", "tier_group", "tier", "reward", "member", "contact"]
LARGEST_AMOUNT = Decimal(1_000_000_000)
"""Amounts with nine digits and six decimals pass through JSON floats unchanged."""


class Reply(BaseModel):
    """An answer of the API; unknown fields are kept."""

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
    """An object in a tool's arguments; unknown fields are refused."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    def spelled(self) -> dict[str, Any]:
        """The object in the API's spelling, without fields that were not given."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Done(Reply):
    """The reply of an operation whose answer has no body."""

    done: bool = True
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks an argument that may be a name; `references` converts it to an id."""

    kind: ReferenceKind


@dataclass(frozen=True, slots=True)
class Expected:
    """Describes what an argument must be, if its type does not.

    Args:
        words: completes the sentence "must be …"; with an example if the form is not obvious.
    """

    words: str


DayEdge = Literal["start", "end", "after"]


@dataclass(frozen=True, slots=True)
class Day:
    """Declares which time a plain date means, in UTC.

    Args:
        edge: its first second, its last, or the first second after it.
    """

    edge: DayEdge


@dataclass(frozen=True, slots=True)
class Pairs:
    """Declares that a map with arbitrary keys may also be a list of pairs.

    Several model vendors do not support objects without known fields, so this form is published.

    Args:
        key: the field of the key in a pair.
        value: the field of the value in a pair.
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
    """Declares that an empty text is a value with a meaning: it removes what is there."""


ItemT = TypeVar("ItemT")


Items = Annotated[tuple[ItemT, ...], WrapValidator(readable_items)]
"""A list in a reply, without unreadable items."""


def number(value: Decimal) -> int | float:
    """`value` as in JSON: whole numbers without a decimal point."""
    return int(value) if value == value.to_integral_value() else float(value)


def plain(value: Any) -> Any:
    """`value` as JSON types: numbers, datetimes and models inside it are converted."""
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
    """A JSON number as an exact decimal.

    Raises:
        PydanticCustomError: for anything but a number, including "5" and true.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number_type", "must be a number")
    return Decimal(str(value))


def finite(value: Decimal) -> Decimal:
    """`value`, if it is a finite number with at most six decimals.

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
    """`text`, if it holds more than blanks and invisible characters.

    Raises:
        ValueError: it is blank.
    """
    if not cleaned(text).strip():
        raise ValueError("must not be blank")
    return text


Number = Annotated[
    Decimal,
    PlainSerializer(number, return_type=int | float),
    WithJsonSchema({"type": "number"}),
]
"""An exact number, read from JSON without conversion to a float."""

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
"""An amount with its sign: positive for credits, negative for debits."""

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""A positive whole number of a plausible size."""

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
"""A contact who is not a member yet, so an own id cannot name them."""

PersonText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE),
    WithJsonSchema({"type": "string", "description": PERSON}),
    Expected(PERSON_WORDS),
]
"""A reference to a member that the tool looks up itself."""

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
"""The id of an object without a name: a transaction, a voucher, a limit, a redemption."""

Name = Annotated[
    str, Field(min_length=1, max_length=128, description="Its name"), AfterValidator(not_blank)
]
Description = Annotated[str, Field(max_length=256, description="Text for members")]
Moment = Annotated[datetime, WithJsonSchema({"type": "string", "format": "date-time"})]
Instant = Annotated[
    AwareDatetime, Day("start"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A datetime from the assistant; without an offset it would be ambiguous, so it is refused.

A plain date means its first second, in UTC.
"""

Expiry = Annotated[
    AwareDatetime, Day("end"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""The end of a period; a plain date means its last second, in UTC."""

DAY_PATTERN: Final = r"(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])"
DAY_WORDS: Final = Expected("a day of the year as dd/mm, such as 31/12")
YearDay = Annotated[str, Field(pattern=f"^{DAY_PATTERN}$"), DAY_WORDS]
"""A day of each year."""

Meta = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "string", "description": "Your own JSON data"}),
    Expected('a JSON object, such as {"crm_id": "42"}'),
]
"""An object with arbitrary keys.

Published as text, because several model vendors do not support objects without known fields; an
object is accepted too.
"""

Limit = Annotated[int, Field(ge=1, le=500, description="Results to return")]
"""Records on a page."""

ShortLimit = Annotated[int, Field(ge=1, le=100, description="Results to return")]
"""Records on a page, of rewards and vouchers."""

Offset = Annotated[int, Field(ge=0, lt=2**53, description="Results to skip")]
"""Records to skip."""

Version = Annotated[Literal["draft", "active"], Field(description="Default: draft")]
"""The draft, which the API uses by default, or the live version."""

LIVE_FIRST: Final[tuple[Literal["draft", "active"], ...]] = ("active", "draft")
"""The live version is searched first; a draft object can be named too."""

Order = Annotated[Literal["asc", "desc"], Field(description="Sort direction")]
IncludeInternal = Annotated[bool, Field(description="Also internal balances")]
OwnId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(not_blank),
    Field(description="Your own id for the member"),
]
TransactionType = Literal["credit", "debit"]
DurationUnit = Literal["day", "week", "month", "year"]
ImageUrl = Annotated[str, Field(max_length=2048, description="Brevo image URL")]
