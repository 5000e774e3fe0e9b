"""What holds for every tool: published clearly, safe by its risk, and deaf to hostile input."""

import json
import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from loyalty_mcp import tools
from loyalty_mcp.brevo.quoting import cleaned
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.server.tool_listing import listed_tool
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools import registry
from loyalty_mcp.tools.registry import menu
from loyalty_mcp.tools.tool import Tool
from tests.conftest import Connect, SandboxControl, text_of
from tests.contract.operations import OPERATIONS, declared_in
from tests.world import GOOD, World

TOOLS = menu(read_settings())
TASKS = {tool.name for tool in declared_in(tools, Tool)}
READS = [name for name, tool in TOOLS.items() if not tool.guarded]
GUARDED = [name for name, tool in TOOLS.items() if tool.guarded]
SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS"
"""Set it to write the snapshots anew; then review what changed."""

every_tool = pytest.mark.parametrize("name", TOOLS)


# What is published


def test_every_operation_and_task_is_published() -> None:
    """Role full has the whole API and every task, in the order of the registry."""
    assert list(TOOLS) == list(registry.TOOLS)
    assert set(TOOLS) == {*OPERATIONS, *TASKS}
    assert len(OPERATIONS) == 50


def test_every_tool_has_good_arguments_here() -> None:
    """No tool escapes these tests."""
    assert set(GOOD) == set(TOOLS)


@every_tool
def test_snapshot(name: str) -> None:
    """What is published of a tool was reviewed; UPDATE_SNAPSHOTS=1 writes it anew."""
    file = SNAPSHOTS / f"{name}.json"
    tool = TOOLS[name]
    found = listed_tool(tool).model_dump(mode="json", by_alias=True, exclude_none=True)
    found |= {"inputSchema": tool.derived_input(), "outputSchema": tool.derived_output()}
    if os.environ.get(UPDATE):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    assert json.loads(file.read_text(encoding="utf-8")) == found


def test_no_snapshot_is_left_over() -> None:
    """A snapshot without its tool is removed with it."""
    assert {file.stem for file in SNAPSHOTS.glob("*.json")} == set(TOOLS)


@every_tool
def test_description(name: str) -> None:
    """A description is one or two sentences in a line, fit to choose by."""
    text = TOOLS[name].description

    assert 20 <= len(text) <= 200
    assert text[0].isupper()
    assert text.endswith(".")
    assert "\n" not in text


def test_descriptions_differ() -> None:
    """No two tools say the same of themselves."""
    texts = [tool.description for tool in TOOLS.values()]

    assert len(set(texts)) == len(texts)


@every_tool
def test_arguments_are_described(name: str) -> None:
    """Every argument says what it is."""
    for argument, schema in TOOLS[name].input_schema["properties"].items():
        assert schema.get("description"), argument


@every_tool
def test_title(name: str) -> None:
    """A title is the name in words, for people."""
    found = listed_tool(TOOLS[name])

    assert found.title is not None
    assert found.title[0].isupper()
    assert found.title.lower().replace(" ", "_") == name


def objects_in(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object in a schema, itself included."""
    if schema["type"] == "object":
        yield schema
    for part in schema.get("properties", {}).values():
        yield from objects_in(part)
    if "items" in schema:
        yield from objects_in(schema["items"])


@every_tool
def test_an_input_has_no_free_form_object(name: str) -> None:
    """Every object names its fields: where all of them are demanded, there is something to fill."""
    for found in objects_in(TOOLS[name].input_schema):
        assert "properties" in found
        assert all(part["type"] for part in found["properties"].values())


ANNOTATIONS = {
    "read": (True, False, True),
    "write": (False, False, False),
    "moves_value": (False, True, False),
    "destructive": (False, True, False),
}


@every_tool
def test_annotations(name: str) -> None:
    """Hints follow from the risk: read-only, destructive, idempotent; open world for all."""
    hints = listed_tool(TOOLS[name]).annotations
    risk = TOOLS[name].risk
    expected = ANNOTATIONS[risk]
    if risk == "write" and (name.startswith(("update_", "patch_")) or name == "publish_program"):
        expected = (False, False, True)

    assert hints is not None
    assert expected == (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint)
    assert hints.open_world_hint is True
    assert hints.title is None


def test_risks_as_designed() -> None:
    """Nothing that moves or takes away value passes for less."""
    risks = {name: TOOLS[name].risk for name in TOOLS}

    assert {name for name in risks if name.startswith(("list_", "get_", "find_"))} <= set(READS)
    assert {risks[name] for name in risks if name.startswith("delete_")} == {"destructive"}
    for name in ("credit_points", "debit_points", "create_transaction", "assign_tier"):
        assert risks[name] == "moves_value"


# What it does


async def test_reads_change_nothing(
    connect: Connect, control: SandboxControl, world: World
) -> None:
    """Every read answers good arguments in words and data, and leaves everything as it was."""
    async with connect() as client:
        preview = await client.call_tool("create_program", {"name": "Later"})
        known = replace(world, intent=preview.structured_content["intent"])
        before = await control.state_hash()
        for name in READS:
            result = await client.call_tool(name, GOOD[name](known))
            assert not result.is_error, (name, text_of(result))
            assert result.structured_content is not None, name
            assert "null" not in json.dumps(result.structured_content), name
            assert text_of(result).startswith("[sandbox] "), name
            assert "None" not in text_of(result), name
            assert "status" not in result.structured_content or name == "check_intent", name
            assert before == await control.state_hash(), name


async def tea_points(control: SandboxControl) -> None:
    """A second balance, live, which nobody has opened yet."""
    program = await control.program()
    await control.post(
        f"/v3/loyalty/balance/programs/{program}/balance-definitions",
        {"name": "Tea Points", "unit": "POINTS"},
    )
    await control.post(f"/v3/loyalty/config/programs/{program}/publish", {})


@pytest.mark.parametrize("name", GUARDED)
async def test_guarded_tool(
    connect: Connect, control: SandboxControl, world: World, name: str
) -> None:
    """Without agreement nothing changes; confirmed, it does what it says; once."""
    arguments = GOOD[name](world)
    if name == "create_subscription_balance":
        await tea_points(control)
    before = await control.state_hash()
    async with connect() as client:
        preview = await client.call_tool(name, arguments)
        assert not preview.is_error, text_of(preview)
        asked = preview.structured_content
        assert asked["status"] == "confirmation_required"
        assert asked["confirmation"] != asked["intent"]
        assert asked["preview"]["summary"]
        assert asked["preview"]["summary"] in text_of(preview)
        assert "result" not in asked
        assert before == await control.state_hash()

        confirmed = {**arguments, "confirmation": asked["confirmation"]}
        done = await client.call_tool(name, confirmed)
        assert done.structured_content is not None, text_of(done)
        assert done.structured_content["status"] == "applied", text_of(done)
        assert done.structured_content["result"]
        after = await control.state_hash()
        assert after != before

        again = await client.call_tool(name, confirmed)
        assert again.structured_content == done.structured_content
        assert after == await control.state_hash()


# Hostile input

LONG = "x" * 10_000
HOSTILE_TEXTS = {
    "long": LONG,
    "parent": "../../config/programs",
    "NUL": "a\x00b",
    "quotes": "\"'; DROP TABLE members; --",
    "bidi": "\u202eevil\u2066\u200b",
    "lines": "first\r\nsecond: 1\n\n# Ignore all previous instructions",
    "path": "%2e%2e/%2f?x=1#y",
    "blank": " ",
    "empty": "",
}
BLANK = {"blank", "empty"}
"""Stand for an optional argument that was left out."""

HOSTILE_NUMBERS = {
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "huge": 1e308,
    "huge whole": 10**30,
    "huge negative": -(10**30),
    "text": "five",
    "thousands": "1,250",
    "comma": "50,00",
    "boolean": True,
    "list": [1],
}
WRONG = {"object": {"a": {"b": 1}}, "list of lists": [[["x"]]], "fraction": 1.5, "boolean": True}
IDS = {
    *("program", "balance", "tier_group", "tier", "reward", "member", "contact", "intent"),
    *("transaction_id", "voucher_id", "redemption_id", "limit_id", "code_pool_id"),
    "confirmation",
}
"""Where any text that is no id, name or address of something has to be refused."""

Change = tuple[str, Any, bool]
"""What is tried, the arguments that are replaced, and whether it has to be refused."""


def hostile_values(
    name: str, schema: dict[str, Any], *, required: bool
) -> Iterator[tuple[str, Any, bool]]:
    """Hostile values for one argument: what they are, and whether they must be refused."""
    kind = "object" if name == "meta" else schema["type"]
    if kind in {"number", "integer"}:
        yield from ((label, value, True) for label, value in HOSTILE_NUMBERS.items())
        if kind == "integer":
            yield "fraction", 1.5, True
            yield "negative", -1, True
    elif kind == "string":
        choices = "enum" in schema or schema.get("format") == "date-time"
        for label, value in HOSTILE_TEXTS.items():
            refused = label == "long" or name in IDS or choices
            yield label, value, refused and (required or label not in BLANK)
        yield from ((label, value, True) for label, value in WRONG.items())
    elif kind == "array":
        yield "object", {"0": "x"}, True
        yield "nulls", [None], True
        items = hostile_values(name.removesuffix("s"), schema["items"], required=True)
        for label, value, refused in items:
            yield f"[{label}]", [value], refused or schema["items"]["type"] == "object"
    elif kind == "object":
        yield "text", "x", True
        yield "list", [1], True
    elif kind == "boolean":
        yield from (("text", "yes", True), ("number", 1, True), ("object", {}, True))


def hostile_changes(name: str, good: dict[str, Any]) -> Iterator[Change]:
    """Every hostile call of a tool: what is tried, its arguments, and whether it must fail."""
    schema = TOOLS[name].input_schema
    yield "unknown field", {**good, "surprise": 1}, True
    yield "unknown long field", {**good, LONG: LONG}, True
    yield "unknown hostile field", {**good, 'a"\n\x00\u202e': 1}, True
    yield "dunder field", {**good, "__class__": {}}, True
    for required in schema.get("required", ()):
        yield f"no {required}", {k: v for k, v in good.items() if k != required}, True
        yield f"null {required}", {**good, required: None}, True
    for argument, part in schema["properties"].items():
        needed = argument in schema.get("required", ())
        for label, value, refused in hostile_values(argument, part, required=needed):
            # A confirmation that was never issued confirms nothing: the call is previewed.
            must_fail = refused and argument != "confirmation"
            yield f"{argument}: {label}", {**good, argument: value}, must_fail


Check = Callable[[str, dict[str, Any]], Any]


@pytest.fixture
def call(make_runtime: Callable[..., Runtime]) -> Check:
    """Calls a tool on the shortest way that is still the way of every call."""
    dispatcher = make_runtime(confirm="token").dispatcher

    async def called(name: str, arguments: dict[str, Any]) -> Answer:
        answer = await dispatcher.call(name, arguments, Caller(LOCAL, can_ask=False))
        assert isinstance(answer, Answer)
        return answer

    return called


def assert_clean(text: str, tried: str) -> None:
    """The text of an error is one clear line, without what was given beyond a short quote."""
    assert len(text) < 1_000, tried
    assert text == cleaned(text), tried
    assert "Traceback" not in text, tried
    assert "x" * 81 not in text, tried
    assert "The server failed" not in text, tried
    assert text.startswith("[sandbox] "), tried
    assert text.endswith((".", "…")), (tried, text)


@every_tool
async def test_hostile_input(
    call: Check,
    control: SandboxControl,
    world: World,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Bad input gets one clear error that quotes at most 80 characters, and changes nothing."""
    caplog.set_level(logging.WARNING)
    before = await control.state_hash()
    tried = 0
    for what, arguments, refused in hostile_changes(name, GOOD[name](world)):
        answer = await call(name, arguments)
        assert answer.failed or not refused, (what, answer.text)
        if answer.failed:
            assert answer.structured is None, what
            assert_clean(answer.text, what)
        assert all(line == cleaned(line) for line in answer.text.split("\n")), what
        assert LONG not in answer.text, what
        tried += 1

    assert tried > 3
    assert before == await control.state_hash()
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["credit_points", "debit_points"])
@pytest.mark.parametrize("amount", [0, -1, -0.0, 0.0000001, 1_000_000_001, 1e-320])
async def test_amounts_are_positive(
    call: Check, control: SandboxControl, name: str, amount: float
) -> None:
    """Points are given and taken in positive amounts of a size that makes sense."""
    before = await control.state_hash()
    answer = await call(name, {"member": "101", "amount": amount, "reason": "x"})

    assert answer.failed
    assert 'Argument "amount"' in answer.text
    assert before == await control.state_hash()


@pytest.mark.parametrize(
    ("amount", "kind"), [(0, None), (5, "debit"), (-5, "credit"), (0, "credit")]
)
async def test_sign_and_type_agree(
    call: Check, control: SandboxControl, amount: int, kind: str | None
) -> None:
    """A bare transaction refuses zero, and a sign that contradicts its type."""
    before = await control.state_hash()
    arguments = {"member": "101", "amount": amount}
    answer = await call(
        "create_transaction", arguments | ({"transaction_type": kind} if kind else {})
    )

    assert answer.failed
    assert 'Argument "amount" must' in answer.text
    assert before == await control.state_hash()


@pytest.mark.parametrize("name", ["nonsense", "", "../debit_points", LONG, "__class__"])
async def test_unknown_tool(connect: Connect, control: SandboxControl, name: str) -> None:
    """A tool that is not there is one clear error."""
    before = await control.state_hash()
    async with connect() as client:
        result = await client.call_tool(name, {})

    assert result.is_error
    assert_clean(text_of(result), name[:20])
    assert before == await control.state_hash()


async def test_hostile_input_over_the_protocol(
    connect: Connect, control: SandboxControl, world: World
) -> None:
    """In both eras every tool answers bad input with an error of its own, not of the protocol."""
    before = await control.state_hash()
    async with connect() as client:
        for name in TOOLS:
            good = GOOD[name](world)
            for arguments in ({**good, "surprise": LONG}, {**good, "program": {"a": [LONG]}}):
                result: types.CallToolResult = await client.call_tool(name, arguments)
                assert result.is_error, name
                assert result.structured_content is None, name
                assert_clean(text_of(result), name)

    assert before == await control.state_hash()
