"""Nothing changes that nobody agreed to, and nothing changes twice."""

from typing import Any

import anyio
import mcp_types as types
import pytest

from tests.conftest import YES, Connect, SandboxControl, text_of

DEBIT: dict[str, Any] = {"member": "101", "amount": 10, "reason": "Correction"}


async def test_debit_without_agreement_changes_nothing(
    connect: Connect, control: SandboxControl
) -> None:
    """A preview leaves the ledger as it was, and hands out a confirmation."""
    before = await control.state_hash()
    async with connect() as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "confirmation_required"
    assert result.structured_content["confirmation"] != result.structured_content["intent"]
    assert not result.is_error
    assert before == await control.state_hash()


async def test_accepted_dialog_debits_exactly_once(
    connect: Connect, control: SandboxControl
) -> None:
    """A person who agrees in a dialog makes the balance fall by the amount."""
    before = await control.balance(101)
    async with connect(lambda _params: YES) as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "applied"
    assert result.structured_content["result"]["new_balance"] == before - 10
    assert await control.balance(101) == before - 10


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(types.ElicitResult(action="decline"), id="declined"),
        pytest.param(types.ElicitResult(action="cancel"), id="cancelled"),
        pytest.param(types.ElicitResult(action="accept", content={}), id="empty"),
        pytest.param(types.ElicitResult(action="accept"), id="no content"),
        pytest.param(types.ElicitResult(action="accept", content={"agree": False}), id="unticked"),
        pytest.param(types.ElicitResult(action="accept", content={"agree": "yes"}), id="text"),
        pytest.param(
            types.ElicitResult(action="accept", content={"agree": True, "more": 1}), id="more"
        ),
    ],
)
async def test_any_other_answer_declines(
    connect: Connect, control: SandboxControl, answer: types.ElicitResult
) -> None:
    """Only a ticked, accepted form is a yes; nothing is handed out otherwise."""
    before = await control.state_hash()
    async with connect(lambda _params: answer) as client:
        result = await client.call_tool("debit_points", DEBIT)

    assert result.structured_content["status"] == "declined"
    assert "confirmation" not in result.structured_content
    assert before == await control.state_hash()


async def test_confirmation_works_once(connect: Connect, control: SandboxControl) -> None:
    """The second use of a confirmation gives the first outcome and moves nothing."""
    before = await control.balance(101)
    async with connect() as client:
        preview = await client.call_tool("debit_points", DEBIT)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        first = await client.call_tool("debit_points", confirmed)
        second = await client.call_tool("debit_points", confirmed)

    assert first.structured_content["status"] == "applied"
    assert first.structured_content == second.structured_content
    assert await control.balance(101) == before - 10


async def test_confirmation_used_at_the_same_moment_acts_once(
    connect: Connect, control: SandboxControl
) -> None:
    """Of several uses at once one acts, and all tell the same."""
    before = await control.balance(101)
    outcomes: list[Any] = []
    async with connect() as client:
        preview = await client.call_tool("debit_points", DEBIT)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}

        async def use() -> None:
            result = await client.call_tool("debit_points", confirmed)
            outcomes.append(result.structured_content)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(use)

    assert [outcomes[0]] * 5 == outcomes
    assert outcomes[0]["status"] == "applied"
    assert await control.balance(101) == before - 10


@pytest.mark.parametrize(
    "altered", [{"amount": 11}, {"reason": "Other"}, {"member": "102"}, {"order_id": "A1"}]
)
async def test_altered_argument_is_refused(
    connect: Connect, control: SandboxControl, altered: dict[str, Any]
) -> None:
    """A confirmation is for exactly its arguments, and is not used up by others."""
    before = await control.balance(101)
    async with connect() as client:
        preview = await client.call_tool("debit_points", DEBIT)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        refused = await client.call_tool("debit_points", {**confirmed, **altered})
        assert refused.is_error
        assert "other arguments" in text_of(refused)
        assert await control.balance(101) == before
        good = await client.call_tool("debit_points", confirmed)

    assert good.structured_content["status"] == "applied"


async def test_movement_in_between_brings_a_new_preview(
    connect: Connect, control: SandboxControl
) -> None:
    """What was agreed to rests on facts; when they move, the person is asked again."""
    async with connect() as client:
        first = await client.call_tool("debit_points", DEBIT)
        other = {**DEBIT, "amount": 1}
        between = await client.call_tool("debit_points", other)
        await client.call_tool(
            "debit_points",
            {**other, "confirmation": between.structured_content["confirmation"]},
        )
        before = await control.balance(101)
        again = await client.call_tool(
            "debit_points", {**DEBIT, "confirmation": first.structured_content["confirmation"]}
        )

    assert again.structured_content["status"] == "confirmation_required"
    assert "balance" in again.structured_content["reason"]
    assert again.structured_content["intent"] != first.structured_content["intent"]
    assert await control.balance(101) == before
