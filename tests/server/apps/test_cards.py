"""The cards as hosts find them: in the menu, in the list of resources, and at their addresses."""

import re
from collections.abc import Callable

import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from loyalty_mcp.server.apps.pages import NAMES, card_html
from loyalty_mcp.server.bootstrap import Runtime
from tests.conftest import Connect, Mode
from tests.server.apps.hosts import SHOWS_CARDS

EXPECTED = {
    "get_member_overview": "ui://loyalty/member",
    "explain_balance": "ui://loyalty/member",
    "plan_program": "ui://loyalty/program",
    "get_unpublished_changes": "ui://loyalty/program",
    "export_program": "ui://loyalty/program",
    "get_program_report": "ui://loyalty/program",
    "debit_points": "ui://loyalty/approval",
    "delete_program": "ui://loyalty/approval",
    "find_member": None,
    "check_intent": None,
}


def address_in(tool: types.Tool) -> str | None:
    """Where the card of a listed tool is."""
    found = (tool.meta or {}).get("ui", {}).get("resourceUri")
    return None if found is None else str(found)


async def test_the_menu_names_the_card_of_each_tool(connect: Connect) -> None:
    """Each listed tool says where its card is; every guarded tool has the approval."""
    async with connect() as client:
        tools = (await client.list_tools()).tools

    found = {tool.name: address_in(tool) for tool in tools}
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    for tool in tools:
        assert tool.annotations is not None
        assert (found[tool.name] == "ui://loyalty/approval") == (
            not tool.annotations.read_only_hint
        )


@pytest.mark.parametrize("mode", ["auto"])
async def test_the_server_announces_the_extension(connect: Connect) -> None:
    """A host learns that there are cards; the older protocol has no place to say so."""
    async with connect() as client:
        assert client.server_capabilities.extensions == {EXTENSION_ID: {}}


@pytest.mark.parametrize("name", NAMES)
async def test_a_card_is_read_as_a_page_that_may_reach_nothing(connect: Connect, name: str) -> None:
    """The page comes with the type of a card, and with no address that it may use."""
    async with connect() as client:
        (page,) = (await client.read_resource(f"ui://loyalty/{name}")).contents

    assert isinstance(page, types.TextResourceContents)
    assert (page.mime_type, page.text) == (APP_MIME_TYPE, card_html(name))
    assert page.meta is not None
    assert set(page.meta["ui"]["csp"]) == {
        *("connectDomains", "resourceDomains", "frameDomains", "baseUriDomains")
    }
    assert all(domains == [] for domains in page.meta["ui"]["csp"].values())


@pytest.mark.parametrize(
    "address", ["ui://loyalty/other", "ui://loyalty/../pages", "ui://loyalty/", "member"]
)
async def test_there_is_nothing_at_other_addresses(connect: Connect, address: str) -> None:
    """Only the three cards can be read."""
    async with connect() as client:
        with pytest.raises(MCPError, match="no such resource"):
            await client.read_resource(address)


@pytest.mark.parametrize(
    ("flags", "cards"),
    [
        ({}, {"member", "approval", "program"}),
        ({"role": "support", "read_only": True}, {"member"}),
        ({"role": "member", "member": "101"}, {"member"}),
    ],
)
async def test_hosts_that_show_cards_find_those_of_their_menu_listed(
    make_runtime: Callable[..., Runtime], mode: Mode, flags: dict[str, object], cards: set[str]
) -> None:
    """A card is listed where a tool of the menu has it."""
    async with Client(make_runtime(**flags).server(), mode=mode, extensions=SHOWS_CARDS) as client:
        listed = (await client.list_resources()).resources

    assert {item.name for item in listed if item.uri.startswith("ui:")} == cards


async def test_other_clients_are_listed_no_card(connect: Connect) -> None:
    """A client that shows no cards has no use for a page."""
    async with connect() as client:
        listed = (await client.list_resources()).resources

    assert [item for item in listed if item.uri.startswith("ui:")] == []


FENCE = re.compile(r"data [0-9a-f]{16}")
READS: dict[str, dict[str, object]] = {
    "get_member_overview": {"member": "101"},
    "explain_balance": {"member": "101", "balance": "Purchase Points"},
    "export_program": {},
    "get_unpublished_changes": {},
    "get_program_report": {"balance": "Purchase Points"},
    "plan_program": {"spec": {"program": {"name": "VIP Club", "description": "New."}}},
    "find_member": {"member": "101"},
}


def comparable(answer: types.CallToolResult) -> str:
    """All of an answer but the random names of its fences."""
    return FENCE.sub("data", answer.model_dump_json())


async def test_the_menu_and_the_answers_are_the_same_without_cards(
    make_runtime: Callable[..., Runtime], mode: Mode
) -> None:
    """A host that shows cards gets the same menu, texts and figures as one that does not."""
    server = make_runtime().server()
    async with (
        Client(server, mode=mode, extensions=SHOWS_CARDS) as cards,
        Client(server, mode=mode) as plain,
    ):
        menus = [(await client.list_tools()).model_dump() for client in (cards, plain)]
        assert menus[0]["tools"] == menus[1]["tools"]
        for tool, arguments in READS.items():
            await plain.call_tool(tool, arguments)  # the first answer tells of a fresh sandbox
            answers = [await client.call_tool(tool, arguments) for client in (cards, plain)]
            assert not answers[0].is_error
            assert comparable(answers[0]) == comparable(answers[1])


async def test_what_a_menu_has_of_cards_is_in_its_meta_alone(connect: Connect) -> None:
    """A host without cards that passes over `_meta` finds nothing of them in the menu."""
    async with connect() as client:
        menu = await client.list_tools()

    for tool in menu.tools:
        assert "ui://" not in tool.model_copy(update={"meta": None}).model_dump_json()
