"""Field types of requests, and the error messages for invalid ones."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from loyalty_mcp.sandbox.api import dialects
from loyalty_mcp.sandbox.errors import Invalid
from loyalty_mcp.sandbox.rules import moments
from loyalty_mcp.sandbox.rules.amounts import has_fitting_size
from loyalty_mcp.sandbox.rules.periods import DayOfYear

UUID: Final = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LARGEST_ID: Final = 2**53 - 1
LARGEST_COUNT: Final = 2**31 - 1


def _unfit(words: str) -> PydanticCustomError:
    return PydanticCustomError("unfit", "{words}", {"words": words})


def _as_uuid(value: object) -> str:
    if not isinstance(value, str) or not UUID.fullmatch(value):
        raise _unfit("must be a UUID")
    return value.lower()


def _as_amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _unfit("must be a number")
    if not has_fitting_size(Decimal(value)):
        raise _unfit("must be below 10^12 in size, with at most 6 decimals")
    return Decimal(value)


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise _unfit("must be above 0")
    return value


def _as_moment(value: object) -> datetime:
    try:
        return moments.parse_moment(value if isinstance(value, str) else "")
    except (ValueError, OverflowError):
        raise _unfit("must be a date-time such as 2026-01-31T09:30:00Z") from None


def _as_day(value: object) -> str:
    try:
        if value != "":
            DayOfYear.parse(value if isinstance(value, str) else "?")
    except ValueError:
        raise _unfit("must be a day of the year, written dd/mm") from None
    return str(value)


def _as_digits(value: object) -> object:
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,19}", value, re.ASCII):
        return int(value)
    raise _unfit("must be a whole number")


def _as_truth(value: object) -> bool:
    if value not in ("true", "false"):
        raise _unfit("must be true or false")
    return value == "true"


def _not_blank(value: str) -> str:
    if not value.strip():
        raise _unfit("must not be blank")
    return value


_UUID_SCHEMA: Final = WithJsonSchema({"type": "string", "format": "uuid"})
_NUMBER_SCHEMA: Final = WithJsonSchema({"type": "number"})
_MOMENT_SCHEMA: Final = WithJsonSchema({"type": "string", "format": "date-time"})
_DAY_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": "^([0-9]{2}/[0-9]{2})?$"})

Uuid = Annotated[str, BeforeValidator(_as_uuid), _UUID_SCHEMA]
Amount = Annotated[Decimal, BeforeValidator(_as_amount), _NUMBER_SCHEMA]
PositiveAmount = Annotated[Amount, AfterValidator(_positive)]
Moment = Annotated[datetime, BeforeValidator(_as_moment), _MOMENT_SCHEMA]
Day = Annotated[str, BeforeValidator(_as_day), _DAY_SCHEMA]
Flag = Annotated[bool, Field(strict=True)]
ContactId = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
PositiveCount = Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
Name = Annotated[str, StringConstraints(strict=True, max_length=128), AfterValidator(_not_blank)]
Text = Annotated[str, StringConstraints(strict=True, max_length=256)]
Address = Annotated[str, StringConstraints(strict=True, max_length=2048)]
ShortText = Annotated[str, StringConstraints(strict=True, max_length=128)]
VoucherCode = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]
OwnId = Annotated[str, StringConstraints(strict=True, max_length=64), AfterValidator(_not_blank)]
Meta = dict[str, Any]

QueryContactId = Annotated[int, BeforeValidator(_as_digits), Field(ge=1, le=LARGEST_ID)]
Limit = Annotated[int, BeforeValidator(_as_digits), Field(ge=1, le=500)]
ContactLimit = Annotated[int, BeforeValidator(_as_digits), Field(ge=1, le=1000)]
SmallLimit = Annotated[int, BeforeValidator(_as_digits), Field(ge=1, le=100)]
Offset = Annotated[int, BeforeValidator(_as_digits), Field(ge=0, le=LARGEST_COUNT)]
QueryFlag = Annotated[bool, BeforeValidator(_as_truth)]
Sort = Literal["asc", "desc"]


class Fields(BaseModel):
    """Fields in the API's spelling; unknown ones are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        defer_build=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
    )


class Body(Fields):
    """The body of a request."""


class Query(Fields):
    """The query parameters of a request."""


class ControlBody(Body):
    """The body of a control API request, whose fields are in snake_case."""

    model_config = ConfigDict(alias_generator=None)


class NoBody(Body):
    """An empty body."""


class NoQuery(Query):
    """No query parameters."""


class VersionQuery(Query):
    """Which version of the configuration to read."""

    version: Literal["draft", "active"] = "draft"


FieldsT = TypeVar("FieldsT", bound=Fields)

_SHOWABLE: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_RANGE: Final = {
    "string_too_long": "has more than {max_length} characters",
    "string_too_short": "is too short",
    "too_long": "has more than {max_length} items",
    "too_short": "has fewer than {min_length} items",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
}
_TYPE: Final = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "literal_error": "must be one of {expected}",
    "unfit": "{words}",
}


def read_fields(model: type[FieldsT], values: object, *, ignore_unknown: bool = False) -> FieldsT:
    """Validate the fields of a request.

    Args:
        model: The model to validate against.
        values: The values sent.
        ignore_unknown: Drop unknown fields instead of refusing them.

    Raises:
        Invalid: A field is invalid; the message names the first one.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        unknown = [each for each in details if each["type"] == "extra_forbidden"]
        if ignore_unknown and unknown:
            known = values
            for each in unknown:
                known = _without(known, each["loc"])
            return read_fields(model, known)
        raise _refusal(model, details[0]) from None


def _refusal(model: type[Fields], error: ErrorDetails) -> Invalid:
    parts = [
        str(part) if isinstance(part, int) or _SHOWABLE.fullmatch(part) else "…"
        for part in error["loc"]
    ]
    where = ".".join(parts) or "body"
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return Invalid(f"{where}: is required", code="missing_parameter")
    if kind == "extra_forbidden":
        known = _names_at(model, error["loc"][:-1])
        advice = dialects.advice_for_field(str(error["loc"][-1]), known)
        return Invalid(f"{where}: is not a field here" + (f"; {advice}" if advice else ""))
    if kind in _RANGE:
        return Invalid(f"{where}: {_RANGE[kind].format(**context)}", code="out_of_range")
    words = _TYPE.get(kind, "is not valid").format(**context)
    if kind == "literal_error":
        allowed = re.findall("'([^']*)'", context["expected"])
        meant = dialects.right_value(error["input"], allowed)
        words += "" if meant is None else f"; use '{meant}'"
    return Invalid(f"{where}: {words}")


def _names_at(model: type[Fields], place: tuple[int | str, ...]) -> list[str]:
    """Return the field names of a model, or of the nested object at `place`."""
    models: list[type[Fields]] = [model]
    for part in place:
        if isinstance(part, str):
            models = [
                nested
                for each in models
                for name, field in each.model_fields.items()
                if (field.alias or name) == part
                for nested in _nested_models(field.annotation)
            ]
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _nested_models(annotation: object) -> Iterator[type[Fields]]:
    if isinstance(annotation, type) and issubclass(annotation, Fields):
        yield annotation
    for part in get_args(annotation):
        yield from _nested_models(part)


def _without(values: object, location: tuple[int | str, ...]) -> object:
    head, rest = location[0], location[1:]
    if isinstance(values, Mapping):
        inner = {key: value for key, value in values.items() if rest or key != head}
        return {**inner, head: _without(inner[head], rest)} if rest else inner
    if isinstance(values, list) and isinstance(head, int):
        return [*values[:head], _without(values[head], rest), *values[head + 1 :]]
    return values
