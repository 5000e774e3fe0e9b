"""Lists and dates in replies, read liberally: the API is not always as it is documented."""

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
"""The empty time of Go, which the API sends where it has none."""

_MOMENT: Final = TypeAdapter(datetime)


def without_nulls(value: Any) -> Any:
    """`value` without null items; null itself, which the API may send for a list, is empty."""
    if value is None:
        return ()
    if isinstance(value, list | tuple) and None in value:
        return [item for item in value if item is not None]
    return value


def readable_items(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """The items that can be read: one that cannot be read never hides the others."""
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
"""A list of what a member has or did: complete, or the reply is not read at all.

An entry that was left out would make a wrong total, or look like something that did not happen.
"""


def read_moment(value: Any) -> datetime | None:
    """A moment as the API sends it: without an offset it is UTC, a bare day is its beginning.

    Empty text, the empty time of Go, and what is no date at all are read as no date.
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
    """A date that the API sends as plain text; None where there is no date."""
    empty = isinstance(value, str) and (not value.strip() or value.startswith(NO_TIME))
    return None if empty else value


DateText = Annotated[str | None, BeforeValidator(read_date_text)]
"""A date or moment in a reply that is declared as plain text, if there is one."""

ReplyMoment = Annotated[
    datetime | None,
    BeforeValidator(read_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
"""A moment in a reply, if there is one."""
