"""The data of an answer stands alone: some clients show a model nothing else of it."""

import pytest

from tests.conftest import YES, Connect, SandboxControl, text_of

DEBIT = {"member": "101", "amount": 10, "reason": "Correction"}


async def test_a_preview_says_what_to_do_next(connect: Connect) -> None:
    """A model is told to show the preview before it confirms, in the words of the text."""
    async with connect() as client:
        preview = await client.call_tool("debit_points", DEBIT)

    found = preview.structured_content
    assert found["next"].startswith("Show this to the person. If they agree, repeat the call")
    assert f'confirmation "{found["confirmation"]}"' in found["next"]
    assert text_of(preview).endswith(found["next"])


async def test_waiting_for_an_operator_says_what_to_do_next(connect: Connect) -> None:
    """The id to repeat the call with is the intent."""
    async with connect(confirm="operator") as client:
        waits = await client.call_tool("debit_points", DEBIT)

    found = waits.structured_content
    assert found["next"].startswith("Once approved, repeat the call with confirmation ")
    assert found["intent"] in found["next"]
    assert text_of(waits).endswith(found["next"])


async def test_an_unknown_outcome_says_what_not_to_do(
    connect: Connect, control: SandboxControl
) -> None:
    """A change that may have happened must not be repeated as a new one."""
    fault = {"method": "POST", "path": "*/complete", "kind": "refuse_before"}
    async with connect() as client:
        preview = await client.call_tool("debit_points", DEBIT)
        confirmed = {**DEBIT, "confirmation": preview.structured_content["confirmation"]}
        await control.post("/sandbox/faults", {"faults": [{**fault, "status": 502, "times": 9}]})
        found = await client.call_tool("debit_points", confirmed)

    assert found.structured_content["status"] == "unknown"
    assert found.structured_content["next"] == "Do not repeat it as a new call."


async def test_what_was_done_is_in_the_data(connect: Connect) -> None:
    """Where a result alone does not say what has happened, a sentence does."""
    async with connect(lambda _params: YES) as client:
        done = await client.call_tool("assign_tier", {"member": "101", "tier": "Silver"})

    assert done.structured_content["status"] == "applied"
    assert done.structured_content["done"] in text_of(done)


@pytest.mark.parametrize("tool", ["list_programs", "debit_points"])
async def test_the_data_says_that_it_comes_from_the_sandbox(connect: Connect, tool: str) -> None:
    """Of reads and of changes."""
    async with connect() as client:
        found = await client.call_tool(tool, DEBIT if tool == "debit_points" else {})

    assert found.structured_content["sandbox"] is True
