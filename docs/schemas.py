"""The file of published schemas, `loyalty_mcp/tools/schema_cache.json`."""

import json
from typing import Any

from loyalty_mcp.tools.registry import TOOLS


def derived_schemas() -> dict[str, dict[str, Any]]:
    """The input and output schema of every tool, from its declaration."""
    return {
        name: {"input": tool.derived_input(), "output": tool.derived_output()}
        for name, tool in TOOLS.items()
    }


def schema_cache() -> str:
    """The file: a line for each tool."""
    lines = (
        f"{json.dumps(name)}: {json.dumps(schemas, ensure_ascii=False, separators=(',', ':'))}"
        for name, schemas in derived_schemas().items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"
