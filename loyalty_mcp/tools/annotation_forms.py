"""From the annotation of an argument to its form; the only module that reads annotations."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from loyalty_mcp.brevo.types import Day, EmptyClears, Expected, Pairs
from loyalty_mcp.tools.argument_forms import (
    BooleanForm,
    ChoiceForm,
    Form,
    IntegerForm,
    ListForm,
    MapForm,
    MomentForm,
    NumberForm,
    ObjectForm,
    TextForm,
)

UNBOUNDED: Final = 1_000_000_000
"""A bound from here on means nothing to a person."""

MOMENT_WORDS: Final = (
    "a moment with its offset, such as 2026-12-31T18:00:00+01:00, or a day, such as 2026-12-31"
)


@dataclass(frozen=True)
class Marks:
    """What the metadata of an annotation says about a value."""

    least: Any = None
    above: Any = None
    most: Any = None
    shortest: int = 0
    longest: int | None = None
    day: Day | None = None
    words: str | None = None
    empty_clears: bool = False
    pairs: Pairs | None = None


def form_of_model(model: type[BaseModel]) -> ObjectForm:
    """The form of an object described by a model."""
    fields = {
        name: form_of(info.annotation, info.metadata) for name, info in model.model_fields.items()
    }
    required = frozenset(name for name, info in model.model_fields.items() if info.is_required())
    names = ", ".join(fields)
    return ObjectForm(
        expected=f"an object with {names}",
        name=words_of(model.__name__),
        fields=fields,
        required=required,
        example=getattr(model, "example", ""),
    )


def form_of(annotation: Any, metadata: Iterable[Any] = ()) -> Form:
    """The form of a value.

    Args:
        annotation: its type, with marks inside `Annotated`.
        metadata: metadata that pydantic has removed from the annotation.
    """
    core, found = unwrapped(annotation)
    marks = marks_of((*found, *flattened(metadata)))
    form = _form(core, marks)
    if marks.words is None:
        return form
    return type(form)(**{**vars(form), "expected": marks.words})


def _form(core: Any, marks: Marks) -> Form:
    origin = get_origin(core)
    if origin is Literal:
        choices = get_args(core)
        words = f"one of {', '.join(choices)}" if len(choices) > 1 else f'"{choices[0]}"'
        return ChoiceForm(words, choices=choices)
    if origin in {tuple, list}:
        item = form_of(get_args(core)[0])
        return ListForm(_list_words(item, marks), item=item, may_be_empty=marks.shortest == 0)
    if origin is dict:
        item = form_of(get_args(core)[1])
        return MapForm(_map_words(item, marks), item=item, pairs=marks.pairs)
    if inspect.isclass(core) and issubclass(core, BaseModel):
        return form_of_model(core)
    return _plain_form(core, marks)


def _plain_form(core: Any, marks: Marks) -> Form:
    if core is bool:
        return BooleanForm("true or false")
    if core is int:
        return IntegerForm(_number_words("a whole number", marks))
    if core in {Decimal, float}:
        return NumberForm(_number_words("a number", marks))
    if core in {datetime, AwareDatetime}:
        return MomentForm(MOMENT_WORDS, edge=marks.day.edge if marks.day is not None else "start")
    if core is date:
        return Form("a day, such as 2026-12-31")
    if core is str:
        return TextForm(_text_words(marks), empty_clears=marks.empty_clears)
    return Form()


def unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `Annotated` and `| None`, and the metadata found in between."""
    marks: list[Any] = []
    while True:
        origin, parts = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            marks += flattened(parts[1:])
            annotation = parts[0]
        elif origin in {types.UnionType, typing.Union}:
            kept = [part for part in parts if part is not type(None)]
            if len(kept) != 1:
                return annotation, tuple(marks)
            annotation = kept[0]
        else:
            return annotation, tuple(marks)


def flattened(marks: Iterable[Any]) -> Iterator[Any]:
    """Metadata, with each `Field(…)` replaced by the metadata inside it."""
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield from flattened(mark.metadata)
        else:
            yield mark


def marks_of(marks: Iterable[Any]) -> Marks:
    """What metadata says: of several bounds the tightest, of anything else the first."""
    found: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        if value is not None:
            found.setdefault(name, value)

    for mark in marks:
        for attribute, (name, tightest) in BOUNDS.items():
            bound = getattr(mark, attribute, None)
            if bound is not None:
                found[name] = tightest(found.get(name, bound), bound)
        if isinstance(mark, Day):
            keep("day", mark)
        if isinstance(mark, Expected):
            keep("words", mark.words)
        if isinstance(mark, Pairs):
            keep("pairs", mark)
        if isinstance(mark, EmptyClears):
            keep("empty_clears", True)
    return Marks(**found)


BOUNDS: Final[Mapping[str, tuple[str, Callable[[Any, Any], Any]]]] = {
    "ge": ("least", max),
    "gt": ("above", max),
    "le": ("most", min),
    "min_length": ("shortest", max),
    "max_length": ("longest", min),
}
"""The bounds of pydantic and `annotated_types`: our name, and the tighter of two bounds."""


def _number_words(kind: str, marks: Marks) -> str:
    if marks.least is not None and marks.most is not None and marks.most < UNBOUNDED:
        return f"{kind} from {marks.least:,} to {marks.most:,}"
    if marks.least is not None and marks.least > -UNBOUNDED:
        return f"{kind}, at least {marks.least:,}"
    if marks.above is not None:
        return f"{kind} above {marks.above:,}"
    return kind


def _text_words(marks: Marks) -> str:
    if marks.longest is None:
        return "a text" if marks.shortest == 0 else "a text that is not empty"
    if marks.shortest > 0:
        return f"a text of {marks.shortest} to {marks.longest:,} characters"
    return f"a text of at most {marks.longest:,} characters"


def _list_words(item: Form, marks: Marks) -> str:
    many = "a list"
    if marks.shortest > 0:
        many = f"a list of {marks.shortest} or more"
    if marks.longest is not None:
        many = f"a list of {marks.shortest} to {marks.longest}"
    return f"{many}, each {item.expected}"


def _map_words(item: Form, marks: Marks) -> str:
    if marks.pairs is not None:
        return f"a list of {{{marks.pairs.key}, {marks.pairs.value}}}, each with {item.expected}"
    return "an object" if type(item) is Form else f"an object, each value {item.expected}"


def words_of(name: str) -> str:
    """The name of a class as words: `AccessCondition` becomes "access condition"."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
