"""The arguments of a tool as a model: as the assistant gives and as functions receive them."""

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from loyalty_mcp.brevo.types import (
    CONTACT_WORDS,
    LONGEST_REFERENCE,
    PERSON_WORDS,
    Expected,
    Input,
    Reference,
    ReferenceKind,
)

OPTIONAL_REFERENCES = frozenset({"program", "balance"})
"""References that may be omitted if there is only one object."""

REFERENCE_WORDS: Final[Mapping[ReferenceKind, str]] = {
    "program": "the name or id of a program",
    "balance": "the name or id of a balance",
    "tier_group": "the name or id of a tier group",
    "tier": "the name or id of a tier",
    "reward": "the name or id of a reward",
    "member": PERSON_WORDS,
    "contact": CONTACT_WORDS,
}

Resolver = Callable[[Reference, str | None], Awaitable[Any]]
"""Converts a reference to an id; without one, the id of the only object."""


LONGEST_CONFIRMATION: Final = 512
"""A card adds the text that the person typed, which may be a name."""

Confirmation = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_CONFIRMATION),
    WithJsonSchema({"type": "string", "description": "From the preview"}),
    Expected("the confirmation that the preview of this very call gave"),
]


class Arguments(BaseModel):
    """The arguments of a call as the assistant gives them, with references as names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


def argument_model(
    name: str,
    parameters: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    guarded: bool,
) -> type[Arguments]:
    """The model that validates a call.

    Args:
        name: of the tool.
        parameters: the annotation of each argument, in order.
        defaults: of the optional arguments.
        guarded: whether the call accepts a confirmation.
    """
    fields: dict[str, Any] = {}
    for argument, annotation in parameters.items():
        default = defaults.get(argument, PydanticUndefined)
        reference = reference_in(annotation)
        given = as_given(annotation)
        if reference is not None and reference.kind in OPTIONAL_REFERENCES:
            given, default = given | None, None
        # Repeated here, because an explicit schema hides the description of its type.
        fields[argument] = (given, Field(default, description=description_of(annotation)))
    if guarded:
        fields["confirmation"] = (Confirmation | None, None)
    return create_model(f"{name}_arguments", __base__=Arguments, **fields)


def reference_in(annotation: Any) -> Reference | None:
    """The reference in an annotation, also inside `| None`."""
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            if isinstance(mark, Reference):
                return mark
        return reference_in(get_args(annotation)[0])
    if get_origin(annotation) in {types.UnionType, typing.Union}:
        marks = [reference_in(part) for part in get_args(annotation)]
        return next((mark for mark in marks if mark is not None), None)
    return None


def as_given(annotation: Any) -> Any:
    """The annotation with every reference as text."""
    reference = reference_in(annotation)
    if reference is not None:
        named = Annotated[
            str,
            StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE),
            WithJsonSchema({"type": "string", "description": description_of(annotation)}),
            Expected(REFERENCE_WORDS[reference.kind]),
        ]
        optional = type(None) in get_args(annotation)
        return named | None if optional else named
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(as_given(parts[0]), *parts[1:])]
    if origin is tuple:
        return tuple.__class_getitem__((as_given(parts[0]), ...))
    if origin in {types.UnionType, typing.Union}:
        return typing.Union[tuple(as_given(part) for part in parts)]  # noqa: UP007 - built at run time
    if inspect.isclass(annotation) and issubclass(annotation, Input):
        return _input_as_given(annotation)
    return annotation


def description_of(annotation: Any) -> str | None:
    """The description of an argument: the outermost of several, which comes last."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        for mark in reversed(parts[1:]):
            if isinstance(mark, FieldInfo) and mark.description:
                return mark.description
        return description_of(parts[0])
    if origin in {types.UnionType, typing.Union}:
        return next((found for part in parts if (found := description_of(part))), None)
    return None


def _input_as_given(model: type[Input]) -> type[BaseModel]:
    hints = typing.get_type_hints(model, include_extras=True)
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        default = ... if info.is_required() else info.get_default(call_default_factory=True)
        fields[name] = (as_given(hints[name]), Field(default, description=info.description))
    return create_model(model.__name__, __base__=Arguments, **fields)


async def resolved(annotation: Any, value: Any, resolve: Resolver) -> Any:
    """`value` as the function receives it, with every reference converted to an id."""
    reference = reference_in(annotation)
    if reference is not None:
        optional = type(None) in get_args(annotation)
        return None if value is None and optional else await resolve(reference, value)
    if value is None:
        return None
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return await resolved(parts[0], value, resolve)
    if origin is tuple:
        return tuple([await resolved(parts[0], item, resolve) for item in value])
    if origin in {types.UnionType, typing.Union}:
        kept = [part for part in parts if part is not type(None)]
        return await resolved(kept[0], value, resolve) if len(kept) == 1 else value
    if inspect.isclass(annotation) and issubclass(annotation, Input):
        hints = typing.get_type_hints(annotation, include_extras=True)
        return annotation(
            **{
                name: await resolved(hints[name], getattr(value, name), resolve)
                for name in annotation.model_fields
            }
        )
    return value
