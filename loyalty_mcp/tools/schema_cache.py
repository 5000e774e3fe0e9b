"""The published schemas of all tools, read from a file, because deriving them would slow the start.

`python -m docs.generate` writes the file, and a test compares it with the declarations. Without the
file, every schema is derived. See docs/decisions/cached-schemas.md.
"""

import functools
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from loyalty_mcp.tools.schema import closed_if_empty

FILE: Final = Path(__file__).with_name("schema_cache.json")


@functools.cache
def cached_schemas() -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """The `input` and `output` schemas of each tool, by name, without pins."""
    try:
        text = FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    return found


def without_arguments(schema: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The schema of an object without the fields with these names."""
    fewer = {
        **schema,
        "properties": {
            key: field for key, field in schema["properties"].items() if key not in names
        },
        "required": [name for name in schema.get("required", ()) if name not in names],
    }
    if not fewer["required"]:
        del fewer["required"]
    return closed_if_empty(fewer)
