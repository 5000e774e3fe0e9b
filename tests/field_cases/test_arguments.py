"""Field cases C1 to C8 and C30: arguments as clients and models send them."""

from typing import Any

import pytest
from mcp import Client

from tests.conftest import Connect, SandboxControl, text_of
from tests.field_cases.conftest import agreed, answer_of, refusal_of

CREDIT: dict[str, Any] = {"member": "101", "amount": 50, "reason": "Order"}
SPEC: dict[str, Any] = {
    "program": {"name": "Tea Club"},
    "balances": [{"name": "Leaves", "unit": "POINTS", "maximum": 100}],
    "tier_groups": [{"name": "Status", "tiers": [{"name": "Green", "minimum": {"Leaves": 0}}]}],
}


async def same_preview(client: Client, tool: str, one: dict[str, Any], other: Any) -> None:
    """Whether two spellings are previewed as the same change."""
    first = await answer_of(client, tool, **one)
    second = await answer_of(client, tool, **other)
    assert first.structured_content["preview"] == second.structured_content["preview"]


@pytest.mark.parametrize("amount", ["50", " 50 ", "50.0", "5e1"])
@pytest.mark.parametrize("tool", ["credit_points", "debit_points"])
async def test_c1_a_number_in_quotes_moves_points(
    connect: Connect, control: SandboxControl, tool: str, amount: str
) -> None:
    """A client that sends numbers as text gets the preview of the number, and its change."""
    before = await control.balance(101)
    async with connect(confirm="token") as client:
        await same_preview(client, tool, CREDIT, {**CREDIT, "amount": amount})
        done = await agreed(client, tool, **{**CREDIT, "amount": amount})

    assert done.structured_content["status"] == "applied"
    assert abs(await control.balance(101) - before) == 50


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_programs", {"limit": "10"}),
        ("list_programs", {"limit": "10", "offset": "0"}),
        ("find_member", {"member": "101", "personal_data": "true"}),
        ("find_member", {"member": "101", "personal_data": "False"}),
        ("find_members", {"minimum": "100", "maximum": "500.0", "limit": "3"}),
    ],
    ids=str,
)
async def test_c1_numbers_and_booleans_are_read_from_text(
    connect: Connect, tool: str, arguments: dict[str, Any]
) -> None:
    """At any depth, text that is exactly a number or a boolean is converted."""
    async with connect() as client:
        await answer_of(client, tool, **arguments)


@pytest.mark.parametrize(
    "amount", ["1,250", "50,00", "fifty", "50 points", "+50", "0x32", "\u0665\u0660"]
)
async def test_c1_what_would_be_a_guess_is_refused(connect: Connect, amount: str) -> None:
    """One sentence names the argument and what it must be."""
    async with connect(confirm="token") as client:
        said = await refusal_of(client, "credit_points", **{**CREDIT, "amount": amount})

    assert 'Argument "amount" must be a' in said
    assert "number" in said


@pytest.mark.parametrize(
    ("tool", "plain", "text"),
    [
        (
            "get_member_overview",
            {"member": "101", "include": ["movements"]},
            {"member": "101", "include": '["movements"]'},
        ),
        (
            "get_member_overview",
            {"member": "101", "include": ["movements"]},
            {"member": "101", "include": "movements"},
        ),
        (
            "get_member_overview",
            {"member": "101", "include": ["movements"]},
            {"member": "101", "include": "Movement"},
        ),
        (
            "plan_program",
            {"spec": SPEC},
            {"spec": str(SPEC).replace("'", '"')},
        ),
        (
            "plan_program",
            {"spec": SPEC},
            {"spec": {**SPEC, "balances": str(SPEC["balances"]).replace("'", '"')}},
        ),
        ("plan_program", {"spec": SPEC}, {"spec": {**SPEC, "balances": SPEC["balances"][0]}}),
        (
            "plan_program",
            {"spec": SPEC},
            {"spec": {**SPEC, "balances": [{**SPEC["balances"][0], "maximum": "100"}]}},
        ),
        (
            "get_program_report",
            {"if_thresholds": {"Gold": 600}},
            {"if_thresholds": '{"Gold": "600"}'},
        ),
        (
            "get_program_report",
            {"if_thresholds": {"Gold": 600}},
            {"if_thresholds": [{"tier": "Gold", "minimum_value": "600"}]},
        ),
    ],
)
async def test_c2_lists_and_objects_are_read_from_text(
    connect: Connect, tool: str, plain: dict[str, Any], text: dict[str, Any]
) -> None:
    """JSON text of the declared type, and a single value for a list, mean the same call."""
    async with connect(confirm="token") as client:
        one = await answer_of(client, tool, **plain)
        other = await answer_of(client, tool, **text)

    assert one.structured_content == other.structured_content


@pytest.mark.parametrize("blank", ["", " ", None], ids=repr)
@pytest.mark.parametrize(
    ("tool", "arguments", "optional"),
    [
        (
            "credit_points",
            CREDIT,
            ["program", "balance", "order_id", "expires_in_minutes", "confirmation"],
        ),
        ("debit_points", CREDIT, ["program", "balance", "order_id", "confirmation"]),
        ("assign_tier", {"member": "101", "tier": "Gold"}, ["program", "confirmation"]),
        ("publish_program", {}, ["program", "confirmation"]),
    ],
)
async def test_c4_a_blank_optional_argument_was_left_out(
    connect: Connect, tool: str, arguments: dict[str, Any], optional: list[str], blank: Any
) -> None:
    """Strict clients fill in everything: blank values count as omitted, and are previewed so."""
    async with connect(confirm="token") as client:
        await same_preview(client, tool, arguments, {**arguments, **dict.fromkeys(optional, blank)})


@pytest.mark.parametrize("name", ["member", "amount", "reason"])
async def test_c4_a_blank_required_argument_is_missed(connect: Connect, name: str) -> None:
    """Required values are not dropped silently."""
    async with connect(confirm="token") as client:
        said = await refusal_of(client, "credit_points", **{**CREDIT, name: ""})

    assert f'"{name}"' in said or "No member is named." in said


@pytest.mark.parametrize("blank", ["   ", "\t\n", "\u00a0", "\u200b", "\u2060\u00a0"], ids=ascii)
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("credit_points", {"amount": 5}),
        ("debit_points", {"amount": 5}),
        ("reverse_transaction", {"transaction_id": "last"}),
    ],
)
async def test_c4_a_reason_of_blanks_is_none(
    connect: Connect, tool: str, arguments: dict[str, Any], blank: str
) -> None:
    """One sentence about the reason, however invisible it is."""
    async with connect(confirm="token") as client:
        said = await refusal_of(client, tool, member="101", reason=blank, **arguments)

    assert said.startswith('[sandbox] Argument "reason" must ')
    assert said.count(".") == 1


@pytest.mark.parametrize("made_up", ["none", "yes", "confirmed", "0" * 32, "N/A"])
async def test_c4_a_made_up_confirmation_is_told_with_the_preview(
    connect: Connect, control: SandboxControl, made_up: str
) -> None:
    """A model that has to fill in a confirmation still gets the preview, and nothing moves."""
    before = await control.state_hash()
    async with connect(confirm="token") as client:
        answer = await client.call_tool("credit_points", {**CREDIT, "confirmation": made_up})

    assert answer.structured_content["status"] == "confirmation_required", text_of(answer)
    assert "confirmation" in text_of(answer)
    assert before == await control.state_hash()


@pytest.mark.parametrize(
    "extra",
    [
        {"task_progress": "- [x] look up"},
        {"wait_for_previous": True, "security_risk": "LOW"},
        {"toolCallId": "call_1", "sessionId": "s", "action": "sendMessage", "chatInput": "hi"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("tool", "arguments"), [("get_program", {}), ("credit_points", CREDIT)])
async def test_c5_what_clients_add_by_themselves_is_ignored(
    connect: Connect, tool: str, arguments: dict[str, Any], extra: dict[str, Any]
) -> None:
    """Reads and changes work with the known additions of clients."""
    async with connect(confirm="token") as client:
        await answer_of(client, tool, **arguments, **extra)


@pytest.mark.parametrize("extra", ["force", "dry_run", "contactId", "idempotency_key"])
async def test_c5_any_other_argument_is_refused(
    connect: Connect, control: SandboxControl, extra: str
) -> None:
    """An argument that could change the meaning of a call is never dropped silently."""
    before = await control.state_hash()
    async with connect(confirm="token") as client:
        said = await refusal_of(client, "credit_points", **CREDIT, **{extra: True})

    assert f'"{extra}" is unknown' in said
    assert before == await control.state_hash()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_programs", {"limit": 10.0}),
        ("get_member_overview", {"member": 101.0}),
        ("credit_points", {**CREDIT, "expires_in_minutes": 60.0}),
        ("credit_points", {**CREDIT, "amount": 50.0, "member": 101.0}),
        (
            "plan_program",
            {"spec": {**SPEC, "balances": [{**SPEC["balances"][0], "maximum": 100.0}]}},
        ),
    ],
    ids=str,
)
async def test_c7_a_whole_float_is_an_integer(
    connect: Connect, tool: str, arguments: dict[str, Any]
) -> None:
    """JSON does not distinguish 10 and 10.0."""
    async with connect(confirm="token") as client:
        await answer_of(client, tool, **arguments)


@pytest.mark.parametrize("limit", [10.5, "ten", 1e300, True], ids=repr)
async def test_c7_a_fraction_is_no_integer(connect: Connect, limit: Any) -> None:
    """Nothing is rounded."""
    async with connect() as client:
        assert '"limit" must be' in await refusal_of(client, "list_programs", limit=limit)


@pytest.mark.parametrize(
    ("name", "value"), [("order_id", 7001), ("reason", 7001), ("member", 101), ("order_id", 7001.0)]
)
async def test_c8_digits_stand_for_their_text(connect: Connect, name: str, value: Any) -> None:
    """A client that converts digits to a number means the same order, reason or member."""
    async with connect(confirm="token") as client:
        text = {**CREDIT, name: str(int(value))}
        await same_preview(client, "credit_points", text, {**CREDIT, name: value})


async def test_c8_a_program_whose_name_is_a_year(connect: Connect, control: SandboxControl) -> None:
    """Names, own ids and codes of digits can be given as numbers."""
    await control.post("/v3/loyalty/config/programs", {"name": "2027"})
    contact = int((await control.post("/v3/contacts", {"email": "new@example.com"}))["id"])
    async with connect(confirm="token") as client:
        program = await answer_of(client, "get_program", program=2027)
        enrol = {"program": "VIP Club", "contact": contact, "own_id": 4711}
        preview = await answer_of(client, "enroll_member", **enrol)
        made = await answer_of(client, "create_program", name=2028)

    assert program.structured_content["name"] == "2027"
    assert "4711" in text_of(preview)
    assert "2028" in text_of(made)


@pytest.mark.parametrize(
    "said",
    [
        "Cafe\u0301 Club",
        "Caf\u00e9 Club",
        "caf\u00e9\u00a0club",
        " CAF\u00c9  Club ",
        "Cafe\u0301\u3000Club",
        "\uff23af\u00e9 Club",
        "Caf\u00e9 Club\u200b",
    ],
)
@pytest.mark.parametrize("name", ["Caf\u00e9 Club", "Cafe\u0301 Club", "caf\u00e9  club"])
async def test_c30_a_name_matches_as_people_read_it(
    connect: Connect, control: SandboxControl, name: str, said: str
) -> None:
    """Accents in one or two characters, spaces of any kind and case are ignored."""
    await control.post("/v3/loyalty/config/programs", {"name": name})
    async with connect() as client:
        found = await answer_of(client, "get_program", program=said)

    assert found.structured_content["name"] == name
