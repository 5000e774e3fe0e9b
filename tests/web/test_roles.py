"""Which tools each kind of token gets, and that a bound token reaches one member only."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from loyalty_mcp.intents.roles import MEMBER_TOOLS, SUPPORT_TOOLS, Role
from loyalty_mcp.tools.registry import TOOLS, in_role, reaches_one
from tests.conftest import SandboxControl, text_of
from tests.web.conftest import RunningServer, Serve
from tests.world import GOOD, fill

KINDS: Final[dict[str, dict[str, Any]]] = {
    "member": {"role": "member", "member": "101"},
    "support": {"role": "support"},
    "support of 101": {"role": "support", "member": "101"},
    "manager": {"role": "manager"},
    "full": {"role": "full"},
    "full of 101": {"role": "full", "member": "101"},
    "operator": {"role": "support", "operator": True},
}
OTHERS: Final = ("102", "own:VIP-102", "+33600000102", "member102@example.com")


def expected(kind: str) -> set[str]:
    """The tools a kind of token should get."""
    role = Role(KINDS[kind]["role"])
    bound = "member" in KINDS[kind] and role != "member"
    return {
        name
        for name, tool in TOOLS.items()
        if in_role(name, role) and (not bound or reaches_one(tool))
    }


async def test_each_token_gets_the_tools_of_its_role(server: RunningServer) -> None:
    """Each kind of token lists the tools of its role, and every other tool is refused."""
    tokens = {
        kind: await server.token(kind.replace(" ", "-"), **how) for kind, how in KINDS.items()
    }
    listed: dict[str, set[str]] = {}
    for kind, token in tokens.items():
        async with server.client(token) as client:
            listed[kind] = {tool.name for tool in (await client.list_tools()).tools}
            for name in sorted(set(TOOLS) - listed[kind]):
                refused = await client.call_tool(name, {})
                assert refused.is_error
                assert "There is no such tool here" in text_of(refused)

    print(table(listed))  # noqa: T201 - the matrix, shown with -rP
    assert listed == {kind: expected(kind) for kind in KINDS}
    assert listed["member"] == set(MEMBER_TOOLS)
    assert listed["support"] == set(SUPPORT_TOOLS) == listed["operator"]
    assert listed["full"] == set(TOOLS)
    assert len(listed["member"]) <= 7
    assert len(listed["support"]) <= 22


def table(listed: dict[str, set[str]]) -> str:
    """A table of tools and kinds of token: `x` is listed, `.` is refused."""
    lines = [f"{'':32}" + "  ".join(listed)]
    for name in TOOLS:
        marks = [("x" if name in names else ".").ljust(len(kind)) for kind, names in listed.items()]
        lines.append(f"{name:32}" + "  ".join(marks))
    return "\n".join(lines)


class Sent:
    """Records the requests sent upstream."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def __call__(self, request: httpx2.Request) -> None:
        """Record one request."""
        self.requests.append(f"{request.method} {request.url} {request.content!r}")

    def mentions(self, text: str) -> list[str]:
        """The requests that contain a text, other than as the start of an id."""
        return [
            item for item in self.requests if re.search(rf"{re.escape(text)}(?![0-9a-f])", item)
        ]


@pytest.fixture
async def server(serve: Serve) -> AsyncIterator[RunningServer]:
    """A server that asks for no confirmation and lets one caller try every tool."""
    async with serve(confirm="off", max_calls_per_minute=100_000, budget_share=100) as found:
        yield found


@pytest.mark.parametrize("kind", ["member", "support of 101", "full of 101"])
async def test_a_bound_token_reaches_no_other_member(
    server: RunningServer, control: SandboxControl, kind: str
) -> None:
    """No argument of any tool lets a bound token reach another member."""
    await control.post("/sandbox/switches", {"rate_limit": 0})
    world = await fill(control)
    token = await server.token("kim", **KINDS[kind])
    sent = Sent()
    server.upstream_hooks.append(sent)
    program = await control.program()
    before = {member: await control.balance(member) for member in (102, 103, 105)}
    async with server.client(token) as client:
        for listed in (await client.list_tools()).tools:
            names = list(listed.input_schema.get("properties", {}))
            assert not {"member", "members", "contact"}.intersection(names)
            people = {*names, "member", "contact", "contact_id", "members", "caller"}
            good: dict[str, Any] = {}
            if "member" in TOOLS[listed.name].parameters:
                good = {k: v for k, v in GOOD[listed.name](world).items() if k in names}
                await client.call_tool(listed.name, good)
                assert sent.mentions("101")
            for name in people - {"limit_id", "code_pool_id"}:
                for other in OTHERS:
                    await client.call_tool(listed.name, {**good, name: other})

    assert not sent.mentions("/102")
    assert not sent.mentions('"contactId": 102')
    assert not sent.mentions("contactId=102")
    assert before == {member: await control.balance(member, program) for member in before}


async def test_another_members_voucher_is_not_revealed(
    server: RunningServer, control: SandboxControl
) -> None:
    """A member cannot find out whether another member's voucher is valid."""
    world = await fill(control)
    token = await server.token("kim", "member", member="101")
    async with server.client(token) as client:
        for given in ({"voucher_id": world.voucher}, {"voucher_id": world.redemption}):
            found = await client.call_tool("validate_voucher", given)
            assert found.is_error or found.structured_content == {"authorize": False}


@pytest.mark.parametrize("other", ["102", "own:VIP-102", "member102%40example.com"])
async def test_another_members_resource_cannot_be_read(server: RunningServer, other: str) -> None:
    """A bound token reads its own member's resource and no other."""
    token = await server.token("kim", "member", member="101")
    async with server.client(token) as client:
        own = await client.read_resource("loyalty://programs/VIP%20Club/members/101")
        assert own.contents
        with pytest.raises(MCPError):
            await client.read_resource(f"loyalty://programs/VIP%20Club/members/{other}")
        assert not [p for p in (await client.list_prompts()).prompts if "complaint" in p.name]


async def test_two_members_each_see_themselves(server: RunningServer) -> None:
    """Two members connected at the same time each see their own overview."""
    tokens = {
        member: await server.token(f"m{member}", "member", member=str(member))
        for member in (101, 102)
    }
    async with AsyncExitStack() as stack:
        clients = {
            member: await stack.enter_async_context(server.client(token))
            for member, token in tokens.items()
        }
        for _ in range(3):
            for member, client in clients.items():
                found = await client.call_tool("get_member_overview", {})
                assert found.structured_content is not None
                assert found.structured_content["member"] == member


async def test_a_pinned_server_refuses_other_members(serve: Serve) -> None:
    """A server pinned to one member refuses a token of another."""
    async with serve(member="101") as server:
        same = await server.token("same", "member", member="101")
        other = await server.token("other", "member", member="102")
        anybody = await server.token("anybody", "support")
        for token in (same, anybody):
            async with server.client(token) as client:
                found = await client.call_tool("get_member_overview", {})
                assert found.structured_content is not None
                assert found.structured_content["member"] == 101
        async with server.http(other) as http:
            assert (await http.post("/mcp")).status_code == 403


async def test_a_token_gives_no_more_than_the_settings(serve: Serve) -> None:
    """Read-only, excluded tools and a smaller role in the settings bound every token."""
    async with serve(read_only=True, exclude_tools="list_tiers") as server:
        token = await server.token("boss", "full")
        async with server.client(token) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
    assert names
    assert all(TOOLS[name].risk == "read" for name in names)
    assert "list_tiers" not in names
    async with serve(role="support") as server:
        token = await server.token("chief", "full")
        async with server.client(token) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == set(SUPPORT_TOOLS)
