"""Lenient parsing of lists and dates in replies, which do not always match the documentation."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    BeforeValidator,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
)

EntryT = TypeVar("EntryT")

NO_TIME: Final = "0001-01-01"
"""Go's zero time, which the API sends instead of a missing time."""

_MOMENT: Final = TypeAdapter(datetime)


def without_nulls(value: Any) -> Any:
    """`value` without null items; null for a list means an empty list."""
    if value is None:
        return ()
    if isinstance(value, list | tuple) and None in value:
        return [item for item in value if item is not None]
    return value


def readable_items(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """The readable items; an unreadable one never hides the others."""
    value = without_nulls(value)
    try:
        return handler(value)
    except ValidationError:
        if not isinstance(value, list):
            raise
    found: list[Any] = []
    for item in value:
        with suppress(ValidationError):
            found += handler([item])
    return tuple(found)


Entries = Annotated[tuple[EntryT, ...], BeforeValidator(without_nulls)]
"""A list of what a member has or did, which must be read completely or not at all.

A missing entry would make a total wrong, or look like something that did not happen.
"""


def read_moment(value: Any) -> datetime | None:
    """A datetime from the API: UTC without an offset; a plain date means its start.

    Empty text, Go's zero time and invalid dates are read as None.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        try:
            value = _MOMENT.validate_python(value)
        except ValidationError:
            return None
    found: datetime = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return None if found.year == 1 else found


def read_date_text(value: Any) -> Any:
    """A date that the API sends as text; None if there is none."""
    empty = isinstance(value, str) and (not value.strip() or value.startswith(NO_TIME))
    return None if empty else value


DateText = Annotated[str | None, BeforeValidator(read_date_text)]
"""A date or datetime in a text field of a reply, if there is one."""

ReplyMoment = Annotated[
    datetime | None,
    BeforeValidator(read_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
"""A datetime in a reply, if there is one."""
