"""Our models read what the API declares, field by field."""

import typing
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.types import Done
from tests.contract.arguments import fewest
from tests.contract.declared import DECLARED, example, leaves
from tests.contract.operations import OPERATIONS

every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS.values(), ids=lambda operation: operation.name
)
answering = pytest.mark.parametrize(
    "operation",
    [operation for name, operation in OPERATIONS.items() if DECLARED[name]["reply"]],
    ids=lambda operation: operation.name,
)


def modelled(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every field of `model` by its API name, as a path."""
    hints = typing.get_type_hints(model, include_extras=True)
    for name, info in model.model_fields.items():
        yield from _modelled(hints[name], prefix + (info.alias or name))


def _modelled(annotation: Any, path: str) -> Iterator[str]:
    if get_origin(annotation) is Annotated:
        yield from _modelled(get_args(annotation)[0], path)
    elif get_origin(annotation) is tuple:
        yield from _modelled(get_args(annotation)[0], f"{path}[]")
    elif type(None) in get_args(annotation):
        yield from _modelled(get_args(annotation)[0], path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from modelled(annotation, f"{path}.")
    else:
        yield path


def reply_of(operation: Operation[..., Any]) -> type[BaseModel]:
    """The model of an operation's answer."""
    reply: type[BaseModel] = operation(**fewest(operation)).reply
    return reply


@every_operation
def test_a_reply_has_exactly_the_declared_fields(operation: Operation[..., Any]) -> None:
    """Every declared field can be read by name, at every depth, and none is invented."""
    declared = DECLARED[operation.name]["reply"]
    if declared is None:
        assert reply_of(operation) is Done
    else:
        assert sorted(modelled(reply_of(operation))) == sorted(dict(leaves(declared)))


@answering
def test_a_full_reply_is_read_without_a_rest(operation: Operation[..., Any]) -> None:
    """A reply with every declared field is read completely, and written back unchanged."""
    reply = {name: example(field) for name, field in DECLARED[operation.name]["reply"].items()}

    read = reply_of(operation).model_validate(reply)

    assert not read.model_extra
    assert set(read.model_dump(by_alias=True)) == set(reply)


@answering
def test_every_declared_word_of_a_reply_is_read(operation: Operation[..., Any]) -> None:
    """No declared value makes an answer unreadable."""
    declared = DECLARED[operation.name]["reply"]
    for name, field in declared.items():
        for word in field.get("enum", ()):
            reply = {key: example(inner) for key, inner in declared.items()} | {name: word}

            read = reply_of(operation).model_validate(reply)

            assert read.model_dump(by_alias=True)[name] == word


@answering
def test_a_reply_may_miss_everything_but_its_ids(operation: Operation[..., Any]) -> None:
    """Missing fields, and null instead of lists, leave a reply readable."""
    declared = DECLARED[operation.name]["reply"]
    model = reply_of(operation)
    names = {info.alias or name: info for name, info in model.model_fields.items()}
    needed = {name for name, info in names.items() if info.is_required()}
    lists = {name: None for name, field in declared.items() if field["type"] == "array"}

    assert needed <= {"id", "name", "tierId", "transactionid", "contactId", "ownerContactId"}
    model.model_validate({name: example(declared[name]) for name in needed} | lists)


@answering
def test_a_field_that_the_api_adds_is_kept(operation: Operation[..., Any]) -> None:
    """A reply with a new field is read, and the field is not lost."""
    reply = {name: example(field) for name, field in DECLARED[operation.name]["reply"].items()}

    read = reply_of(operation).model_validate({**reply, "addedOneDay": 1})

    assert read.model_extra == {"addedOneDay": 1}
