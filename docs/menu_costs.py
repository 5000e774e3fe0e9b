"""What the menu of each role costs a model, as the table in the README."""

import json
from collections.abc import Mapping
from typing import Final

from loyalty_mcp.cli.menu_size import charged_text, count_tokens
from loyalty_mcp.intents.roles import Role, definition_of
from loyalty_mcp.server.tool_listing import listed_tool
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.tool import Tool

LISTING_BUDGET: Final = 20_000
"""The most tokens of the whole answer to `tools/list` for role `full`."""


def menu_of_role(role: Role) -> dict[str, Tool]:
    """The menu of a role; one that serves one member names it."""
    member = "101" if definition_of(role).needs_member else None
    return menu(read_settings(role=role, member=member))


def listing_as_sent(tools: Mapping[str, Tool]) -> str:
    """The answer to `tools/list`, with output schemas and annotations."""
    listed = [
        listed_tool(tool).model_dump(mode="json", by_alias=True, exclude_none=True)
        for tool in tools.values()
    ]
    return json.dumps({"tools": listed}, separators=(",", ":"), ensure_ascii=False)


def menu_costs_table() -> str:
    """The cost of each role's menu in tokens, with its budget."""
    lines = [
        "| role | tools | tokens a model reads | budget | tokens of the whole `tools/list` |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for role in Role:
        tools = menu_of_role(role)
        size = sum(count_tokens(charged_text(tool)) for tool in tools.values())
        sent = count_tokens(listing_as_sent(tools))
        budget = definition_of(role).menu_tokens
        lines.append(f"| `{role}` | {len(tools)} | {size:,} | {budget:,} | {sent:,} |")
    return "\n".join(lines)
