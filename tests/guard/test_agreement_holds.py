"""Only the agreed change is carried out, whatever changes between preview and agreement."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.guard.operator_approval import close_unknown
from loyalty_mcp.intents.lifecycle import confirmation_digest
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from tests.conftest import Connect, SandboxControl, text_of
from tests.world import BALANCE, fill

MakeRuntime = Callable[..., Runtime]
CREDIT: dict[str, Any] = {"member": "101", "amount": 100, "reason": "Welcome"}
DEBIT: dict[str, Any] = {"member": "101", "amount": 100, "reason": "Correction"}
CONFIG = "/v3/loyalty/config/programs"


async def publish(control: SandboxControl) -> None:
    """Publish the draft, as a colleague does in Brevo's app."""
    await control.post(f"{CONFIG}/{await control.program()}/publish", {})


async def edit_balance(control: SandboxControl, **fields: Any) -> None:
    """Change the visible balance of the seeded program, and publish it."""
    program = await control.program()
    path = f"{BALANCE}/{program}/balance-definitions"
    listed = (await control.get(path))["items"]
    definition = next(item for item in listed if item["name"] == "Purchase Points")
    kept = {
        name: value
        for name, value in definition.items()
        if name not in {"id", "createdAt", "updatedAt", "deletedAt", "loyaltyProgramId"}
    }
    await control.put(f"{path}/{definition['id']}", {**kept, **fields})
    await publish(control)


async def dispatched(runtime: Runtime, tool: str, arguments: dict[str, Any]) -> Answer:
    """One call without the protocol."""
    found = await runtime.dispatcher.call(tool, arguments, Caller("local", can_ask=False))
    assert isinstance(found, Answer)
    return found


async def confirmed(runtime: Runtime, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call with the confirmation of its preview."""
    preview = await dispatched(runtime, tool, arguments)
    assert preview.structured is not None, preview.text
    return {**arguments, "confirmation": preview.structured["confirmation"]}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            {"maxAmount": 340, "balanceOptionAmountOvertakingStrategy": "partial"}, id="ceiling"
        ),
        pytest.param({"balanceAvailabilityDurationValue": 1}, id="life"),
        pytest.param({"balanceOptionCreditRounding": "upper"}, id="rounding"),
        pytest.param({"maxCreditAmountLimit": 500}, id="cap of one movement"),
    ],
)
async def test_published_rules_void_a_preview(
    connect: Connect, control: SandboxControl, fields: dict[str, Any]
) -> None:
    """A rule published between preview and confirmation causes a new preview."""
    async with connect(confirm="token") as client:
        first = await client.call_tool("credit_points", CREDIT)
        before = await control.balance(101)
        await edit_balance(control, **fields)
        second = await client.call_tool(
            "credit_points", {**CREDIT, "confirmation": first.structured_content["confirmation"]}
        )

    assert second.structured_content["status"] == "confirmation_required"
    assert "Changed since the preview" in text_of(second)
    assert await control.balance(101) == before


async def test_a_preview_rests_on_what_is_live_now(
    connect: Connect, control: SandboxControl
) -> None:
    """The preview includes changes published just before it, whatever was read earlier."""
    async with connect(confirm="token") as client:
        await client.call_tool("credit_points", CREDIT)
        await edit_balance(control, maxAmount=340, balanceOptionAmountOvertakingStrategy="partial")
        preview = await client.call_tool("credit_points", CREDIT)

    assert preview.structured_content["preview"]["after"]["balance"] == 340
    assert "are lost" in text_of(preview)


async def test_a_raised_threshold_voids_a_preview(connect: Connect) -> None:
    """The preview showed a tier change; if it would no longer happen, nothing is done."""
    raised = [{"balance": "Purchase Points", "minimum_value": 400}]
    async with connect(confirm="token") as client, connect(confirm="off") as colleague:
        first = await client.call_tool("credit_points", CREDIT)
        edit = {"tier": "Silver", "name": "Silver", "access_conditions": raised}
        edited = await colleague.call_tool("update_tier", edit)
        await colleague.call_tool("publish_program", {})
        second = await client.call_tool(
            "credit_points", {**CREDIT, "confirmation": first.structured_content["confirmation"]}
        )

    assert '"Bronze" becomes "Silver"' in text_of(first)
    assert edited.structured_content["status"] == "applied"
    assert second.structured_content["status"] == "confirmation_required"
    assert "Changed since the preview: tiers" in text_of(second)


@pytest.mark.parametrize("processes", [1, 2])
async def test_debits_agreed_at_once_never_add_up(
    make_runtime: MakeRuntime, control: SandboxControl, processes: int
) -> None:
    """Of five debits with the same preview, confirmed together, one is made; others ask again."""
    runtimes = [make_runtime(confirm="token") for _ in range(processes)]
    calls = [
        (runtime, await confirmed(runtime, "debit_points", {**DEBIT, "reason": f"Case {number}"}))
        for number in range(5)
        for runtime in (runtimes[number % processes],)
    ]
    before = await control.balance(101)
    statuses: list[str] = []

    async def use(runtime: Runtime, arguments: dict[str, Any]) -> None:
        answer = await dispatched(runtime, "debit_points", arguments)
        statuses.append((answer.structured or {}).get("status", "refused"))

    async with anyio.create_task_group() as group:
        for runtime, arguments in calls:
            group.start_soon(use, runtime, arguments)

    assert statuses.count("applied") == 1
    assert statuses.count("confirmation_required") == 4
    assert await control.balance(101) == before - 100


async def test_a_confirmation_holds_in_its_scope_alone(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """Another role, or another pinned program, is another scope."""
    program = await control.program()
    pinned, support = (
        make_runtime(confirm="token", program=program),
        make_runtime(confirm="token", role="support"),
    )
    arguments = await confirmed(pinned, "debit_points", DEBIT)
    before = await control.state_hash()

    answer = await dispatched(support, "debit_points", arguments)

    assert answer.failed
    assert "another role, program or member" in answer.text
    assert before == await control.state_hash()


async def test_a_confirmation_that_was_never_issued_is_answered_by_a_preview(
    connect: Connect, control: SandboxControl
) -> None:
    """Some clients fill in every argument; an invented confirmation confirms nothing."""
    before = await control.state_hash()
    async with connect(confirm="token") as client:
        answer = await client.call_tool("debit_points", {**DEBIT, "confirmation": "none"})

    assert answer.structured_content["status"] == "confirmation_required"
    assert "never issued" in text_of(answer)
    assert before == await control.state_hash()


async def test_the_intent_is_no_confirmation(connect: Connect, control: SandboxControl) -> None:
    """The id of an intent is not secret, and confirms nothing."""
    before = await control.state_hash()
    async with connect(confirm="token") as client:
        first = await client.call_tool("debit_points", DEBIT)
        intent = first.structured_content["intent"]
        answer = await client.call_tool("debit_points", {**DEBIT, "confirmation": intent})

    assert answer.structured_content["status"] == "confirmation_required"
    assert before == await control.state_hash()


async def test_the_same_order_is_named(connect: Connect) -> None:
    """The preview of a second credit for an order shows the first one."""
    order = {**CREDIT, "order_id": "7001"}
    async with connect(confirm="off") as client:
        await client.call_tool("credit_points", order)
    async with connect(confirm="token") as client:
        again = await client.call_tool("credit_points", {**order, "reason": "Again"})
        other = await client.call_tool("credit_points", {**CREDIT, "order_id": "7002"})
        debit = await client.call_tool("debit_points", {**DEBIT, "order_id": "7001"})

    assert 'Order "7001" was credited already by transaction' in text_of(again)
    assert "already" not in text_of(other)
    assert "already" not in text_of(debit)


async def test_an_unknown_outcome_is_named_before_it_is_repeated(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """The preview of the same call names the earlier one that may have happened."""
    runtime = make_runtime(confirm="token")
    arguments = await confirmed(runtime, "debit_points", DEBIT)
    faults = [{"method": "POST", "path": "*/complete", "kind": "refuse_before", "status": 502}]
    await control.post("/sandbox/faults", {"faults": [{**faults[0], "times": 9}]})
    lost = await dispatched(runtime, "debit_points", arguments)
    assert lost.structured is not None
    assert lost.structured["status"] == "unknown"

    again = await dispatched(runtime, "debit_points", {**DEBIT, "reason": "Once more"})

    assert f"check_intent {lost.structured['intent']} first" in again.text


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_a_completion_refused_beforehand_cancels_the_draft(
    make_runtime: MakeRuntime, control: SandboxControl, status: int
) -> None:
    """Nothing was moved, the answer says why, and no draft is left."""
    runtime = make_runtime(confirm="token")
    arguments = await confirmed(runtime, "debit_points", DEBIT)
    before = await control.balance(101)
    fault = {"method": "POST", "path": "*/complete", "kind": "refuse_before", "status": status}
    await control.post("/sandbox/faults", {"faults": [{**fault, "times": 9}]})

    answer = await dispatched(runtime, "debit_points", arguments)
    again = await dispatched(runtime, "debit_points", {**DEBIT, "reason": "Once more"})

    assert answer.structured is not None
    assert answer.structured["status"] == "not_applied"
    assert "the draft cancelled" in answer.text
    assert "open draft" not in again.text
    assert await control.balance(101) == before


async def test_reversing_points_that_expired_is_said(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """The rest of the credit is gone, so other points are taken."""
    runtime = make_runtime(confirm="off")
    credit = {**CREDIT, "amount": 50, "expires_in_minutes": 10}
    done = await dispatched(runtime, "credit_points", credit)
    assert done.structured is not None
    await control.post("/sandbox/clock", {"advance_seconds": 3_600})

    asking = make_runtime(confirm="token")
    preview = await dispatched(
        asking,
        "reverse_transaction",
        {
            "member": "101",
            "transaction_id": done.structured["result"]["transaction_id"],
            "reason": "Mistake",
        },
    )

    assert "expired on" in preview.text
    assert "takes other points" in preview.text


async def test_the_last_movement_is_reversed_once(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """`last` means the newest movement, which is never reversed twice."""
    runtime = make_runtime(confirm="off")
    before = await control.balance(101)
    await dispatched(runtime, "debit_points", DEBIT)
    undo = {"member": "101", "transaction_id": "last", "reason": "Mistake"}

    first = await dispatched(runtime, "reverse_transaction", undo)
    second = await dispatched(runtime, "reverse_transaction", undo)

    assert first.structured is not None
    assert first.structured["status"] == "applied"
    assert second.failed
    assert "reversed already" in second.text
    assert await control.balance(101) == before


async def test_a_rounded_amount_is_previewed_as_it_moves(
    connect: Connect, control: SandboxControl
) -> None:
    """The preview shows the amount that will move, and the resulting balance."""
    await edit_balance(control, balanceOptionDebitRounding="upper")
    before = await control.balance(101)
    async with connect(confirm="token") as client:
        preview = await client.call_tool("debit_points", {**DEBIT, "amount": 20.5})
        confirmation = preview.structured_content["confirmation"]
        done = await client.call_tool(
            "debit_points", {**DEBIT, "amount": 20.5, "confirmation": confirmation}
        )

    assert preview.structured_content["preview"]["after"]["balance"] == before - 21
    assert done.structured_content["result"]["new_balance"] == before - 21


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        pytest.param("revoke_vouchers", {"voucher_ids": ["TEN-C45CC7"]}, "a code", id="code"),
        pytest.param(
            "reverse_transaction",
            {"member": "101", "transaction_id": "no-such-id", "reason": "x"},
            "has no transaction",
            id="transaction",
        ),
    ],
)
async def test_what_cannot_work_is_refused_before_anybody_is_asked(
    connect: Connect, tool: str, arguments: dict[str, Any], why: str
) -> None:
    """The change is refused before anybody is asked to agree."""
    async with connect(confirm="token") as client:
        answer = await client.call_tool(tool, arguments)

    assert answer.is_error
    assert why in text_of(answer)


async def test_nobody_is_enrolled_in_what_is_not_published(
    connect: Connect, control: SandboxControl
) -> None:
    """The contact is not created either."""
    await control.post(CONFIG, {"name": "Coffee Club"})
    before = await control.state_hash()
    call = {"program": "Coffee Club", "contact": "nora.lind@example.com", "create_contact": True}
    async with connect(confirm="token") as client:
        answer = await client.call_tool("enroll_member", call)

    assert answer.is_error
    assert "not published" in text_of(answer)
    assert before == await control.state_hash()


async def test_an_intent_of_another_account_is_left_alone(
    make_runtime: MakeRuntime, control: SandboxControl
) -> None:
    """A process of another account cannot determine its outcome."""
    await fill(control)
    runtime, other = make_runtime(confirm="token"), make_runtime(confirm="token")
    arguments = await confirmed(runtime, "debit_points", DEBIT)
    journal = runtime.context.journal.open()
    intent = await journal.by_confirmation(confirmation_digest(arguments["confirmation"]))
    assert intent is not None
    now = runtime.context.now()
    stranger = intent.__class__(
        **{
            **{name: getattr(intent, name) for name in intent.__dataclass_fields__},
            "id": "f" * 32,
            "account": "somebody else",
            "subject": None,
            "confirmation": None,
        }
    )
    await journal.add(stranger)
    await journal.move(stranger.id, "proposed", "approved", now)
    await journal.send(stranger, runtime.context.policy, now, deadline=now - timedelta(hours=1))

    seen = await other.context.reconciler.reconcile_all(other.context)
    stored = await journal.get(stranger.id)

    assert stranger.id not in {item.id for item in seen}
    assert stored is not None
    assert stored.state == "sent"


async def test_an_operator_closes_what_no_read_can_tell(make_runtime: MakeRuntime) -> None:
    """Only an unknown intent can be closed, and the audit trail says by whom and why."""
    runtime = make_runtime(confirm="token")
    context = runtime.context
    arguments = await confirmed(runtime, "debit_points", DEBIT)
    journal, now = context.journal.open(), context.now()
    intent = await journal.by_confirmation(confirmation_digest(arguments["confirmation"]))
    assert intent is not None
    with pytest.raises(Refused, match="that one is proposed"):
        await close_unknown(context, intent.id, "applied", "Seen", "operator:ann")
    await journal.move(intent.id, "proposed", "approved", now)
    await journal.claim_subject(intent, now=now, until=now + timedelta(minutes=1))
    await journal.send(intent, context.policy, now, deadline=now)
    await journal.move(intent.id, "sent", "unknown", now)

    closed = await close_unknown(context, intent.id, "applied", "Seen in the app", "operator:ann")
    trail = await journal.trail(intent=intent.id)

    assert closed.state == "applied"
    assert "operator:ann closed it as applied: Seen in the app" in trail.entries[-1].details


async def test_first_hand_knowledge_corrects_a_conclusion(make_runtime: MakeRuntime) -> None:
    """The process that saw a change succeed corrects the recorded outcome, in a separate entry."""
    runtime = make_runtime(confirm="token")
    journal, now = runtime.context.journal.open(), runtime.context.now()
    arguments = await confirmed(runtime, "debit_points", DEBIT)
    intent = await journal.by_confirmation(confirmation_digest(arguments["confirmation"]))
    assert intent is not None
    await journal.move(intent.id, "proposed", "approved", now)
    assert not await journal.move(intent.id, "not_applied", "applied", now)
    await journal.claim_subject(intent, now=now, until=now + timedelta(minutes=1))
    await journal.send(intent, runtime.context.policy, now, deadline=now)
    await journal.move(intent.id, "sent", "not_applied", now, reason="It did not take effect.")

    assert await journal.move(intent.id, "not_applied", "applied", now, result={"id": "t"})
    steps = [entry.step for entry in (await journal.trail(intent=intent.id)).entries]
    assert steps == ["proposed", "approved", "sent", "not_applied", "corrected"]
