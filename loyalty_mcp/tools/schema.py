"""JSON schemas as they are published: only what every model vendor accepts, and no noise."""

from collections.abc import Collection
from typing import Any, Final

NOISE: Final = frozenset(
    (
        *("title", "default", "additionalProperties", "pattern", "format"),
        *("minLength", "maxLength", "minItems", "maxItems"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    )
)
"""Left out of what is published: checked all the same, and told where it is broken."""

ANSWER_NOISE: Final = NOISE | {"description", "required", "enum"}
"""Left out of the schema of an answer: it is there to be read, not to be filled in."""

ORDER: Final = ("description", "properties", "type", "enum", "items", "required")
"""The order of keywords that costs the fewest tokens of o200k_base."""


def published(
    schema: dict[str, Any], *, answer: bool = False, without: Collection[str] = ()
) -> dict[str, Any]:
    """`schema` without references, type arrays, `null` branches, titles, defaults and bounds.

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


def _cleaned(
    schema: dict[str, Any], definitions: dict[str, Any], *, answer: bool, depth: int
) -> dict[str, Any]:
    schema = _plain(schema, definitions)
    noise = ANSWER_NOISE if answer else NOISE
    result = {key: value for key, value in schema.items() if key not in noise and key != "$defs"}
    if "const" in result:
        only = result.pop("const")
        result |= {} if answer else {"enum": [only]}
    if answer and depth > 0:
        result.pop("properties", None)
    if "properties" in result:
        result["properties"] = {
            name: _cleaned(part, definitions, answer=answer, depth=depth + 1)
            for name, part in result["properties"].items()
        }
    if schema.get("type") == "array":
        result.pop("prefixItems", None)
        result["items"] = _cleaned(
            schema.get("items", {}), definitions, answer=answer, depth=depth + 1
        )
    return {key: result[key] for key in ORDER if key in result}


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """`schema` with what it refers to in its place, and of several branches the first."""
    while True:
        if "$ref" in schema:
            target = definitions[schema["$ref"].rsplit("/", 1)[1]]
            schema = {**target, **{key: schema[key] for key in schema if key != "$ref"}}
        elif "anyOf" in schema:
            branches = [b for b in schema["anyOf"] if b.get("type") != "null"]
            rest = {key: schema[key] for key in schema if key != "anyOf"}
            schema = {**branches[0], **rest}
        else:
            return schema
