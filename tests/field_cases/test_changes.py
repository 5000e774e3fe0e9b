"""Field cases B1, B5, B15, D4 and D5: changes carried out twice, or reported wrongly."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Connect, SandboxControl, text_of
from tests.field_cases.conftest import agreed, answer_of, refusal_of

CREDIT: dict[str, Any] = {"member": "101", "amount": 50, "reason": "Order"}
DEBIT: dict[str, Any] = {"member": "101", "amount": 50, "reason": "Goodwill"}


@pytest.mark.parametrize("again", ["7001", " 7001 ", 7001, 7001.0], ids=repr)
@pytest.mark.parametrize("tool", ["credit_points", "debit_points"])
async def test_b1_the_same_order_is_named_before_it_counts_twice(
    connect: Connect, tool: str, again: Any
) -> None:
    """The preview names the transaction, its amount and its day, in any spelling of the order."""
    async with connect(confirm="token") as client:
        await agreed(client, tool, **CREDIT, order_id="7001")
        second = await answer_of(client, tool, **{**CREDIT, "amount": 20}, order_id=again)
        other = await answer_of(client, tool, **CREDIT, order_id="7002")

    verb = tool.partition("_")[0]
    assert f'Order "7001" was {verb}ed already by transaction' in text_of(second)
    assert "50 points" in text_of(second)
    assert "already" not in text_of(other)


@pytest.mark.parametrize("amount", [50, 120])
async def test_b5_undoing_a_credit_that_expired_says_whose_points_go(
    connect: Connect, control: SandboxControl, amount: int
) -> None:
    """The preview says that the points expired and that others would be taken."""
    async with connect(confirm="token") as client:
        done = await agreed(
            client, "credit_points", **{**CREDIT, "amount": amount}, expires_in_minutes=10
        )
        await control.post("/sandbox/clock", {"advance_seconds": 3_600})
        transaction = done.structured_content["result"]["transaction_id"]
        undo = {"member": "101", "transaction_id": transaction, "reason": "Mistake"}
        answer = await client.call_tool("reverse_transaction", undo)

    assert "expired on" in text_of(answer)
    assert str(amount) in text_of(answer)
    assert "takes other points" in text_of(answer)


async def test_b5_undoing_a_credit_that_was_spent_says_so(
    connect: Connect, control: SandboxControl
) -> None:
    """Spent points are gone like expired ones, and the preview shows the balance."""
    async with connect(confirm="token") as client:
        balance = await control.balance(101)
        done = await agreed(client, "credit_points", **CREDIT)
        await agreed(client, "debit_points", **{**DEBIT, "amount": balance + 30})
        transaction = done.structured_content["result"]["transaction_id"]
        undo = {"member": "101", "transaction_id": transaction, "reason": "Mistake"}
        said = await refusal_of(client, "reverse_transaction", **undo)

    assert "20 points" in said
    assert await control.balance(101) == 20


async def code_of(control: SandboxControl, member: int) -> str:
    """The code of the newest voucher of a member."""
    program = await control.program()
    path = f"/v3/loyalty/offer/programs/{program}/vouchers?contactId={member}"
    return str((await control.get(path))["contactRewards"][0]["code"])


PASTED: dict[str, Callable[[str], str]] = {
    "blanks": lambda code: f" {code} ",
    "lines": lambda code: f"\t{code}\n",
    "lower case": str.lower,
    "no dash": lambda code: code.replace("-", ""),
    "blanks inside": lambda code: code.replace("-", " "),
    "another dash": lambda code: code.replace("-", "\u2013"),
    "invisible": lambda code: f"\u00a0{code}\u200b",
    "full width": lambda code: "".join(
        chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in code
    ),
}


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
async def test_b15_a_pasted_code_is_found(
    connect: Connect, control: SandboxControl, pasted: Callable[[str], str]
) -> None:
    """Spaces, dashes and case are ignored among the member's own vouchers."""
    code = await code_of(control, 105)
    async with connect(confirm="token") as client:
        done = await agreed(client, "redeem_for_member", member="105", code=pasted(code))

    assert done.structured_content["status"] == "applied"
    assert code in text_of(done)


async def test_b15_a_code_of_another_member_is_not_found(
    connect: Connect, control: SandboxControl
) -> None:
    """Lenient matching is limited to the member's own vouchers."""
    code = await code_of(control, 105)
    async with connect(confirm="token") as client:
        said = await refusal_of(client, "redeem_for_member", member="101", code=code.lower())

    assert "voucher" in said


async def failing_completion(control: SandboxControl, status: int) -> None:
    """Make the completion of every draft fail."""
    fault = {"method": "POST", "path": "*/complete", "kind": "refuse_before", "status": status}
    await control.post("/sandbox/faults", {"faults": [{**fault, "times": 9}]})


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize("more", [{}, {"order_id": "9"}, {"reason": "Again"}], ids=str)
async def test_d4_an_unknown_outcome_is_named_before_it_is_repeated(
    connect: Connect, control: SandboxControl, status: int, more: dict[str, Any]
) -> None:
    """The preview of the same change names the id of the call that may have happened."""
    await failing_completion(control, status)
    async with connect(confirm="token") as client:
        first = await agreed(client, "debit_points", **DEBIT)
        intent = first.structured_content["intent"]
        second = await answer_of(client, "debit_points", **{**DEBIT, **more})
        outcome = await answer_of(client, "check_intent", intent=intent)

    assert first.structured_content["status"] == "unknown"
    assert f"check_intent {intent} first" in text_of(second)
    assert outcome.structured_content["status"] == "unknown"


@pytest.mark.parametrize("status", [401, 403, 429])
@pytest.mark.parametrize("tool", ["credit_points", "debit_points"])
async def test_d5_a_definite_refusal_is_not_a_lost_answer(
    connect: Connect, control: SandboxControl, tool: str, status: int
) -> None:
    """Nothing moved, the draft is cancelled, and the answer names what refused it."""
    before = await control.balance(101)
    await failing_completion(control, status)
    async with connect(confirm="token") as client:
        answer = await agreed(client, tool, **CREDIT)
        again = await answer_of(client, tool, **{**CREDIT, "reason": "Once more"})

    assert answer.structured_content["status"] == "not_applied"
    assert "the draft cancelled" in text_of(answer)
    assert {401: "API key", 403: "refuse", 429: "hour"}[status] in text_of(answer)
    assert "open draft" not in text_of(again)
    assert await control.balance(101) == before
