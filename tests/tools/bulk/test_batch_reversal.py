"""A whole batch undone: every applied row once, and what cannot be undone named with its reason."""

from typing import Any

import pytest

from tests.bulk_caller import BulkCaller, credit_each, new_members, statuses
from tests.conftest import SandboxControl

UNDO: dict[str, Any] = {"reason": "Wrong list"}


class TestPreview:
    """What a person agrees to."""

    async def test_each_member_is_shown_before_and_after(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """Who, what they have and will have, and the total; nothing has changed yet."""
        before = await control.balance(101)
        batch = await caller.agreed(**credit_each([101, "own:VIP-102"]))

        answer = await caller.once("reverse_transaction", batch=batch["intent"], **UNDO)

        assert answer.structured is not None
        assert answer.structured["status"] == "confirmation_required"
        assert answer.structured["preview"]["after"]["total"] == 200
        assert f"Reverse the credits of bulk_change {batch['intent'][:8]}" in answer.text
        assert "2 rows, 200 points in all" in answer.text
        moves = f"{before + 100:g} points → {before:g} points"
        assert f'- Row 1: member 101 (own id "VIP-101"): {moves}' in answer.text
        assert await control.balance(101) == before + 100

    async def test_rows_that_never_happened_are_left_out(self, caller: BulkCaller) -> None:
        """Only what took effect is undone; rows keep the numbers of the batch."""
        batch = await caller.agreed(**credit_each(["nobody@example.com", 102, 104]))

        answer = await caller.agreed_to("reverse_transaction", batch=batch["intent"], **UNDO)

        assert [row["row"] for row in answer["result"]["rows"]] == [2, 3]

    async def test_rows_that_cannot_be_reversed_are_named(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """Reversed before, or spent meanwhile: each with its reason, and the others are done."""
        members = await new_members(control, 3)
        batch = await caller.agreed(**credit_each(members, 7))
        first = batch["result"]["rows"][0]["transaction_id"]
        one = {"member": str(members[0]), "transaction_id": first, **UNDO}
        await caller.agreed_to("reverse_transaction", **one)
        spent = {"member": str(members[1]), "amount": 5, "reason": "Spent"}
        await caller.agreed_to("debit_points", **spent)

        answer = await caller.agreed_to("reverse_transaction", batch=batch["intent"], **UNDO)

        rows = answer["result"]["rows"]
        assert statuses(answer) == ["refused", "refused", "done"]
        assert "was reversed already by intent" in rows[0]["reason"]
        assert "at most 2 points can be debited" in rows[1]["reason"]
        assert [await control.balance(member) for member in members] == [0, 2, 0]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (
                {"action": "assign_tier", "rows": [{"member": "101", "tier": "Gold"}]},
                "That batch put members on tiers; only points can be reversed.",
            ),
            (
                {"action": "enroll", "rows": [{"member": "new@example.com"}]},
                "That batch enrolled contacts; only points can be reversed.",
            ),
        ],
        ids=["tiers", "enrolments"],
    )
    async def test_only_points_can_be_reversed(
        self, caller: BulkCaller, control: SandboxControl, arguments: dict[str, Any], sentence: str
    ) -> None:
        """One sentence says so."""
        await control.post("/v3/contacts", {"email": "new@example.com"})
        batch = await caller.agreed(**arguments)

        answer = await caller.once("reverse_transaction", batch=batch["intent"], **UNDO)

        assert answer.failed
        assert sentence in answer.text

    async def test_what_is_no_batch_of_the_caller_is_refused(self, caller: BulkCaller) -> None:
        """An id that nobody has, and a change that stands alone."""
        alone = await caller.agreed_to("credit_points", member="101", amount=5, reason="Bonus")

        unknown = await caller.once("reverse_transaction", batch="0" * 32, **UNDO)
        alone_again = await caller.once("reverse_transaction", batch=alone["intent"], **UNDO)

        assert "There is no such batch of yours" in unknown.text
        assert "That intent is no batch" in alone_again.text

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({}, "member is missing"),
            ({"member": "101"}, "transaction_id is missing"),
            ({"member": "101", "transaction_id": "last", "batch": "0" * 32}, "Give batch alone"),
        ],
        ids=["nothing", "no transaction", "both"],
    )
    async def test_what_is_undone_is_said_once(
        self, caller: BulkCaller, arguments: dict[str, Any], sentence: str
    ) -> None:
        """Either one transaction of a member, or a batch."""
        answer = await caller.once("reverse_transaction", **arguments, **UNDO)

        assert answer.failed
        assert sentence in answer.text


class TestCarryingOut:
    """Every applied row, once."""

    @pytest.mark.parametrize("action", ["credit", "debit"])
    async def test_everybody_has_what_they_had(
        self, caller: BulkCaller, control: SandboxControl, action: str
    ) -> None:
        """A batch of credits or debits leaves no trace in the balances once it is undone."""
        members = [101, 102, 101]
        before = [await control.balance(member) for member in members]
        batch = await caller.agreed(**{**credit_each(members, 20), "action": action})

        answer = await caller.agreed_to("reverse_transaction", batch=batch["intent"], **UNDO)

        assert answer["status"] == "applied"
        assert statuses(answer) == ["done"] * 3
        assert [await control.balance(member) for member in members] == before

    async def test_a_second_reversal_finds_nothing_left(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """The whole batch is undone once; so is each of its transactions."""
        batch = await caller.agreed(**credit_each([101, 102]))
        await caller.agreed_to("reverse_transaction", batch=batch["intent"], **UNDO)
        after = await control.balance(101)

        again = await caller.once("reverse_transaction", batch=batch["intent"], **UNDO)
        one = {"member": "101", "transaction_id": batch["result"]["rows"][0]["transaction_id"]}
        alone_again = await caller.once("reverse_transaction", **one, **UNDO)

        assert again.failed
        assert "None of the rows can be done" in again.text
        assert "reversed already" in again.text
        assert alone_again.failed
        assert await control.balance(101) == after

    async def test_two_that_were_agreed_to_undo_each_row_once(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """Two previews of the same reversal: what one has done the other refuses."""
        members = await new_members(control, 2)
        batch = await caller.agreed(**credit_each(members, 7))
        # More of the same, so that a second debit would find points.
        await caller.agreed(**credit_each(members, 7))
        calls = [
            {"batch": batch["intent"], "reason": reason} for reason in ("Wrong list", "Mistake")
        ]
        previews = [(await caller.once("reverse_transaction", **call)).structured for call in calls]

        for call, preview in zip(calls, previews, strict=True):
            assert preview is not None
            await caller.once("reverse_transaction", **call, confirmation=preview["confirmation"])

        assert [await control.balance(member) for member in members] == [7.0, 7.0]

    async def test_a_reversal_is_undone_as_well(
        self, caller: BulkCaller, control: SandboxControl
    ) -> None:
        """It is a batch of its own, so the points can be given back."""
        before = await control.balance(101)
        batch = await caller.agreed(**credit_each([101, 102]))
        undone = await caller.agreed_to("reverse_transaction", batch=batch["intent"], **UNDO)

        again = await caller.agreed_to("reverse_transaction", batch=undone["intent"], **UNDO)

        assert statuses(again) == ["done", "done"]
        assert await control.balance(101) == before + 100
