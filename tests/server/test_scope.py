"""What a server shows: by role, pins, read-only and lists; and no way out of it."""

import json
from collections.abc import Callable
from typing import Any, Final

import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from loyalty_mcp.cli.menu_size import count_tokens
from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.roles import Role, definition_of
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import TOOLS, menu
from tests.conftest import Connect, SandboxControl, text_of
from tests.world import GOOD, World

MEMBER: Final = {
    *("get_member_overview", "list_transaction_history", "list_vouchers", "list_rewards"),
    *("list_tiers", "validate_voucher"),
}
SUPPORT: Final = {
    *MEMBER,
    *("find_member", "explain_balance", "credit_points", "debit_points", "reverse_transaction"),
    *("cancel_transaction", "enroll_member", "create_voucher", "redeem_for_member"),
    *("revoke_vouchers", "assign_tier", "bulk_change", "get_server_status", "check_intent"),
}
MANAGER: Final = {
    *("list_programs", "create_program", "get_program", "update_program", "patch_program"),
    *("delete_program", "publish_program"),
    *("list_balance_definitions", "create_balance_definition", "get_balance_definition"),
    *("update_balance_definition", "delete_balance_definition"),
    *("create_balance_limit", "get_balance_limit", "update_balance_limit", "delete_balance_limit"),
    *("create_tier_group", "list_tier_groups", "get_tier_group", "update_tier_group"),
    *("delete_tier_group", "create_tier", "list_tiers", "update_tier", "delete_tier"),
    *("get_code_count", "list_rewards", "create_reward", "get_reward"),
    *("plan_program", "apply_program", "export_program", "get_unpublished_changes"),
    *("find_member", "find_members", "get_program_report", "get_member_overview"),
    *("list_contact_balances", "get_server_status", "check_intent"),
}
FULL: Final = set(TOOLS)
ROLES: Final[dict[Role, set[str]]] = {
    Role.MEMBER: MEMBER,
    Role.SUPPORT: SUPPORT,
    Role.MANAGER: MANAGER,
    Role.FULL: FULL,
}
OWN: Final = "101"
OTHER: Final = "102"
NAMES_OF_OTHERS: Final = (OTHER, "own:VIP-102", "VIP-102", "bruno.marchetti@example.com")


def flags(role: Role) -> dict[str, Any]:
    """The settings of a role; role member serves member 101."""
    return {"role": role, **({"member": OWN} if role == "member" else {})}


async def names(client: Client) -> list[str]:
    """The published tools."""
    return [tool.name for tool in (await client.list_tools()).tools]


# Roles


@pytest.mark.parametrize("role", Role)
async def test_role(connect: Connect, role: Role) -> None:
    """Each role publishes its own tools, no more and no less."""
    async with connect(**flags(role)) as client:
        found = await names(client)

    assert set(found) == ROLES[role]
    assert len(found) == len(ROLES[role])


def test_roles_are_small() -> None:
    """A member's assistant has at most 7 tools, all reads; support at most 22."""
    member = menu(read_settings(role="member", member=OWN))

    assert len(member) <= 7
    assert all(tool.risk == "read" for tool in member.values())
    assert len(menu(read_settings(role="support"))) <= 22


async def test_a_tool_of_another_role_is_not_there(connect: Connect) -> None:
    """Calling what a role does not publish is answered as what does not exist."""
    async with connect(role="support") as client:
        result = await client.call_tool("delete_program", {"program": "VIP Club"})

    assert result.is_error
    assert "no such tool" in text_of(result)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.MEMBER])
async def test_read_only(connect: Connect, role: Role) -> None:
    """Read-only, only what reads is published, and naming a tool that writes does not help."""
    reads = {name for name in ROLES[role] if menu(read_settings())[name].risk == "read"}
    async with connect(role=role, read_only=True) as client:
        assert set(await names(client)) == reads
        for tool in (await client.list_tools()).tools:
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
        for name in sorted(ROLES[role] - reads):
            assert (await client.call_tool(name, {})).is_error
    assert set(menu(read_settings(read_only=True, tools="credit_points,list_tiers"))) == {
        "list_tiers"
    }


@pytest.mark.parametrize("role", Role)
async def test_the_list_is_the_same_for_every_connection(
    make_runtime: Callable[..., Runtime], role: Role
) -> None:
    """What a server shows depends on the authorisation alone: not on era, client or calls."""
    made = make_runtime(**flags(role))
    lists = []
    for mode in ("auto", "legacy", "auto"):
        async with Client(made.server(), mode=mode) as client:
            lists.append((await client.list_tools()).model_dump(mode="json")["tools"])
            await client.call_tool("list_tiers", {})
            lists.append((await client.list_tools()).model_dump(mode="json")["tools"])

    assert all(found == lists[0] for found in lists)


# Lists


async def test_only_the_tools_named(connect: Connect) -> None:
    """LOYALTY_MCP_TOOLS is all that is published; LOYALTY_MCP_EXCLUDE_TOOLS takes away from it."""
    wanted = "list_tiers,list_rewards,credit_points"
    async with connect(tools=wanted, exclude_tools="list_rewards") as client:
        assert set(await names(client)) == {"list_tiers", "credit_points"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "support", "tools": "delete_program"},
        {"tools": "credit_point"},
        {"exclude_tools": "credit_point"},
    ],
)
def test_wrong_lists_refuse_to_start(wrong: dict[str, Any]) -> None:
    """A name that is no tool, or not of the role, stops the start and is named."""
    with pytest.raises(BadSetting, match=r"LOYALTY_MCP_(EXCLUDE_)?TOOLS names "):
        menu(read_settings(**wrong))


# Program pin


@pytest.fixture
async def second(control: SandboxControl) -> str:
    """A second program, with a balance and a tier of its own, live."""
    program = (await control.post("/v3/loyalty/config/programs", {"name": "Tea Club"}))["id"]
    await control.post(
        f"/v3/loyalty/balance/programs/{program}/balance-definitions",
        {"name": "Leaves", "unit": "POINTS"},
    )
    await control.post(f"/v3/loyalty/config/programs/{program}/publish", {})
    await control.post(
        f"/v3/loyalty/config/programs/{program}/subscriptions", {"contactId": int(OTHER)}
    )
    return str(program)


@pytest.mark.parametrize("role", Role)
def test_a_pinned_program_is_no_argument(role: Role) -> None:
    """With a program pinned, the parameter disappears from every tool and cannot be given."""
    for tool in menu(read_settings(program="VIP Club", **flags(role))).values():
        assert "program" not in tool.input_schema["properties"], tool.name
        assert "program" not in tool.input_schema.get("required", ()), tool.name
        assert "program" not in tool.arguments.model_fields, tool.name


async def test_a_pinned_program_cannot_be_left(
    connect: Connect, control: SandboxControl, second: str
) -> None:
    """Neither an argument, nor a spec, nor a resource, nor a completion shows another program."""
    before = await control.state_hash()
    async with connect(program="vip club") as client:
        for name in sorted(FULL):
            arguments = {"program": "Tea Club"}
            assert (await client.call_tool(name, arguments)).is_error, name
        for name in ("plan_program", "apply_program"):
            spec = {"spec": {"program": {"name": "Tea Club"}}}
            assert (await client.call_tool(name, spec)).is_error, name
        rewards = await client.call_tool("list_balance_definitions", {})
        assert "Leaves" not in text_of(rewards)
        listed = (await client.list_resources()).resources
        assert [str(item.uri) for item in listed] == ["loyalty://programs/VIP%20Club"]
        for address in (
            "loyalty://programs/Tea%20Club",
            f"loyalty://programs/{second}",
            f"loyalty://programs/{second}/members/{OTHER}",
            f"loyalty://programs/VIP%20Club/../{second}",
        ):
            with pytest.raises(MCPError):
                await client.read_resource(address)
        assert "Tea Club" not in str(await completed(client, "program", ""))
        leaves = await completed(client, "balance", "", program="Tea Club")
        assert "Leaves" not in str(leaves)

    assert before == await control.state_hash()


async def completed(client: Client, kind: str, typed: str, **known: str) -> list[str]:
    """What is offered for an argument of a resource."""
    reference = types.ResourceTemplateReference(
        type="ref/resource", uri="loyalty://programs/{program}/members/{member}"
    )
    found = await client.complete(
        reference, {"name": kind, "value": typed}, context_arguments=known or None
    )
    return list(found.completion.values)


# Member pin


def belongs_to_other(result: types.CallToolResult) -> bool:
    """Whether an answer shows anything of another member."""
    shown = f"{text_of(result)}{json.dumps(result.structured_content)}"
    return any(word in shown for word in ("VIP-102", "Bruno", "Marchetti", "393331000102"))


@pytest.mark.parametrize("role", Role)
async def test_a_pinned_member_is_no_argument(
    connect: Connect, control: SandboxControl, world: World, role: Role
) -> None:
    """With a member pinned, no tool takes one, and none that is published shows another."""
    before = await control.state_hash()
    settings = {"role": role, "member": OWN}
    tools = menu(read_settings(**settings))
    async with connect(confirm="token", **settings) as client:
        for name, tool in tools.items():
            assert "member" not in tool.input_schema["properties"], name
            good = {key: value for key, value in GOOD[name](world).items() if key != "member"}
            for other in NAMES_OF_OTHERS:
                for field in ("member", "contact_id", "own_id", "contact"):
                    result = await client.call_tool(name, {**good, field: other})
                    if field not in tool.input_schema["properties"]:
                        assert result.is_error, (name, field)
                    assert result.is_error or not belongs_to_other(result), (name, field)

    assert before == await control.state_hash()


async def test_a_pinned_member_cannot_be_left(
    connect: Connect, control: SandboxControl, world: World
) -> None:
    """A member's assistant sees its member alone: by tool, resource, prompt and completion."""
    before = await control.state_hash()
    async with connect(role="member", member=OWN) as client:
        for name in sorted(MEMBER):
            given = {key: value for key, value in GOOD[name](world).items() if key != "member"}
            result = await client.call_tool(name, given)
            assert not belongs_to_other(result), name
        overview = await client.call_tool("get_member_overview", {})
        assert (overview.structured_content or {})["member"] == int(OWN)
        for other in (*NAMES_OF_OTHERS, "%31%30%32", "0102"):
            with pytest.raises(MCPError):
                await client.read_resource(f"loyalty://programs/VIP%20Club/members/{other}")
        own = await client.read_resource(f"loyalty://programs/VIP%20Club/members/{OWN}")
        assert "Member 101" in str(own.contents[0])
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == [
            "answer_member"
        ]
        with pytest.raises(MCPError):
            await client.get_prompt("resolve_complaint", {"member": OTHER, "complaint": "x"})
        for typed in ("", "1", "102", "VIP"):
            assert await completed(client, "member", typed) == []

    assert before == await control.state_hash()


async def test_a_voucher_of_another_is_not_told_of(connect: Connect, world: World) -> None:
    """A pinned member learns of another's voucher neither by its id nor by its code."""
    async with connect(role="member", member=OWN) as client:
        by_id = await client.call_tool("validate_voucher", {"voucher_id": world.voucher})
    found = by_id.structured_content or {}

    assert by_id.is_error or found["authorize"] is False


# Resources, prompts and completion


async def test_resources(connect: Connect) -> None:
    """Programs and members can be attached as pages of text."""
    async with connect() as client:
        addresses = [str(item.uri) for item in (await client.list_resources()).resources]
        offered = (await client.list_resource_templates()).resource_templates
        pages = [
            (await client.read_resource(address)).contents[0]
            for address in [*addresses, "loyalty://programs/VIP%20Club/members/102"]
        ]

    assert addresses == ["loyalty://programs", "loyalty://programs/VIP%20Club"]
    assert [item.uri_template for item in offered] == [
        "loyalty://programs/{program}",
        "loyalty://programs/{program}/members/{member}",
    ]
    texts = [page.text for page in pages if isinstance(page, types.TextResourceContents)]
    assert all(text.startswith("[sandbox] ") for text in texts)
    assert '"VIP Club", active' in texts[0]
    assert 'Tier "Silver": from 300 points' in texts[1]
    assert '"Purchase Points": 135 points' in texts[2]


PROMPTS_OF: Final[dict[Role, set[str]]] = {
    Role.MEMBER: {"answer_member"},
    Role.SUPPORT: {"answer_member", "resolve_complaint"},
    Role.MANAGER: {"set_up_program"},
    Role.FULL: {"answer_member", "resolve_complaint", "set_up_program"},
}


@pytest.mark.parametrize("role", Role)
async def test_prompts(connect: Connect, role: Role) -> None:
    """Each role begins with its own prompts, and each names only tools that the role has."""
    async with connect(**flags(role)) as client:
        offered = (await client.list_prompts()).prompts
        assert {prompt.name for prompt in offered} == PROMPTS_OF[role]
        for prompt in offered:
            given = {item.name: "something" for item in prompt.arguments or ()}
            (message,) = (await client.get_prompt(prompt.name, given)).messages
            assert isinstance(message.content, types.TextContent)
            named = {name for name in FULL if name in message.content.text.split("as data:")[0]}
            assert named <= ROLES[role], prompt.name


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("program", "", ["VIP Club"]),
        ("balance", "purch", ["Purchase Points"]),
        ("tier", "", ["Bronze", "Silver", "Gold"]),
        ("tier", "S", ["Silver"]),
        ("reward", "free", ["free-coffee"]),
        ("reward", "x", []),
        ("nonsense", "", []),
    ],
)
async def test_completion(connect: Connect, kind: str, typed: str, expected: list[str]) -> None:
    """Names are offered that begin as typed, whatever the case."""
    async with connect() as client:
        assert await completed(client, kind, typed, program="VIP Club") == expected


# Instructions


@pytest.mark.parametrize("role", Role)
async def test_instructions(connect: Connect, role: Role) -> None:
    """Every client is given the instructions of the role, short, naming only what it has."""
    async with connect(**flags(role)) as client:
        instructions = client.instructions or ""

    assert instructions == definition_of(role).instructions
    assert 0 < count_tokens(instructions) < 300
    assert {name for name in FULL if name in instructions} <= ROLES[role]
