"""Internal balances and tier groups: for role `member` they do not exist, whatever it asks."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette

from loyalty_mcp.sandbox import seed
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.server.resources import PROGRAM_TEMPLATE
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import menu
from tests.conftest import Connect, SandboxControl, text_of
from tests.world import BALANCE, CONFIG, OFFER

MEMBER: Final = "101"
TOOLS: Final = menu(read_settings(role="member", member=MEMBER))
HIDDEN: Final = ("Zebra", "Quagga", "Okapi")
"""Words that are only in names of what is internal: a balance, a tier group, its tier."""

MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[0-9:.]*( UTC|Z|\+00:00)")


@dataclass(frozen=True)
class Internal:
    """Ids of what is internal in the seeded program."""

    program: str
    balance: str
    tier_group: str
    tier: str


@pytest.fixture
async def internal(control: SandboxControl) -> Internal:
    """An internal balance and an internal tier group, in which member 101 holds something."""
    program = await control.program()
    groups = f"/v3/loyalty/tier/programs/{program}/tier-groups"
    mark = {"meta": {"isInternal": True}}
    definition = {"name": "Zebra Score", "unit": "POINTS", **mark}
    balance = (await control.post(f"{BALANCE}/{program}/balance-definitions", definition))["id"]
    group = (await control.post(groups, {"name": "Quagga Risk", **mark}))["id"]
    entry = [{"balanceDefinitionId": balance, "minimumValue": 0}]
    tier = await control.post(
        f"{groups}/{group}/tiers", {"name": "Okapi", "accessConditions": entry}
    )
    await control.post(f"{CONFIG}/{program}/publish", {})
    await control.post(
        f"{BALANCE}/{program}/transactions",
        {
            "contactId": int(MEMBER),
            "balanceDefinitionId": balance,
            "amount": 33,
            "autoComplete": True,
        },
    )
    return Internal(program, balance, group, tier["tierId"])


@dataclass(frozen=True)
class Pair:
    """The same member's assistant, where something is internal and where there is no such thing."""

    internal: Internal
    with_it: Client
    without_it: Client


@pytest.fixture
async def pair(
    sandbox: Starlette,
    internal: Internal,
    beginning: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Pair]:
    """Two servers whose engines began alike."""
    with monkeypatch.context() as copied:
        copied.setattr(seed, "fill_seed", lambda _: None)
        plain = create_app()
    beginning.backup(plain.state.store._connection)
    role = read_settings(role="member", member=MEMBER, program="VIP Club")
    one, other = compose(role, sandbox), compose(role, plain)
    async with Client(one.server()) as with_it, Client(other.server()) as without_it:
        yield Pair(internal, with_it, without_it)
    plain.state.store.close()


async def call(client: Client, name: str, arguments: dict[str, Any]) -> str:
    """All that a tool answers; moments apart, which differ with the run."""
    answer = await client.call_tool(name, arguments)
    return MOMENT.sub("MOMENT", json.dumps(answer.model_dump(mode="json"), sort_keys=True))


SAID: Final = ("Zebra Score", "zebra score", "Quagga Risk", "Okapi", "Zebr", "balance id")
said = st.sampled_from((*SAID, "tier id", "Purchase Points", "", "Gold", "active", "draft", 2))
calls = st.sampled_from(sorted(TOOLS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.dictionaries(st.sampled_from([*TOOLS[name].arguments.model_fields, "x"]), said),
    )
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=calls)
async def test_every_call_is_answered_as_if_it_did_not_exist(
    pair: Pair, asked: tuple[str, dict[str, Any]]
) -> None:
    """Whatever a tool is asked, a program with internal parts answers like one without them."""
    name, arguments = asked
    ids = {"balance id": pair.internal.balance, "tier id": pair.internal.tier}
    arguments = {key: ids.get(value, value) for key, value in arguments.items()}

    assert await call(pair.with_it, name, arguments) == await call(pair.without_it, name, arguments)


async def test_good_calls_are_answered_as_if_it_did_not_exist(pair: Pair) -> None:
    """Every tool with a member's own arguments answers without a trace of what is internal."""
    for name, tool in TOOLS.items():
        arguments: dict[str, Any] = {}
        if "include" in tool.parameters:
            arguments["include"] = ["movements"]
        if name == "validate_voucher":
            arguments["code"] = "NONE"
        found = await call(pair.with_it, name, arguments)

        assert found == await call(pair.without_it, name, arguments)
        assert ('"is_error": false' in found) == (name != "validate_voucher"), found


async def test_resources_are_those_of_a_program_without_it(pair: Pair) -> None:
    """The pages of the program and of the member name nothing that is internal."""
    program = PROGRAM_TEMPLATE.format(program="VIP%20Club")
    for address in (program, f"{program}/members/{MEMBER}"):
        pages = [
            MOMENT.sub("MOMENT", page_text(await client.read_resource(address)))
            for client in (pair.with_it, pair.without_it)
        ]
        assert pages[0] == pages[1]
        assert "Purchase Points" in pages[0]
    listed = [await client.list_resources() for client in (pair.with_it, pair.without_it)]
    assert [str(each.uri) for each in listed[0].resources] == [
        str(each.uri) for each in listed[1].resources
    ]


def page_text(result: types.ReadResourceResult) -> str:
    """The text of a resource."""
    (page,) = result.contents
    assert isinstance(page, types.TextResourceContents)
    return page.text


@pytest.mark.parametrize("kind", ["balance", "tier", "tier_group", "reward", "program", "member"])
@pytest.mark.parametrize("typed", ["", "z", "Q", "okapi", "Zebra Score"])
async def test_completion_offers_nothing_internal(pair: Pair, kind: str, typed: str) -> None:
    """A completion offers the names that a program without internal parts has."""
    offered = []
    for client in (pair.with_it, pair.without_it):
        reference = types.ResourceTemplateReference(uri=PROGRAM_TEMPLATE)
        argument = {"name": kind, "value": typed}
        offered.append((await client.complete(reference, argument)).completion.values)

    assert offered[0] == offered[1]


async def test_prompts_name_nothing_internal(pair: Pair) -> None:
    """The prompts of the role are the same text in both programs."""
    for prompt in (await pair.with_it.list_prompts()).prompts:
        given_ = {argument.name: "Zebra?" for argument in prompt.arguments or ()}
        texts = [
            str((await client.get_prompt(prompt.name, given_)).messages)
            for client in (pair.with_it, pair.without_it)
        ]
        mark = re.compile("data [0-9a-f]{16}")
        assert mark.sub("", texts[0]) == mark.sub("", texts[1])


async def test_an_address_by_a_hidden_id_is_no_resource(pair: Pair) -> None:
    """The id of an internal balance leads nowhere."""
    for address in (
        f"loyalty://programs/{pair.internal.balance}",
        f"loyalty://programs/VIP%20Club/members/own:{pair.internal.balance}",
    ):
        with pytest.raises(MCPError) as refused:
            await pair.with_it.read_resource(address)
        assert "Zebra" not in str(refused.value)


# Drafts


async def test_what_is_only_a_draft_does_not_exist(pair: Pair, control: SandboxControl) -> None:
    """A reward, a tier and a balance that are not published yet are shown and found nowhere."""
    program = pair.internal.program
    names = {"name": "Narwhal", "unit": "POINTS"}
    await control.post(f"{BALANCE}/{program}/balance-definitions", names)
    await control.post(f"{OFFER}/{program}/offers", {"name": "Narwhal"})
    await control.post(f"/v3/loyalty/tier/programs/{program}/tier-groups", {"name": "Narwhal"})
    client = pair.with_it

    for name in TOOLS:
        assert "Narwhal" not in await call(client, name, {})
    refused = await call(client, "list_transaction_history", {"balance": "narwhal"})
    assert "Nearest" not in refused or "Narwhal" not in refused.split("Nearest")[1]
    for kind in ("balance", "tier_group", "reward"):
        reference = types.ResourceTemplateReference(uri=PROGRAM_TEMPLATE)
        argument = {"name": kind, "value": "nar"}
        assert (await client.complete(reference, argument)).completion.values == []


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_no_tool_of_a_member_takes_a_version(name: str) -> None:
    """Which version is read is not an argument for a member's assistant."""
    assert "version" not in TOOLS[name].input_schema["properties"]


# What is public and depends on it


@pytest.fixture
async def platinum(control: SandboxControl, internal: Internal) -> None:
    """A public tier that asks for the internal balance beside the public one."""
    definitions = f"{BALANCE}/{internal.program}/balance-definitions?version=active"
    groups = f"/v3/loyalty/tier/programs/{internal.program}/tier-groups"
    visible = next(
        each["id"]
        for each in (await control.get(definitions))["items"]
        if each["name"] == "Purchase Points"
    )
    public = next(
        each["id"] for each in (await control.get(groups))["items"] if each["name"] == "Status"
    )
    conditions = [
        {"balanceDefinitionId": visible, "minimumValue": 900},
        {"balanceDefinitionId": internal.balance, "minimumValue": 40},
    ]
    body = {"name": "Platinum", "accessConditions": conditions}
    await control.post(f"{groups}/{public}/tiers", body)
    await control.post(f"{CONFIG}/{internal.program}/publish", {})


@pytest.mark.usefixtures("platinum")
async def test_a_public_tier_keeps_its_hidden_threshold(
    connect: Connect, internal: Internal
) -> None:
    """A tier that asks for an internal balance is shown, and of that threshold only that it is."""
    async with connect(role="member", member="103") as client:
        overview = await client.call_tool("get_member_overview", {})
        tiers = await client.call_tool("list_tiers", {})
    everything = f"{overview.model_dump(mode='json')}{tiers.model_dump(mode='json')}"

    assert 'To "Platinum": 280 points of "Purchase Points" missing.' in text_of(overview)
    conditions = next(
        each["access_conditions"]
        for each in (tiers.structured_content or {})["items"]
        if each["name"] == "Platinum"
    )
    assert [each.get("minimum_value") for each in conditions] == [900, None]
    for secret in (*HIDDEN, internal.balance, internal.tier_group, internal.tier):
        assert secret not in everything


@pytest.mark.usefixtures("platinum")
async def test_support_sees_it_marked(connect: Connect) -> None:
    """Support is told what is internal; a balance has a mark that says so."""
    async with connect(role="support") as client:
        result = await client.call_tool("get_member_overview", {"member": MEMBER})
    found = result.structured_content or {}

    assert '"Zebra Score" (internal): 33 points.' in text_of(result)
    assert 'Tier ("Quagga Risk"): "Okapi". No higher tier.' in text_of(result)
    marks = {each["balance"]: each.get("internal") for each in found["balances"]}
    assert marks == {"Purchase Points": None, "Zebra Score": True}


@pytest.mark.usefixtures("internal")
async def test_a_preview_for_support_marks_a_hidden_balance(connect: Connect) -> None:
    """Who is asked to agree sees that the member does not see this balance."""
    async with connect(role="support", confirm="token") as client:
        asked = {"member": MEMBER, "balance": "Zebra Score", "amount": 7, "reason": "Risk review"}
        preview = text_of(await client.call_tool("credit_points", asked))

    assert 'Credit 7 points to "Zebra Score" (internal) of member 101' in preview
