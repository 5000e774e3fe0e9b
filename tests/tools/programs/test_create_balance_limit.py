"""create_balance_limit: previewed in a sentence, and remembered by the program."""

from typing import Any

from loyalty_mcp.tools.programs.limit_memory import LIMITS_KEY
from tests.tools.programs.conftest import RICH, CallerSession

WINDOW: dict[str, Any] = {
    "program": "Rich Club",
    "balance": "Points",
    "constraint_type": "amount",
    "transaction_type": "credit",
    "duration_value": 1,
    "duration_unit": "week",
    "value": 900,
}


async def test_a_limit_is_answered_in_a_sentence(session: CallerSession) -> None:
    """The answer says what is limited, and how it becomes live."""
    await session.call("apply_program", spec=RICH)
    answer = await session.answer("create_balance_limit", **WINDOW)

    assert (
        'Limited balance "Points" in the draft: at most 900 points credited per member each '
        "calendar week. Limit id: "
    ) in answer.text
    assert answer.text.endswith("publish_program makes it live.")


async def test_a_limit_is_part_of_an_export(session: CallerSession) -> None:
    """Its id is remembered, so that plans and exports see it."""
    await session.call("apply_program", spec=RICH)
    created = await session.call("create_balance_limit", **WINDOW)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"
    meta = (await session.control.get(path))["meta"]
    limits = (await session.exported("Rich Club"))["balances"][1]["limits"]

    assert meta["team"] == "CRM"
    assert meta[LIMITS_KEY][-1]["id"] == created["result"]["id"]
    assert {
        "transaction_type": "credit",
        "constraint_type": "amount",
        "value": 900,
        "per": {"value": 1, "unit": "week"},
    } in limits


async def test_a_refused_limit_is_not_remembered(session: CallerSession) -> None:
    """What was surely not created leaves no entry."""
    await session.call("apply_program", spec=RICH)
    path = f"/v3/loyalty/config/programs/{await session.control.program()}"
    before = (await session.control.get(path))["meta"]
    fault = {"method": "POST", "path": "*/limits", "kind": "refuse_before", "status": 422}
    await session.faults(fault)
    answer = await session.answer("create_balance_limit", **WINDOW)

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert (await session.control.get(path))["meta"] == before


async def test_a_lost_answer_before_the_limit_creates_nothing(session: CallerSession) -> None:
    """If the program cannot remember the limit, the limit is not sent."""
    await session.call("apply_program", spec=RICH)
    fault = {"method": "PATCH", "path": "*", "kind": "refuse_before", "status": 503, "times": 2}
    await session.faults(fault)
    answer = await session.answer("create_balance_limit", **WINDOW)

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert "no limit was created" in answer.text
    assert await session.exported("Rich Club") == RICH


async def test_a_created_limit_counts_although_its_id_is_not_remembered(
    session: CallerSession,
) -> None:
    """The limit exists, so the answer does not say otherwise."""
    await session.call("apply_program", spec=RICH)
    await session.faults(
        {"method": "PATCH", "path": "*", "kind": "delay", "times": 1},
        {"method": "PATCH", "path": "*", "kind": "refuse_before", "status": 422},
    )
    answer = await session.call("create_balance_limit", **WINDOW)

    assert answer["status"] == "applied"
