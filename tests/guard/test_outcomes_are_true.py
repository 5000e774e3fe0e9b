"""What is told of an outcome is true, also where others act, clocks differ or marks are hidden."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from loyalty_mcp.brevo import client
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.lifecycle import Intent, confirmation_digest
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.send_window import new_deadline
from tests.conftest import SandboxControl
from tests.guard.test_agreement_holds import dispatched, edit_balance
from tests.storm.engine import running_engine
from tests.world import fill

MakeRuntime = Callable[..., Runtime]
OFFERS = "/v3/loyalty/offer/programs"
LASTING_CREDIT: dict[str, Any] = {
    "member": "101",
    "amount": 50,
    "reason": "Welcome",
    "expires_in_minutes": 1440,
}


async def agreed(
    runtime: Runtime, tool: str, arguments: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """The arguments with the confirmation of their preview, and the intent."""
    preview = await dispatched(runtime, tool, arguments)
    assert preview.structured is not None, preview.text
    assert preview.structured["status"] == "confirmation_required", preview.text
    confirmation = preview.structured["confirmation"]
    return {**arguments, "confirmation": confirmation}, preview.structured["intent"]


async def begun(runtime: Runtime, confirmation: str) -> Intent:
    """An intent in `sent`, as it is while its request is on its way."""
    context, journal = runtime.context, runtime.context.journal.open()
    found = await journal.by_confirmation(confirmation_digest(confirmation))
    assert found is not None
    await journal.move(found.id, "proposed", "approved", context.now())
    deadline = new_deadline(context)
    assert await journal.claim_subject(found, now=context.now(), until=deadline) is None
    assert await journal.send(found, context.policy, context.now(), deadline=deadline)
    return found


async def reconciled(runtime: Runtime, intent: str) -> str:
    """The state of an intent after one look of the operator."""
    context, journal = runtime.context, runtime.context.journal.open()
    found = await journal.get(intent)
    assert found is not None
    return (await context.reconciler.reconcile(context, found, close=True)).state


async def test_a_request_under_way_is_not_denied(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch, state_home: Path
) -> None:
    """An operator with a shorter timeout or another clock waits for the sender's deadline."""
    right = client.utc_now
    async with running_engine(state_home) as engine:
        place = {"api_key": "one", "base_url": engine.base_url, "confirm": "token"}
        sender = make_runtime(**place, timeout=20)
        confirmed, intent = await agreed(sender, "credit_points", LASTING_CREDIT)
        await begun(sender, confirmed["confirmation"])
        operator = sender
        for seconds in (0, 65, 120, -120):
            ahead = timedelta(seconds=seconds)
            monkeypatch.setattr(
                "loyalty_mcp.server.bootstrap.utc_now", lambda ahead=ahead: right() + ahead
            )
            operator = make_runtime(**place, timeout=2)

            assert await reconciled(operator, intent) in {"sent", "unknown"}
            await dispatched(operator, "list_programs", {})  # its answer tells the time there
            assert await reconciled(operator, intent) in {"sent", "unknown"}

        await engine.post("/sandbox/clock", {"advance_seconds": 600})
        await dispatched(operator, "list_programs", {})
        assert await reconciled(operator, intent) == "not_applied"


async def test_a_voucher_that_the_shop_redeemed_was_not_revoked_by_us(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """The revocation failed before anything was done; the shop redeems the voucher afterwards."""
    world = await fill(control)
    runtime = make_runtime(confirm="token")
    confirmed, intent = await agreed(runtime, "revoke_vouchers", {"voucher_ids": [world.voucher]})
    lost = {"method": "DELETE", "path": "*", "kind": "refuse_before", "status": 503, "times": 9}
    await control.post("/sandbox/faults", {"faults": [lost]})
    answer = await dispatched(runtime, "revoke_vouchers", confirmed)
    await control.post("/sandbox/faults", {"faults": []})
    program = await control.program()
    await control.post(
        f"{OFFERS}/{program}/rewards/redeem",
        {"attributedRewardId": world.voucher, "contactId": 105, "autoComplete": True},
    )

    assert answer.structured is not None
    assert answer.structured["status"] != "applied"
    assert await reconciled(runtime, intent) != "applied"
    await control.post("/sandbox/clock", {"advance_seconds": 3600})
    await dispatched(runtime, "list_programs", {})
    assert await reconciled(runtime, intent) != "applied"


@pytest.mark.parametrize("path", ["*", "*/complete"])
@pytest.mark.parametrize("tool", ["credit_points", "debit_points"])
async def test_a_lost_answer_is_not_denied_without_marks(
    make_runtime: MakeRuntime, control: SandboxControl, tool: str, path: str
) -> None:
    """Where the history hides `meta`, what happened is told as applied or as unknown."""
    await control.post("/sandbox/switches", {"no_meta_in_history": True})
    runtime = make_runtime(confirm="token")
    arguments = {"member": "101", "amount": 50, "reason": "Welcome"}
    before = await control.balance(101)
    confirmed, intent = await agreed(runtime, tool, arguments)
    lost = {"method": "POST", "path": path, "kind": "drop_after_commit", "times": 9}
    await control.post("/sandbox/faults", {"faults": [lost]})
    answer = await dispatched(runtime, tool, confirmed)
    await control.post("/sandbox/faults", {"faults": []})
    await control.post("/sandbox/clock", {"advance_seconds": 3600})
    await dispatched(runtime, "list_programs", {})
    state = await reconciled(runtime, intent)

    moved = await control.balance(101) != before
    assert answer.structured is not None
    true = {"unknown", "applied" if moved else "not_applied"}
    assert moved == (path == "*/complete")
    assert {answer.structured["status"], state} <= true


@pytest.mark.parametrize("status", [409, 422, 503])
async def test_a_refusal_of_a_credit_that_was_made_is_not_believed_without_marks(
    make_runtime: MakeRuntime, control: SandboxControl, status: int
) -> None:
    """A gateway refuses what was done behind it, and the history does not show whose it is."""
    await control.post("/sandbox/switches", {"no_meta_in_history": True})
    runtime = make_runtime(confirm="token")
    confirmed, intent = await agreed(runtime, "credit_points", LASTING_CREDIT)
    after = {"method": "POST", "path": "*", "kind": "status_after_commit", "status": status}
    await control.post("/sandbox/faults", {"faults": [{**after, "times": 9}]})

    answer = await dispatched(runtime, "credit_points", confirmed)

    assert answer.structured is not None
    assert answer.structured["status"] == "unknown"
    assert await reconciled(runtime, intent) == "unknown"


async def test_what_was_moved_otherwise_is_told(
    make_runtime: MakeRuntime, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ceiling that is published after the last look cuts a credit; the answer says so."""
    runtime = make_runtime(confirm="token")
    arguments = {"member": "101", "amount": 50, "reason": "Welcome"}
    confirmed, _ = await agreed(runtime, "credit_points", arguments)
    send = Journal.send

    async def then_published(*given: Any, **named: Any) -> bool:
        sent = await send(*given, **named)
        partial = {"maxAmount": 290, "balanceOptionAmountOvertakingStrategy": "partial"}
        await edit_balance(control, **partial)
        return sent

    monkeypatch.setattr(Journal, "send", then_published)

    answer = await dispatched(runtime, "credit_points", confirmed)

    assert answer.structured is not None
    assert answer.structured["result"]["amount"] == 10
    assert answer.structured["result"]["agreed_amount"] == 50
    assert "Brevo moved 10 points instead of the agreed 50 points" in answer.text
    assert await control.balance(101) == 290


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("credit_points", LASTING_CREDIT),
        ("create_transaction", {"member": "101", "amount": 50, "auto_complete": True}),
    ],
)
@pytest.mark.parametrize("lost", [False, True])
async def test_a_rejected_credit_is_not_applied(
    make_runtime: MakeRuntime,
    control: SandboxControl,
    monkeypatch: pytest.MonkeyPatch,
    tool: str,
    arguments: dict[str, Any],
    lost: bool,
) -> None:
    """A ceiling that is published at the last moment leaves a transaction that moved nothing."""
    await control.post("/sandbox/switches", {"rejected_answer_status": 200})
    runtime = make_runtime(confirm="token")
    confirmed, intent = await agreed(runtime, tool, arguments)
    send = Journal.send

    async def then_published(*given: Any, **named: Any) -> bool:
        sent = await send(*given, **named)
        await edit_balance(control, maxAmount=290)
        if lost:
            fault = {"method": "POST", "path": "*", "kind": "drop_after_commit"}
            await control.post("/sandbox/faults", {"faults": [{**fault, "times": 9}]})
        return sent

    monkeypatch.setattr(Journal, "send", then_published)

    answer = await dispatched(runtime, tool, confirmed)

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert await control.balance(101) == 280
    assert await reconciled(runtime, intent) == "not_applied"


async def test_a_credit_is_reversed_once_without_marks(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """Where the history hides `meta`, the journal knows which transactions were reversed."""
    await control.post("/sandbox/switches", {"no_meta_in_history": True})
    runtime = make_runtime(confirm="off")
    credited = await dispatched(
        runtime, "credit_points", {"member": "101", "amount": 50, "reason": "Welcome"}
    )
    assert credited.structured is not None
    transaction = credited.structured["result"]["transaction_id"]
    before = await control.balance(101)
    arguments = {"member": "101", "transaction_id": transaction, "reason": "Mistake"}

    answers = [await dispatched(runtime, "reverse_transaction", arguments) for _ in range(3)]

    assert [answer.failed for answer in answers] == [False, True, True]
    assert "reversed already" in answers[1].text
    assert await control.balance(101) == before - 50


async def test_points_that_a_reversal_returns_begin_a_new_life(
    make_runtime: MakeRuntime,
) -> None:
    """The preview of reversing a debit says so."""
    runtime = make_runtime(confirm="off")
    debited = await dispatched(
        runtime, "debit_points", {"member": "101", "amount": 50, "reason": "Mistake"}
    )
    assert debited.structured is not None
    transaction = debited.structured["result"]["transaction_id"]
    asking = make_runtime(confirm="token")
    arguments = {"member": "101", "transaction_id": transaction, "reason": "It was a mistake"}

    preview = await dispatched(asking, "reverse_transaction", arguments)

    assert "expire as if they were credited today" in preview.text


@pytest.mark.parametrize(
    ("tool", "arguments", "warning"),
    [
        ("delete_program", {}, "8 members would lose their points, tiers and vouchers."),
        (
            "delete_balance_definition",
            {"balance": "Purchase Points"},
            "8 members would lose what they have of this balance.",
        ),
    ],
)
async def test_a_deletion_says_what_members_lose(
    make_runtime: MakeRuntime, tool: str, arguments: dict[str, Any], warning: str
) -> None:
    """The preview counts the members, and says that there is no way back."""
    preview = await dispatched(make_runtime(confirm="token"), tool, arguments)

    assert warning in preview.text
    assert "This cannot be undone." in preview.text
