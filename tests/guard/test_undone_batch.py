"""A batch that is undone keeps every promise of a batch: agreement, caps, budget, exactly once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.audit_trail import broken
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.tools.progress import reporting_to
from tests.bulk_caller import BulkCaller, credit_each, new_members, statuses
from tests.conftest import SandboxControl

Make = Callable[..., Runtime]
UNDO = "reverse_transaction"


@pytest.fixture
def sandbox() -> Any:
    """A seeded engine without a limit until a test sets one."""
    app = create_app(SandboxSettings(rate_limit=0))
    yield app
    app.state.store.close()


@pytest.fixture
def caller(make_runtime: Make) -> BulkCaller:
    """A caller of a server with the usual settings."""
    return BulkCaller(make_runtime(confirm="token"))


async def undo_of(caller: BulkCaller, members: list[int]) -> dict[str, Any]:
    """The call that undoes a batch of 7 points to each member, which is carried out here."""
    batch = await caller.agreed(**credit_each(members, 7))
    assert batch["status"] == "applied"
    return {"batch": batch["intent"], "reason": "Wrong list"}


async def balances(control: SandboxControl, members: list[int]) -> list[float]:
    """What each member has."""
    return [await control.balance(member) for member in members]


async def test_an_operator_decides_on_the_total(
    make_runtime: Make, state_home: Path, caller: BulkCaller, control: SandboxControl
) -> None:
    """Many small reversals add up to what an operator has to approve."""
    call = await undo_of(caller, await new_members(control, 3))
    policy = state_home / "policy.toml"
    policy.write_text("[approval]\noperator_above = 20\n", encoding="utf-8")
    strict = BulkCaller(make_runtime(confirm="token", policy=policy))

    answer = await strict.once(UNDO, **call)

    assert answer.structured is not None
    assert answer.structured["status"] == "waiting_for_operator"


async def test_each_row_counts_for_the_caps(
    make_runtime: Make, state_home: Path, caller: BulkCaller, control: SandboxControl
) -> None:
    """What the day's cap does not leave room for is refused, and the rest is done."""
    members = await new_members(control, 2)
    call = await undo_of(caller, [members[0], members[0], members[1]])
    policy = state_home / "policy.toml"
    policy.write_text("[caps]\ndebit_per_member_per_day = 10\n", encoding="utf-8")
    strict = BulkCaller(make_runtime(confirm="token", policy=policy))

    answer = await strict.agreed_to(UNDO, **call)

    assert statuses(answer) == ["done", "refused", "done"]
    assert await balances(control, members) == [7.0, 0.0]


async def test_each_row_is_an_intent_in_the_trail(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """Every reversal has its own entries, and the chain holds."""
    call = await undo_of(caller, await new_members(control, 2))

    answer = await caller.agreed_to(UNDO, **call)

    journal = caller.runtime.context.journal.open()
    trail = await journal.trail()
    assert broken(trail) == []
    for row in await journal.batches.rows(answer["intent"]):
        steps = [entry.step for entry in trail.entries if entry.intent == row.id]
        assert steps == ["approved", "sent", "drafted", "applied"]


async def test_it_stops_at_the_budget_and_goes_on_in_the_next_hour(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """With 40 requests an hour 12 reversals take two hours, and none is done twice."""
    members = await new_members(control, 12)
    call = await undo_of(caller, members)
    await control.post("/sandbox/switches", {"rate_limit": 40})
    await control.post("/sandbox/clock", {"advance_seconds": 3600})
    preview = (await caller.once(UNDO, **call)).structured
    assert preview is not None

    confirmation, answers = preview["confirmation"], []
    for _ in range(4):
        found = await caller.once(UNDO, **call, confirmation=confirmation)
        answer = found.structured
        assert answer is not None, found.text
        answers.append(answer)
        if answer["status"] == "applied":
            break
        confirmation = answer["confirmation"]
        await control.post("/sandbox/clock", {"advance_seconds": 3600})

    assert [answer["status"] for answer in answers] == ["partly_applied", "applied"]
    assert answers[-1]["result"]["done"] == 12
    await control.post("/sandbox/switches", {"rate_limit": 0})
    assert await balances(control, members) == [0.0] * 12


async def test_two_processes_undo_each_row_once(
    make_runtime: Make, caller: BulkCaller, control: SandboxControl
) -> None:
    """They repeat one confirmation at the same moment, and answer the same."""
    members = await new_members(control, 4)
    call = await undo_of(caller, members)
    # So that a second reversal would find points to take.
    await caller.agreed(**credit_each(members, 7))
    preview = (await caller.once(UNDO, **call)).structured
    assert preview is not None
    answers: list[Any] = []

    async def repeat(one: BulkCaller) -> None:
        answer = await one.once(UNDO, **call, confirmation=preview["confirmation"])
        answers.append(answer.structured)

    async with anyio.create_task_group() as group:
        for one in (caller, BulkCaller(make_runtime(confirm="token")), caller):
            group.start_soon(repeat, one)

    assert [answer["status"] for answer in answers] == ["applied"] * 3
    assert await balances(control, members) == [7.0] * 4


async def test_it_goes_on_after_it_was_cancelled(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """What was undone stays undone, check_intent tells how far it came, and the rest follows."""
    members = await new_members(control, 4)
    call = await undo_of(caller, members)
    preview = (await caller.once(UNDO, **call)).structured
    assert preview is not None
    confirmed = {**call, "confirmation": preview["confirmation"]}

    with anyio.CancelScope() as scope:

        async def second(done: int, _total: int, _now: str) -> None:
            if done == 2:
                scope.cancel()

        with reporting_to(second):
            await caller.once(UNDO, **confirmed)
    stopped = (await caller.once("check_intent", intent=preview["intent"])).structured
    answer = (await caller.once(UNDO, **confirmed)).structured

    assert stopped is not None
    assert (stopped["status"], stopped["result"]["done"]) == ("partly_applied", 2)
    assert answer is not None
    assert answer["result"]["done"] == 4
    assert await balances(control, members) == [0.0] * 4


async def test_a_lost_answer_is_found_out(caller: BulkCaller, control: SandboxControl) -> None:
    """A reversal whose answer is lost counts once, and is told as it is."""
    members = await new_members(control, 2)
    call = await undo_of(caller, members)
    fault = {"method": "POST", "path": "*/complete", "kind": "drop_after_commit", "times": 1}
    await control.post("/sandbox/faults", {"faults": [fault]})

    answer = await caller.agreed_to(UNDO, **call)

    assert statuses(answer) == ["done", "done"]
    assert await balances(control, members) == [0.0, 0.0]


async def test_what_another_installation_undid_is_not_undone_again(
    make_runtime: Make, caller: BulkCaller, control: SandboxControl, tmp_path: Path
) -> None:
    """Its journal is not ours: the mark in the history tells, before anything is moved."""
    members = await new_members(control, 2)
    call = await undo_of(caller, members)
    await caller.agreed(**credit_each(members, 7))
    rows = await caller.runtime.context.journal.open().batches.rows(call["batch"])
    elsewhere = BulkCaller(
        make_runtime(confirm="token", database_url=f"sqlite:///{tmp_path / 'other.db'}")
    )
    one = {"member": str(members[0]), "transaction_id": rows[0].transaction_id, "reason": "Ours"}
    await elsewhere.agreed_to(UNDO, **one)

    answer = await caller.agreed_to(UNDO, **call)

    assert statuses(answer) == ["refused", "done"]
    assert "being reversed already" in answer["result"]["rows"][0]["reason"]
    assert await balances(control, members) == [7.0, 7.0]


async def test_the_batch_of_another_caller_is_nobodys(
    caller: BulkCaller, control: SandboxControl
) -> None:
    """Whoever did not ask for a batch does not learn that there is one."""
    call = await undo_of(caller, await new_members(control, 1))

    answer = await caller.runtime.dispatcher.call(UNDO, call, Caller("someone", can_ask=False))

    assert isinstance(answer, Answer)
    assert answer.failed
    assert "There is no such batch of yours" in answer.text
