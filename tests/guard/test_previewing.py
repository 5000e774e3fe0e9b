"""Previews: what a call changes, and what looks like a repetition."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from loyalty_mcp.guard.previewing import preview_again, preview_call, subject_of
from loyalty_mcp.intents.lifecycle import Movement
from loyalty_mcp.intents.policy import Approval, Policy
from loyalty_mcp.tools.registry import TOOLS
from tests.guard.guarded_tool import FIVE, GuardedTool, same
from tests.guard.one_tool import SECOND
from tests.intents.journal.test_journal import NOW, ONE, an_intent


@pytest.mark.parametrize(
    ("tool", "arguments", "subject"),
    [
        ("credit_points", {"program": "p", "member": 101, "amount": 5}, "p member 101"),
        ("enroll_member", {"program": "p", "contact": 101}, "p member 101"),
        ("complete_transaction", {"program": "p", "transaction_id": "t"}, "p transaction_id t"),
        ("revoke_vouchers", {"program": "p", "voucher_ids": "v"}, "p voucher_ids v"),
        ("credit_points", {"program": None, "member": 101}, "* member 101"),
        ("delete_program", {"program": "p"}, "p draft"),
        ("update_program", {"program": "p", "member": 101}, "p draft"),
        ("create_program", {"name": "Club"}, "* draft"),
    ],
)
def test_two_changes_of_one_subject_are_told_by_its_name(
    tool: str, arguments: dict[str, Any], subject: str
) -> None:
    """A member of a program, an object of theirs, a draft, or the account's programs."""
    assert subject_of(TOOLS[tool], arguments) == subject


def test_a_subject_fits_its_column() -> None:
    """A very long code is told by its beginning."""
    found = subject_of(TOOLS["redeem_voucher"], {"program": "p", "code": "x" * 300})

    assert found == "p code " + "x" * 193


async def test_the_first_preview_is_of_now_and_the_second_of_then(tool: GuardedTool) -> None:
    """Both on behalf of whoever calls; what was found out once is handed back."""
    call, one = tool.call(), tool.one
    intent = an_intent(created_at=NOW - SECOND, kept={"newest": "t-0"}, account=one.context.account)

    await preview_call(one.context, call, {"member": 101})
    await preview_again(one.context, call, {"member": 101}, intent)

    first, second = tool.contexts
    assert (first.caller, first.now(), first.kept) == ("local", NOW, {})
    assert (second.now(), second.kept) == (NOW - SECOND, {"newest": "t-0"})
    assert tool.arguments == [{"member": 101}, {"member": 101}]


@pytest.mark.parametrize(
    ("amount", "total", "given", "typed"),
    [
        ("200", None, None, None),
        ("200.50", None, None, "200.5"),
        ("1000", None, None, "1000"),
        ("5", "300.00", None, "300"),
        ("500", "7", None, None),
        ("500", None, "Gold Club", "Gold Club"),
        (None, None, None, None),
    ],
)
async def test_a_large_amount_is_typed_as_it_is_displayed(
    tool: GuardedTool, amount: str | None, total: str | None, given: str | None, typed: str | None
) -> None:
    """Of a batch the total decides; a name that has to be typed stays what has to be typed."""

    def moving(text: str | None) -> Movement | None:
        return None if text is None else Movement("credit", Decimal(text), 101)

    preview = replace(FIVE.preview, typed=given)
    shown = replace(FIVE, preview=preview, movement=moving(amount), total=moving(total))
    tool.previews = [same(shown)]
    policy = Policy(approval=Approval(dialog_amount_above=200))

    found = await preview_call(replace(tool.one.context, policy=policy), tool.call(), {})

    assert found == replace(shown, preview=replace(preview, typed=typed))


async def test_a_change_of_unknown_outcome_is_named_before_it_is_repeated(
    tool: GuardedTool,
) -> None:
    """The same tool for the same subject; neither another tool, nor the change itself."""
    one, call = tool.one, tool.call()
    arguments = {"program": "p", "member": 101}
    await one.sent("unknown", subject="p member 101")
    await one.sent("unknown", id="c" * 32, subject="p member 102")
    await one.sent("unknown", id="d" * 32, subject="p member 101", tool="debit_points")
    await one.sent("applied", id="f" * 32, subject="p member 101")
    mind = replace(FIVE, preview=replace(FIVE.preview, warnings=("Mind it.",)))
    tool.previews = [same(mind)]

    first = await preview_call(one.context, call, arguments)
    own = await preview_again(one.context, call, arguments, await one.stored())
    named = replace(mind, subject="p member 102")
    tool.previews = [same(named)]
    other = await preview_call(one.context, call, arguments)

    warning = (
        "An earlier credit_points of 2026-03-02 12:00 UTC has an unknown outcome and may have "
        "happened: check_intent {} first."
    )
    assert first.preview.warnings == ("Mind it.", warning.format(ONE))
    assert own == mind
    assert other.preview.warnings == ("Mind it.", warning.format("c" * 32))


async def test_a_guarded_tool_without_a_preview_is_a_mistake_of_ours(tool: GuardedTool) -> None:
    """Nobody could agree to it."""
    call = tool.call()
    blind = replace(call, tool=replace(call.tool, prepare=None))

    with pytest.raises(AssertionError) as mistake:
        await preview_call(tool.one.context, blind, {})

    assert str(mistake.value) == "credit_points is guarded and has no preview"
