"""Published schemas: only what every model vendor accepts, and nothing that is not needed."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from loyalty_mcp.brevo.types import Number, Reply
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.schema import published_schema

TOOLS = menu(read_settings())


class Inner(BaseModel):
    """What is inside."""

    title: str
    default: int | None = None


class Outer(BaseModel):
    """What is outside."""

    inner: Annotated[Inner, Field(description="The part")]
    items: list[Inner] = Field(default_factory=list)
    pair: tuple[str, ...] | None = None
    choice: Literal["a", "b"] = "a"
    only: Literal["a"] = "a"
    above: Annotated[int, Field(gt=0, lt=9)] = 1
    bounded: Annotated[int, Field(ge=1, le=9)] = 1
    short: Annotated[str, Field(max_length=9)] = ""
    long: Annotated[str, Field(max_length=5_000)] = ""
    pattern: Annotated[str, Field(pattern="^x", min_length=1)] = "x"
    free: dict[str, Any] | None = None


class Leaf(Reply):
    """Deep inside an answer."""

    value: Number


class Middle(Reply):
    """Inside an answer."""

    leaf: Leaf
    leaves: tuple[Leaf, ...]
    name: Annotated[str, Field(description="A name")]


class Whole(Reply):
    """An answer."""

    middle: Middle
    middles: tuple[Middle, ...]


def test_input_schema() -> None:
    """References are inlined; null branches, titles, defaults and patterns are gone."""
    inner = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "default": {"type": "integer"}},
        "required": ["title"],
    }

    assert published_schema(Outer.model_json_schema()) == {
        "type": "object",
        "description": "What is outside.",
        "properties": {
            "inner": {**inner, "description": "The part"},
            "items": {"type": "array", "items": inner},
            "pair": {"type": "array", "items": {"type": "string"}},
            "choice": {"type": "string", "enum": ["a", "b"]},
            "only": {"type": "string", "enum": ["a"]},
            "above": {"type": "integer"},
            "bounded": {"type": "integer", "minimum": 1, "maximum": 9},
            "short": {"type": "string", "maxLength": 9},
            "long": {"type": "string"},
            "pattern": {"type": "string"},
            "free": {"type": "object"},
        },
        "required": ["inner"],
    }


def test_answer_schema() -> None:
    """An answer's schema names its own fields, without a word more."""
    schema = Whole.model_json_schema(mode="serialization", by_alias=False)
    parts = {
        "middle": {"type": "object"},
        "middles": {"type": "array", "items": {"type": "object"}},
    }

    assert published_schema(schema, answer=True) == {"type": "object", "properties": parts}
    assert published_schema(schema, answer=True, without={"middle"})["properties"] == {
        "middles": parts["middles"]
    }


def parts_of(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema, with its place."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from parts_of(part, f"{path}/{name}")
    if "items" in schema:
        yield from parts_of(schema["items"], f"{path}[]")


ACCEPTED = {
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "description",
    "format",
    "minimum",
    "maximum",
    "maxLength",
    "minItems",
    "maxItems",
}


@pytest.mark.parametrize("side", ["input_schema", "output_schema"])
@pytest.mark.parametrize("name", TOOLS)
def test_published_schemas_stay_in_the_common_subset(name: str, side: str) -> None:
    """One plain type each, lists with their items, no reference, union, title or default."""
    schema = getattr(TOOLS[name], side)

    assert schema["type"] == "object"
    for place, part in parts_of(schema):
        assert set(part) - {"additionalProperties"} <= ACCEPTED, place
        assert part.get("additionalProperties", False) is False, place
        assert isinstance(part.get("type", "any"), str), place
        assert ("items" in part) == (part.get("type") == "array"), place
        assert set(part.get("required", ())) <= set(part.get("properties", {})), place
        if "enum" in part:
            assert all(isinstance(choice, str) for choice in part["enum"]), place


def test_only_an_input_without_arguments_is_closed() -> None:
    """A client must not take no arguments for any; one that has some is left as it is."""
    pinned = menu(read_settings(role="member", member="101", program="VIP Club"))
    empty = {"type": "object", "properties": {}, "additionalProperties": False}

    assert TOOLS["get_server_status"].input_schema == empty
    assert TOOLS["get_server_status"].derived_input() == empty
    for tool in (*TOOLS.values(), *pinned.values()):
        no_arguments = not tool.input_schema["properties"]
        assert ("additionalProperties" in tool.input_schema) == no_arguments, tool.name
    assert [tool.name for tool in pinned.values() if not tool.input_schema["properties"]]


@pytest.mark.parametrize("name", TOOLS)
def test_every_argument_has_a_type(name: str) -> None:
    """Nothing in an input is left to guess."""
    for place, part in parts_of(TOOLS[name].input_schema):
        assert "type" in part, place


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.guarded])
def test_guarded_answers_are_one_envelope(name: str) -> None:
    """What a guarded tool answers has the fields of the envelope around its own result."""
    schema = TOOLS[name].output_schema

    assert set(schema["properties"]) >= {
        *("status", "intent", "preview", "confirmation", "expires_at", "result", "reason"),
        *("next", "done"),
    }
    assert schema["required"] == ["status"]


def test_numbers_are_numbers() -> None:
    """An exact decimal is published and answered as a JSON number."""
    assert Leaf(value=Decimal("1.50")).model_dump(mode="json") == {"value": 1.5}
    assert TOOLS["debit_points"].input_schema["properties"]["amount"]["type"] == "number"
