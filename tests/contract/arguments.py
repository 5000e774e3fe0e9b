"""Arguments from an operation's signature: the minimum, and every one in all its variants."""

import inspect
import types
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AwareDatetime, TypeAdapter

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.types import Input

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXCLUSIVE = {
    "balance_expiration_date": (
        "balance_availability_duration_value",
        "balance_availability_duration_unit",
        "balance_availability_duration_modifier",
    )
}
"""The argument on the left cannot be given with those on the right."""


def annotations(operation: Operation[..., Any]) -> dict[str, Any]:
    """The type of every argument."""
    hints = typing.get_type_hints(operation.describe, include_extras=True)
    return {name: hints[name] for name in operation.parameters}


def required(operation: Operation[..., Any]) -> set[str]:
    """The arguments without a default."""
    signature = inspect.signature(operation.describe).parameters
    return {name for name, parameter in signature.items() if parameter.default is parameter.empty}


def fewest(operation: Operation[..., Any]) -> dict[str, Any]:
    """The required arguments; of several ways to name a voucher, its code."""
    needed = required(operation)
    if operation.name in {"validate_voucher", "redeem_voucher"}:
        needed = needed | {"code"}
    return {
        name: first(name, annotation)
        for name, annotation in annotations(operation).items()
        if name in needed
    }


def calls(operation: Operation[..., Any]) -> Iterator[dict[str, Any]]:
    """Calls that together give every argument each of its choices."""
    every = annotations(operation)
    for full in _without_contradiction({name: first(name, every[name]) for name in every}):
        yield full
        for name in full:
            for value in variants(name, every[name]):
                yield _agreeing({**full, name: value})


def _without_contradiction(full: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one, others in EXCLUSIVE.items():
        if one in full:
            yield {name: full[name] for name in full if name != one}
            yield {name: full[name] for name in full if name not in others}
            return
    yield full


def _agreeing(call: dict[str, Any]) -> dict[str, Any]:
    """A debit has a negative amount, and a member does not share with themselves."""
    if call.get("transaction_type") == "debit" and "amount" in call:
        return {**call, "amount": -call["amount"]}
    return call


def first(name: str, annotation: Any) -> Any:
    """A plain value for an argument."""
    return next(variants(name, annotation))


def variants(name: str, annotation: Any) -> Iterator[Any]:
    """Values for an argument, one for each choice that its type offers."""
    inner = _inner(annotation)
    for value in _variants(name, inner):
        TypeAdapter(annotation).validate_python(value)
        yield value


def _inner(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {types.UnionType, typing.Union}:
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def _variants(name: str, inner: Any) -> Iterator[Any]:
    if get_origin(inner) is Literal:
        yield from get_args(inner)
    elif get_origin(inner) is tuple:
        for item in variants(name, get_args(inner)[0]):
            yield (item,)
    elif inspect.isclass(inner) and issubclass(inner, Input):
        yield from _inputs(inner)
    else:
        yield _plain(name, inner)


def _inputs(model: type[Input]) -> Iterator[Input]:
    hints = typing.get_type_hints(model, include_extras=True)
    full = {name: first(name, hints[name]) for name in model.model_fields}
    for name in full:
        for value in variants(name, hints[name]):
            yield model(**{**full, name: value})


def _plain(name: str, inner: Any) -> Any:
    if inner is str:
        return (
            "31/12"
            if name in {"balance_expiration_date", "scheduled_date"}
            else f"{name}-1".replace("_", "-")
        )
    if inner is int:
        return {"member": 101, "members": 102, "contact": 101}.get(name, 60)
    if get_origin(inner) is dict:
        return {"key": "value"}
    return {bool: True, Decimal: Decimal("2.5"), AwareDatetime: MOMENT}[inner]
