"""What the API declares of each operation, read from `operations.json`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FREE = "meta"
"""An object with arbitrary keys, for which the API declares no fields."""

DECLARED: dict[str, dict[str, Any]] = {
    operation["id"]: operation
    for operation in json.loads((Path(__file__).parent / "operations.json").read_text("utf-8"))
}


def leaves(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every declared field, as a path such as `products[].price`, with its declaration."""
    for name, field in fields.items():
        yield from _leaves_of(field, prefix + name, name)


def _leaves_of(field: Mapping[str, Any], path: str, name: str) -> Iterator[tuple[str, Any]]:
    if field["type"] == "array":
        yield from _leaves_of(field["items"], f"{path}[]", name)
    elif name != FREE and "fields" in field:
        yield from leaves(field["fields"], f"{path}.")
    else:
        yield path, field


def sent(operation: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that an operation takes, from query and body, by path."""
    return dict(leaves(operation["query"])) | dict(leaves(operation["body"] or {}))


def example(field: Mapping[str, Any]) -> Any:
    """A value that `field` may have, with everything inside it."""
    if field["type"] == "array":
        return [example(field["items"])]
    if field["type"] == "object":
        return {name: example(inner) for name, inner in field.get("fields", {}).items()}
    if "enum" in field:
        return field["enum"][-1]
    if field.get("format") == "date-time":
        return "2026-03-01T12:59:09+01:00"
    return {"string": "text", "integer": 7, "number": 7.25, "boolean": True}[field["type"]]
