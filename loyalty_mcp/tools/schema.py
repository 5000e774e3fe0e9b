"""JSON schemas as they are published: only what every model vendor accepts, and no noise."""

from collections.abc import Collection
from typing import Any, Final

PUBLISHED: Final = (
    *("description", "properties", "type", "enum", "format", "items", "required"),
    *("minimum", "maximum", "maxLength", "minItems", "maxItems"),
)
"""The keywords of an argument, in the order that costs the fewest tokens of o200k_base.

Not published, because a vendor refuses them or they say nothing to a model: titles, defaults,
patterns, exclusive bounds, and `additionalProperties` where an object has fields. Patterns are
described in words.
"""

PUBLISHED_OF_ANSWERS: Final = ("properties", "type", "items")
"""An answer is there to be read, not to be filled in."""

BOUNDS: Final = frozenset(("minimum", "maximum", "maxLength", "minItems", "maxItems"))
"""Published of arguments alone: of what stands inside one, names, types and choices are enough."""

DEEP: Final = 3
"""From this depth on, in objects inside an object or a list, names and types say enough."""

SAYS_NOTHING: Final = 1_000
"""From here on the bound of a length only keeps nonsense out; of a value, from a billion on."""


def published(
    schema: dict[str, Any], *, answer: bool = False, without: Collection[str] = ()
) -> dict[str, Any]:
    """`schema` without references, type arrays, `null` branches, and keywords of no use.

    Args:
        schema: as pydantic writes it.
        answer: whether it describes an answer, where objects inside need no fields.
        without: fields of an answer that need not be named.
    """
    found = _cleaned(schema, schema.get("$defs", {}), answer=answer, depth=0)
    if without:
        kept = {k: part for k, part in found["properties"].items() if k not in without}
        found["properties"] = kept
    return found


def closed_if_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of arguments; where there are none, it says that there are none.

    OpenAI's strict mode takes an object that names no fields for one with any, and refuses it.
    """
    return schema if schema["properties"] else {**schema, "additionalProperties": False}


def _cleaned(
    schema: dict[str, Any], definitions: dict[str, Any], *, answer: bool, depth: int
) -> dict[str, Any]:
    schema = _inlined(schema, definitions)
    result = dict(schema)
    if "const" in result:
        result["enum"] = [result.pop("const")]
    if answer and depth > 0:
        result.pop("properties", None)
    if "properties" in result:
        result["properties"] = {
            name: _cleaned(part, definitions, answer=answer, depth=depth + 1)
            for name, part in result["properties"].items()
        }
    if schema.get("type") == "array":
        result["items"] = _cleaned(
            schema.get("items", {}), definitions, answer=answer, depth=depth + 1
        )
        if "description" in result:
            result["items"].pop("description", None)
    keywords = PUBLISHED_OF_ANSWERS if answer else PUBLISHED
    return {
        key: result[key]
        for key in keywords
        if key in result
        and (key not in BOUNDS or (depth == 1 and _binds(key, result[key])))
        and (key != "description" or depth < DEEP)
    }


def _binds(keyword: str, bound: float) -> bool:
    """Whether a bound tells a model anything."""
    nonsense = SAYS_NOTHING if keyword == "maxLength" else SAYS_NOTHING * 1_000_000
    return abs(bound) < nonsense


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """`schema` with what it refers to in its place, and of several branches the first."""
    while True:
        if "$ref" in schema:
            target = dict(definitions[schema["$ref"].rsplit("/", 1)[1]])
            target.pop("description", None)  # the docstring of a class is written for us
            schema = {**target, **{key: schema[key] for key in schema if key != "$ref"}}
        elif "anyOf" in schema:
            branches = [b for b in schema["anyOf"] if b.get("type") != "null"]
            rest = {key: schema[key] for key in schema if key != "anyOf"}
            schema = {**branches[0], **rest}
        else:
            return schema
