"""The schemas of all tools, kept in a file: deriving them takes a quarter of the start.

The test that compares the file with the declarations also writes it anew.
"""

import functools
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("schema_cache.json")


@functools.cache
def kept() -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """For each tool, by name, its schemas of `input` and `output`, with nothing pinned."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def without(schema: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The schema of an object, without the fields of these names."""
    fewer = {
        **schema,
        "properties": {
            key: field for key, field in schema["properties"].items() if key not in names
        },
        "required": [name for name in schema.get("required", ()) if name not in names],
    }
    if not fewer["required"]:
        del fewer["required"]
    return fewer
