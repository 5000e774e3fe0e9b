"""JSON schemas as they are published: only what every model vendor accepts, and no noise."""

from typing import Any

NOISE = frozenset({"title", "default", "additionalProperties", "pattern", "minLength", "maxLength"})
"""Left out of what is published: checked all the same, and told where it is broken."""

SPELLED = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
"""Bounds that some vendors refuse, told by the nearest that all accept."""


def published(schema: dict[str, Any], *, answer: bool = False, depth: int = 0) -> dict[str, Any]:
    """`schema` without references, type arrays, `null` branches, titles and defaults.

    Args:
        schema: as pydantic writes it.
        answer: whether it describes an answer, where objects inside need no fields.
        depth: how deep inside the published schema we are; the caller leaves it out.
    """
    return _cleaned(schema, schema.get("$defs", {}), answer=answer, depth=depth)


def _cleaned(
    schema: dict[str, Any], definitions: dict[str, Any], *, answer: bool, depth: int
) -> dict[str, Any]:
    while True:
        if "$ref" in schema:
            target = definitions[schema["$ref"].rsplit("/", 1)[1]]
            schema = {**target, **{key: schema[key] for key in schema if key != "$ref"}}
        elif "anyOf" in schema:
            branches = [b for b in schema["anyOf"] if b.get("type") != "null"]
            rest = {key: schema[key] for key in schema if key != "anyOf"}
            schema = {**branches[0], **rest}
        else:
            break
    result = {
        SPELLED.get(key, key): value
        for key, value in schema.items()
        if key not in NOISE and key != "$defs"
    }
    if "const" in result:
        result["enum"] = [result.pop("const")]
    if answer:
        result.pop("description", None)
        result.pop("format", None)
        result.pop("required", None)
    if answer and depth > 1 and schema.get("type") == "object":
        return {"type": "object"}
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
    return result
