"""The cards as MCP resources, and which card belongs to which tool."""

from collections.abc import Mapping
from typing import Any, Final

from loyalty_mcp.server.apps.pages import NAMES, card_html
from loyalty_mcp.server.lazy_models import built_on_first_use
from loyalty_mcp.tools.tool import Tool

with built_on_first_use():
    import mcp_types as types
    from mcp.server.apps import APP_MIME_TYPE

FOLDER: Final = "ui://loyalty/"
APPROVAL: Final = "approval"
CARDS_OF_READS: Final[Mapping[str, str]] = {
    "get_member_overview": "member",
    "explain_balance": "member",
    "plan_program": "program",
    "get_unpublished_changes": "program",
    "export_program": "program",
    "get_program_report": "program",
}
"""The card of each read-only tool that has one; every guarded tool has the approval card."""

RESOURCE_TITLES: Final[Mapping[str, str]] = {
    "member": "A member: balances, tier, vouchers",
    "approval": "A change to agree to",
    "program": "A program: balances, tiers, rewards",
}
PAGE_META: Final[Mapping[str, Any]] = {
    "ui": {
        "csp": {
            "connectDomains": [],
            "resourceDomains": [],
            "frameDomains": [],
            "baseUriDomains": [],
        },
        "prefersBorder": True,
    }
}
"""A card may not load from any address; it contains everything that it needs."""


def card_of(tool: Tool) -> str | None:
    """The name of the card for a tool's answers; None if it has none."""
    return APPROVAL if tool.guarded else CARDS_OF_READS.get(tool.name)


def tool_meta(tool: Tool) -> dict[str, Any] | None:
    """The `_meta` of a tool in the menu, with the address of its card."""
    card = card_of(tool)
    return None if card is None else {"ui": {"resourceUri": f"{FOLDER}{card}"}}


def listed_cards(menu: Mapping[str, Tool]) -> list[types.Resource]:
    """The cards of the tools in a menu."""
    used = {card_of(tool) for tool in menu.values()}
    return [
        types.Resource(
            uri=f"{FOLDER}{name}",
            name=name,
            title=RESOURCE_TITLES[name],
            mime_type=APP_MIME_TYPE,
            _meta=dict(PAGE_META),
        )
        for name in NAMES
        if name in used
    ]


def card_page(address: str) -> types.TextResourceContents | None:
    """The page at an address; None if there is no card."""
    name = str(address).removeprefix(FOLDER)
    if name not in NAMES or not str(address).startswith(FOLDER):
        return None
    return types.TextResourceContents(
        uri=address, mime_type=APP_MIME_TYPE, text=card_html(name), _meta=dict(PAGE_META)
    )
