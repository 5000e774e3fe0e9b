"""How a tool appears in the published menu: its schemas and its annotations."""

from collections.abc import Mapping
from typing import Final

from loyalty_mcp.brevo.operation import Risk
from loyalty_mcp.server.apps.cards import tool_meta
from loyalty_mcp.server.lazy_models import built_on_first_use
from loyalty_mcp.tools.tool import Tool

with built_on_first_use():
    import mcp_types as types

ANNOTATIONS: Final[Mapping[Risk, types.ToolAnnotations]] = {
    "read": types.ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
    ),
    "write": types.ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
    ),
    "moves_value": types.ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
    ),
    "destructive": types.ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
    ),
}
IDEMPOTENT_WRITES: Final = ("update_", "patch_", "publish_program")
"""Name prefixes of writes that change nothing when they are repeated."""


def annotations_of(tool: Tool) -> types.ToolAnnotations:
    """The annotations of a tool, derived from its risk."""
    found = ANNOTATIONS[tool.risk]
    if tool.risk == "write" and tool.name.startswith(IDEMPOTENT_WRITES):
        return found.model_copy(update={"idempotent_hint": True})
    return found


def listed_tool(tool: Tool) -> types.Tool:
    """A tool as `tools/list` shows it."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=annotations_of(tool),
        _meta=tool_meta(tool),
    )
