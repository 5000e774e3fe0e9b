"""Batches: they stop cleanly, continue, respect every cap, and never carry out a row twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.guard.operator_approval import decide
from loyalty_mcp.intents.audit_trail import broken
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Dialog
from loyalty_mcp.tools.progress import reporting_to
from tests.bulk_caller import BulkCaller, credit_each, new_members, statuses
from tests.conftest import SandboxControl

Make = Callable[..., Runtime]


@pytest.fixture
def caller(make_runtime: Callable[..., Runtime]) -> BulkCaller:
    """A caller of a server with the usual settings."""
    return BulkCaller(make_runtime(confirm="token"))


def policy_file(folder: Path, text: str) -> Path:
    """A policy with this text."""
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return file


class TestAgreement:
    """The total of a batch determines who has to agree."""

    async def test_an_operator_decides_on_the_total(
        self, make_runtime: Make, state_home: Path
    ) -> None:
        """Rows below the threshold add up, so splitting an amount does not avoid the operator."""
        policy = policy_file(state_home, "[approval]\noperator_above = 250\n")
        caller = BulkCaller(make_runtime(confirm="token", policy=policy))
        arguments = credit_each([101, 102, 103])

        first = await caller.once("bulk_change", **arguments)
        assert first.structured is not None
        intent = first.structured["intent"]
        early = await caller.once("bulk_change", **arguments, confirmation=intent)
        await decide(caller.runtime.context, intent, "approved", "olga")
        done = await caller.once("bulk_change", **arguments, confirmation=intent)

        assert first.structured["status"] == "waiting_for_operator"
        assert early.structured is not None
        assert early.structured["status"] == "waiting_for_operator"
        assert done.structured is not None
        assert done.structured["status"] == "applied"

    async def test_the_total_is_typed_in_a_dialog(
        self, make_runtime: Make, state_home: Path
    ) -> None:
        """Above the threshold the person types the total as the preview shows it."""
        policy = policy_file(state_home, "[approval]\ndialog_amount_above = 250\n")
        runtime = make_runtime(policy=policy)

        asked = await runtime.dispatcher.call(
            "bulk_change", credit_each([101, 102, 103]), Caller(LOCAL, can_ask=True)
        )

        assert isinstance(asked, Dialog)
        assert asked.typed == "amount"
        assert "300 points in all" in asked.message

    async def test_a_confirmation_is_for_these_rows_alone(self, caller: BulkCaller) -> None:
        """An additional row, or another amount, makes it another call."""
        found = await caller.preview(**credit_each([101, 102]))

        more = credit_each([101, 102, 103])
        answer = await caller.once("bulk_change", **more, confirmation=found["confirmation"])

        assert answer.failed
        assert "other arguments" in answer.text

    async def test_the_id_of_a_batch_confirms_nothing_before_it_is_agreed_to(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """A caller who knows only the id gets a new preview."""
        before = await control.state_hash()
        arguments = credit_each([101, 102])
        found = await caller.preview(**arguments)

        answer = await caller.once("bulk_change", **arguments, confirmation=found["intent"])

        assert answer.structured is not None
        assert answer.structured["status"] == "confirmation_required"
        assert await control.state_hash() == before

    async def test_a_denied_tool_denies_its_batch(
        self, make_runtime: Make, state_home: Path
    ) -> None:
        """The policy applies to one member and to many."""
        policy = policy_file(state_home, '[tools]\ndeny = ["credit_points"]\n')
        caller = BulkCaller(make_runtime(confirm="token", policy=policy))

        answer = await caller.once("bulk_change", **credit_each([101, 102]))

        assert answer.failed
        assert "denies credit_points" in answer.text


class TestCaps:
    """Each row counts for the caps of the policy."""

    async def test_a_member_is_not_credited_beyond_the_day(
        self, make_runtime: Make, state_home: Path, control: SandboxControl
    ) -> None:
        """Two rows for one member add up; the second is refused before anybody is asked."""
        policy = policy_file(state_home, "[caps]\ncredit_per_member_per_day = 150\n")
        caller = BulkCaller(make_runtime(confirm="token", policy=policy))
        before = await control.balance(101)

        answer = await caller.agreed(**credit_each([101, 102, 101]))

        assert statuses(answer) == ["done", "done", "refused"]
        assert "150 of credit a member a day" in answer["result"]["rows"][2]["reason"]
        assert await control.balance(101) == before + 100

    async def test_what_was_moved_meanwhile_counts(
        self, make_runtime: Make, state_home: Path, control: SandboxControl
    ) -> None:
        """A cap that is reached between preview and row refuses the row."""
        policy = policy_file(state_home, "[caps]\ncredit_per_member_per_day = 150\n")
        caller = BulkCaller(make_runtime(confirm="token", policy=policy))
        arguments = credit_each([101, 102])
        found = await caller.preview(**arguments)
        one: dict[str, Any] = {"member": "102", "amount": 80, "reason": "Meanwhile"}
        alone = await caller.once("credit_points", **one)
        assert alone.structured is not None
        await caller.once("credit_points", **one, confirmation=alone.structured["confirmation"])
        before = await control.balance(102)

        answer = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])

        assert answer.structured is not None
        assert statuses(dict(answer.structured)) == ["done", "refused"]
        assert await control.balance(102) == before

    async def test_a_row_is_not_larger_than_one_call_may_be(
        self, make_runtime: Make, state_home: Path
    ) -> None:
        """The cap per call applies to each row, not to the total."""
        policy = policy_file(state_home, "[caps]\ncredit_per_call = 100\n")
        caller = BulkCaller(make_runtime(confirm="token", policy=policy))
        arguments = credit_each([101, 102, 103])
        arguments["rows"][1]["amount"] = 101

        answer = await caller.agreed(**arguments)

        assert statuses(answer) == ["done", "refused", "done"]

    async def test_changes_an_hour_stop_it(self, make_runtime: Make, state_home: Path) -> None:
        """Rows left when the changes per hour are used up are left, not refused."""
        policy = policy_file(state_home, "[caps]\nchanges_per_hour = 2\n")
        caller = BulkCaller(make_runtime(confirm="token", policy=policy))

        answer = await caller.agreed(**credit_each([101, 102, 103]))

        assert answer["status"] == "partly_applied"
        assert statuses(answer) == ["done", "done", "left"]
        assert "2 changes an hour" in answer["reason"]


class TestDrift:
    """A row is carried out only if its effect is still the agreed one."""

    async def test_a_member_who_changed_meanwhile_is_left_out(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """Another movement between preview and agreement refuses that row, and no other."""
        arguments = credit_each([101, 102])
        found = await caller.preview(**arguments)
        other = await caller.once("debit_points", member="101", amount=1, reason="Meanwhile")
        assert other.structured is not None
        await caller.once(
            "debit_points",
            member="101",
            amount=1,
            reason="Meanwhile",
            confirmation=other.structured["confirmation"],
        )
        before = await control.balance(101)

        answer = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])

        assert answer.structured is not None
        assert statuses(dict(answer.structured)) == ["refused", "done"]
        assert "Changed since the preview: balance" in answer.text
        assert await control.balance(101) == before

    async def test_rows_of_one_member_follow_one_another(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """The preview of a member's second row includes the effect of the first."""
        before = await control.balance(101)

        answer = await caller.agreed(**credit_each([101, 101]))

        assert statuses(answer) == ["done", "done"]
        assert await control.balance(101) == before + 200


class TestRecord:
    """What is stored in the journal and the audit trail."""

    async def test_each_row_is_an_intent_in_the_trail(self, caller: BulkCaller) -> None:
        """Every row has its own entries, and the chain is intact."""
        answer = await caller.agreed(**credit_each([101, 102]))

        journal = caller.runtime.context.journal.open()
        rows = await journal.batches.rows(answer["intent"])
        trail = await journal.trail()
        assert [row.state for row in rows] == ["applied", "applied"]
        assert broken(trail) == []
        for row in rows:
            steps = [entry.step for entry in trail.entries if entry.intent == row.id]
            assert steps == ["approved", "sent", "drafted", "applied"]

    async def test_no_address_stands_in_the_trail(self, caller: BulkCaller) -> None:
        """Email addresses are masked in the audit trail, including inside rows."""
        await caller.agreed(**credit_each(["anna.keller@example.com", "nobody@example.com"]))

        trail = await caller.runtime.context.journal.open().trail()
        text = "".join(entry.details for entry in trail.entries)
        assert "keller" not in text
        assert "nobody" not in text


class TestGoingOn:
    """A batch that stopped is continued where it stopped."""

    @pytest.fixture
    def sandbox(self) -> Any:
        """A seeded engine without a limit until a test sets one."""
        app = create_app(SandboxSettings(rate_limit=0))
        yield app
        app.state.store.close()

    async def test_it_stops_at_the_budget_and_goes_on_in_the_next_hour(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """With 30 requests per hour, 12 credits take two hours, and none is carried out twice."""
        members = await new_members(control, 12)
        await control.post("/sandbox/switches", {"rate_limit": 30})
        arguments = credit_each(members, 7)
        found = await caller.preview(**arguments)
        await control.post("/sandbox/clock", {"advance_seconds": 3600})

        confirmation, answers = found["confirmation"], []
        for _ in range(4):
            answer = await caller.once("bulk_change", **arguments, confirmation=confirmation)
            assert answer.structured is not None, answer.text
            answers.append(dict(answer.structured))
            if answer.structured["status"] == "applied":
                break
            confirmation = answer.structured["confirmation"]
            await control.post("/sandbox/clock", {"advance_seconds": 3600})

        assert [item["status"] for item in answers] == ["partly_applied", "applied"]
        assert "Come back after" in answers[0]["reason"]
        assert answers[-1]["result"]["done"] == 12
        await control.post("/sandbox/switches", {"rate_limit": 0})
        assert [await control.balance(member) for member in members] == [7.0] * 12

    async def test_two_processes_that_repeat_one_confirmation_do_each_row_once(
        self, make_runtime: Make, control: SandboxControl
    ) -> None:
        """The first process carries out a row, and both give the same answer."""
        members = await new_members(control, 5)
        arguments = credit_each(members, 7)
        callers = [BulkCaller(make_runtime(confirm="token")) for _ in range(2)]
        found = await callers[0].preview(**arguments)
        answers: list[Any] = []

        async def repeat(caller: BulkCaller) -> None:
            answer = await caller.once(
                "bulk_change", **arguments, confirmation=found["confirmation"]
            )
            answers.append(answer.structured)

        async with anyio.create_task_group() as group:
            for caller in [*callers, *callers]:
                group.start_soon(repeat, caller)

        assert [answer["status"] for answer in answers] == ["applied"] * 4
        assert [answer["result"] for answer in answers] == [answers[0]["result"]] * 4
        assert [await control.balance(member) for member in members] == [7.0] * 5

    async def test_a_cancelled_call_ends_between_two_rows_and_can_be_gone_on_with(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """Completed rows stay done and known; the others are left."""
        members = await new_members(control, 6)
        arguments = credit_each(members, 7)
        found = await caller.preview(**arguments)
        confirmed = {**arguments, "confirmation": found["confirmation"]}

        with anyio.CancelScope() as scope:

            async def third(done: int, _total: int, _now: str) -> None:
                if done == 3:
                    scope.cancel()

            with reporting_to(third):
                await caller.once("bulk_change", **confirmed)
        stopped = await caller.once("check_intent", intent=found["intent"])
        answer = await caller.once("bulk_change", **confirmed)

        assert scope.cancelled_caught
        assert stopped.structured is not None
        assert stopped.structured["status"] == "partly_applied"
        assert stopped.structured["result"]["done"] == 3
        assert answer.structured is not None
        assert answer.structured["result"]["done"] == 6
        assert [await control.balance(member) for member in members] == [7.0] * 6

    async def test_a_lost_answer_is_found_out_when_it_goes_on(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """A completion with a lost answer counts once, and is reported correctly."""
        members = await new_members(control, 3)
        arguments = credit_each(members, 7)
        found = await caller.preview(**arguments)
        fault = {
            "method": "POST",
            "path": "*/complete",
            "kind": "drop_after_commit",
            "times": 1,
        }
        await control.post("/sandbox/faults", {"faults": [fault]})

        answer = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])

        assert answer.structured is not None
        assert statuses(dict(answer.structured)) == ["done"] * 3
        assert [await control.balance(member) for member in members] == [7.0] * 3

    async def test_an_outage_leaves_the_rows_that_were_not_begun(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """When Brevo does not answer, no row is refused that could be carried out later."""
        members = await new_members(control, 4)
        arguments = credit_each(members, 7)
        found = await caller.preview(**arguments)
        outage = {"method": "GET", "path": "*/account-info", "kind": "refuse_before", "times": 50}
        await control.post("/sandbox/faults", {"faults": [outage]})

        first = await caller.once("bulk_change", **arguments, confirmation=found["confirmation"])
        await control.post("/sandbox/faults", {"faults": []})
        second = await caller.once("bulk_change", **arguments, confirmation=found["intent"])

        assert first.structured is not None
        assert first.structured["status"] == "partly_applied"
        assert statuses(dict(first.structured)) == ["left"] * 4
        assert second.structured is not None
        assert second.structured["status"] == "applied"
        assert [await control.balance(member) for member in members] == [7.0] * 4
