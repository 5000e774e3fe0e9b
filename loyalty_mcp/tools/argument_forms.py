"""The forms of arguments: the accepted spellings of a value, and its description in errors.

Models and clients spell a value in several ways: 50 as "50", a list as JSON text, an enum value in
capitals. A form converts each of these to the declared value. Values that would need guessing are
left unchanged, and validation refuses them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from loyalty_mcp.brevo.types import DayEdge, Pairs

JSON_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
SURROGATE: Final = re.compile("[\ud800-\udfff]")
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
LARGEST_INTEGER: Final = 2**53
"""Above this, a JSON number with a decimal point cannot represent every integer."""

TIMES: Final[Mapping[DayEdge, str]] = {"start": "00:00:00", "end": "23:59:59", "after": "00:00:00"}


@dataclass(frozen=True)
class Form:
    """Any JSON value, unchanged.

    Args:
        expected: completes the sentence "must be …".
    """

    expected: str = "a JSON value"

    def read(self, value: Any) -> Any:
        """The value that `value` spells; `value` itself if it is not a spelling of this form."""
        return value

    def part(self, _place: Any) -> "Form | None":
        """The form of the part with a name or index; None if there is none."""
        return None

    def is_left_out(self, value: Any) -> bool:
        """Whether `value`, given for an optional argument, means that it was omitted."""
        return value is None or (isinstance(value, str) and not value.strip())


@dataclass(frozen=True)
class TextForm(Form):
    """Text; a whole number is converted to its digits.

    Args:
        empty_clears: whether an empty text is a value with a meaning, which removes what is there.
    """

    empty_clears: bool = False

    def read(self, value: Any) -> Any:
        """The text, or the digits of a whole number."""
        if isinstance(value, str):
            return SURROGATE.sub("\ufffd", value)
        whole = whole_number(value)
        return value if whole is None else str(whole)

    def is_left_out(self, value: Any) -> bool:
        """Whether the value is blank, if blank has no meaning here."""
        return super().is_left_out(value) and not (self.empty_clears and value == "")


@dataclass(frozen=True)
class IntegerForm(Form):
    """A whole number, also as text or with `.0`."""

    def read(self, value: Any) -> Any:
        """The whole number."""
        whole = whole_number(number_in(value))
        return value if whole is None else whole


@dataclass(frozen=True)
class NumberForm(Form):
    """A number, also as text."""

    def read(self, value: Any) -> Any:
        """The number."""
        return number_in(value)


@dataclass(frozen=True)
class BooleanForm(Form):
    """True or false, also as text."""

    def read(self, value: Any) -> Any:
        """The boolean."""
        words = {"true": True, "false": False}
        return words.get(value.strip().lower(), value) if isinstance(value, str) else value


@dataclass(frozen=True)
class ChoiceForm(Form):
    """One of several words, in any case, with any separators, in the singular or the plural."""

    choices: tuple[str, ...] = ()

    def read(self, value: Any) -> Any:
        """The choice as declared."""
        if not isinstance(value, str) or value in self.choices:
            return value
        key = letters(value)
        forms = (key, key.removesuffix("s"), f"{key}s")
        return next((self._by_key[form] for form in forms if form in self._by_key), value)

    @cached_property
    def _by_key(self) -> Mapping[str, str]:
        return {letters(choice): choice for choice in self.choices}


@dataclass(frozen=True)
class MomentForm(Form):
    """A datetime; a plain date means its start or its end, in UTC."""

    edge: DayEdge = "start"

    def read(self, value: Any) -> Any:
        """The datetime in ISO 8601."""
        if not isinstance(value, str) or not DAY.fullmatch(value.strip()):
            return value
        try:
            day = date.fromisoformat(value.strip())
            day += timedelta(days=self.edge == "after")
        except (ValueError, OverflowError):
            return value
        return f"{day}T{TIMES[self.edge]}Z"


@dataclass(frozen=True)
class ListForm(Form):
    """A list, also as JSON text; a single value becomes a list of one.

    Args:
        item: the form of each item.
        may_be_empty: whether an empty list is a value with a meaning.
    """

    item: Form = field(default_factory=Form)
    may_be_empty: bool = True

    def read(self, value: Any) -> Any:
        """The list, each item read."""
        items = json_text(value, list | dict)
        if items is None:
            return None
        if not isinstance(items, list | tuple):
            items = [items]
        return [self.item.read(item) for item in items]

    def part(self, place: Any) -> Form | None:
        """The form of every item."""
        return self.item if isinstance(place, int) else None

    def is_left_out(self, value: Any) -> bool:
        """Whether it is blank, or an empty list where items are required."""
        return super().is_left_out(value) or (not self.may_be_empty and value == [])


@dataclass(frozen=True)
class MapForm(Form):
    """An object with arbitrary keys, also as JSON text or as a list of pairs.

    Args:
        item: the form of each value.
        pairs: the field names of key and value in a pair; None if pairs are not accepted.
    """

    item: Form = field(default_factory=Form)
    pairs: Pairs | None = None

    def read(self, value: Any) -> Any:
        """The object, each value read."""
        found = json_text(value, dict | list)
        if self.pairs is not None and is_pair(found, self.pairs):
            found = [found]
        if isinstance(found, list) and found and self.pairs is not None:
            found = from_pairs(found, self.pairs)
        if not isinstance(found, dict):
            return value
        return {SURROGATE.sub("\ufffd", key): self.item.read(item) for key, item in found.items()}

    def part(self, _place: Any) -> Form | None:
        """The form of every value."""
        return self.item

    def is_left_out(self, value: Any) -> bool:
        """Whether it is blank or empty."""
        no_pairs = self.pairs is not None and value == []
        return super().is_left_out(value) or value == {} or no_pairs


@dataclass(frozen=True)
class ObjectForm(Form):
    """An object with known fields, also as JSON text.

    Args:
        name: what the object is, as in "a tier takes …".
        fields: the form of each field, by name.
        required: the required fields.
        example: a small correct object as JSON text; empty if errors need none.
    """

    name: str = "object"
    fields: Mapping[str, Form] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    example: str = ""

    def read(self, value: Any) -> Any:
        """The object with each field converted, without omitted fields."""
        found = json_text(value, dict)
        if not isinstance(found, dict):
            return value
        return {
            SURROGATE.sub("\ufffd", name): self.fields[name].read(item)
            if name in self.fields
            else item
            for name, item in found.items()
            if not self._is_left_out(name, item)
        }

    def part(self, place: Any) -> Form | None:
        """The form of a field."""
        return self.fields.get(place)

    def _is_left_out(self, name: str, value: Any) -> bool:
        form = self.fields.get(name)
        if form is None:
            return False
        return value is None if name in self.required else form.is_left_out(value)


def number_in(value: Any) -> Any:
    """The number that a text spells exactly; `value` itself if there is none."""
    if not isinstance(value, str) or not JSON_NUMBER.fullmatch(value.strip()):
        return value
    text = value.strip()
    if text.lstrip("-").isdigit():
        return int(text) if len(text) <= len(str(LARGEST_INTEGER)) else value
    found = float(text)
    # Text with more digits than a float can hold would be rounded silently.
    return found if Decimal(repr(found)) == Decimal(text) else value


def whole_number(value: Any) -> int | None:
    """The integer of a whole number; None for fractions and for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < LARGEST_INTEGER else None
    return value if isinstance(value, int) else None


def letters(text: str) -> str:
    """The letters and digits of a word, in lower case."""
    return "".join(char for char in text.casefold() if char.isalnum())


def is_pair(value: Any, pairs: Pairs) -> bool:
    """Whether an object is one pair and no map: what it says for the key is no number."""
    return (
        isinstance(value, dict)
        and value.keys() == {pairs.key, pairs.value}
        and not isinstance(number_in(value[pairs.key]), int | float)
    )


def from_pairs(items: list[Any], pairs: Pairs) -> Any:
    """The map from a list of pairs; the list itself if it is not one, or repeats a key."""
    found: dict[str, Any] = {}
    for item in items:
        pair = json_text(item, dict)
        if not isinstance(pair, dict) or pair.keys() != {pairs.key, pairs.value}:
            return items
        key = TextForm().read(pair[pairs.key])
        if not isinstance(key, str) or key in found:
            return items
        found[key] = pair[pairs.value]
    return found


def json_text(value: Any, kind: Any) -> Any:
    """The value in a text as JSON, if it has the right type; otherwise `value` itself."""
    if not isinstance(value, str) or not value.strip().startswith(("[", "{")):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, kind) else value
