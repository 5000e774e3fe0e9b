"""What a menu costs stays within its budget, and the README says it."""

import json
import os
from pathlib import Path
from typing import Final, get_args

import pytest

from loyalty_mcp.cli.catalog import BUDGETS, WIRE_BUDGET, costs, listing, tokens, with_costs
from loyalty_mcp.server.instructions import INSTRUCTIONS
from loyalty_mcp.server.tool_listing import published
from loyalty_mcp.settings import Role, read_settings
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.tool import Tool

README: Final = Path(__file__).parents[2] / "README.md"
UPDATE: Final = "UPDATE_SNAPSHOTS"
"""Set it to write the table in the README anew."""


def tools_of(role: Role) -> dict[str, Tool]:
    """What a role is shown; role `member` needs the member it serves."""
    return menu(read_settings(role=role, member="101" if role == "member" else None))


def wire(tools: dict[str, Tool]) -> str:
    """The list of tools as it is sent."""
    listed = [
        published(tool).model_dump(mode="json", by_alias=True, exclude_none=True)
        for tool in tools.values()
    ]
    return json.dumps({"tools": listed}, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("role", BUDGETS)
def test_a_menu_is_within_its_budget(role: Role) -> None:
    """Name, description and input schema of all tools of a role cost no more than decided."""
    found = listing(tools_of(role))

    assert not found["tokens_estimated"]
    assert found["tokens"] <= BUDGETS[role]


def test_the_whole_list_is_within_its_budget() -> None:
    """The list of role full as it is sent, output schemas and hints included."""
    assert tokens(wire(tools_of("full"))) <= WIRE_BUDGET


@pytest.mark.parametrize("role", get_args(Role))
def test_instructions_are_short(role: Role) -> None:
    """What a client may show its model at the start costs less than 300 tokens."""
    assert tokens(INSTRUCTIONS[role]) < 300


def test_readme_says_what_the_menus_cost() -> None:
    """The table in the README is the one of today; UPDATE_SNAPSHOTS=1 writes it anew."""
    menus = {role: tools_of(role) for role in get_args(Role)}
    table = costs({role: (tools, wire(tools)) for role, tools in menus.items()})
    document = README.read_text(encoding="utf-8")
    if os.environ.get(UPDATE):
        README.write_text(with_costs(document, table), encoding="utf-8")

    assert with_costs(document, table) == README.read_text(encoding="utf-8")


def test_a_document_without_marks_is_refused() -> None:
    """A table is never written where nobody asked for one."""
    with pytest.raises(ValueError, match="lacks"):
        with_costs("# A document", "| a |")
