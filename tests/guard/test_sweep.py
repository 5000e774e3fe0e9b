"""What an operator's reconciliation and the sweep look at."""

import logging
from datetime import timedelta

import anyio
import pytest

from loyalty_mcp.errors import JournalUnavailable, OutcomeUnknown
from loyalty_mcp.guard import reconciliation
from loyalty_mcp.guard.reconciliation import Reconciler
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.send_window import DidNotHappen
from tests.guard.one_tool import SECOND, UNTIL, OneTool
from tests.intents.journal.test_journal import NOW, ONE, an_intent

UNSEEN = OutcomeUnknown("It may come.")


async def test_an_operator_waits_until_nothing_can_arrive(one: OneTool) -> None:
    """What only time can tell is looked at again; all of it is closed."""
    await one.sent()
    await one.sent("unknown", id="c" * 32)
    await one.sent("applied", id="d" * 32)
    await one.sent(id="f" * 32, account="e" * 32)
    one.reads.tells = [UNSEEN, UNSEEN, DidNotHappen("No.")]

    def time_passes() -> None:
        if len(one.reads.calls) == 2:
            one.clock.moment = UNTIL

    one.reads.on_call = time_passes
    with anyio.fail_after(5):
        seen = await one.reconciler.reconcile_all(one.context)

    # After the second look nothing can arrive any more, so there is no third.
    assert {intent.id: intent.state for intent in seen} == {
        ONE: "unknown",
        "c" * 32: "unknown",
    }
    one.clock.moment = NOW
    one.reads.calls.clear()
    one.reads.on_call = lambda: None
    one.reads.tells = [UNSEEN, UNSEEN, DidNotHappen("No.")]
    with anyio.fail_after(5):
        seen = await one.reconciler.reconcile_all(one.context)

    assert [intent.state for intent in seen] == ["not_applied", "not_applied"]
    assert len(one.reads.calls) == 4
    assert all(call["close"] for call in one.reads.calls)
    assert (await one.stored("f" * 32)).state == "sent"


async def test_nothing_is_left_out_however_much_there_is(one: OneTool) -> None:
    """More than a page of the journal."""
    journal = one.context.journal.open()
    for number in range(101):
        intent = an_intent(id=f"{number:032x}", account=one.context.account)
        await journal.add(intent)
        await journal.move(intent.id, "proposed", "approved", NOW)
    one.clock.moment = NOW + timedelta(days=1)

    assert len(await one.reconciler.reconcile_all(one.context)) == 101


async def test_the_sweep_takes_what_nobody_works_on(one: OneTool) -> None:
    """What may still arrive is left to its worker, and what is old to an operator."""
    await one.sent()
    await one.sent("unknown", id="c" * 32)
    one.reads.tells = [OutcomeUnknown("No read can tell.")]
    one.clock.moment = UNTIL - SECOND
    await one.reconciler.sweep(one.context)
    assert one.reads.calls == []

    one.clock.moment = UNTIL
    await one.reconciler.sweep(one.context)
    assert len(one.reads.calls) == 2
    assert all(call["close"] for call in one.reads.calls)

    one.clock.moment = NOW + timedelta(days=1)
    await one.reconciler.sweep(one.context)
    assert len(one.reads.calls) == 4
    one.clock.moment += SECOND
    await one.reconciler.sweep(one.context)
    assert len(one.reads.calls) == 4


async def test_the_sweep_goes_on_after_what_is_old(one: OneTool) -> None:
    """What is lapsed ends, a sent intent is looked at, and old entries are forgotten."""
    journal = one.context.journal.open()
    await one.sent(id="b" * 32, created_at=NOW - SECOND)
    await journal.add(
        an_intent(id="d" * 32, account=one.context.account, created_at=NOW - 2 * SECOND)
    )
    await journal.move("d" * 32, "proposed", "approved", NOW)
    await journal.add(an_intent(id="f" * 32, account=one.context.account))
    await one.sent("unknown", created_at=NOW + SECOND)
    one.clock.moment = NOW + timedelta(days=2)

    await one.reconciler.sweep(one.context)

    assert (await one.stored()).state == "unknown"
    assert (await one.stored("b" * 32)).state == "applied"
    assert (await one.stored("d" * 32)).state == "not_applied"
    assert len(one.reads.calls) == 1
    one.clock.moment = NOW + timedelta(days=91)
    await one.reconciler.sweep(one.context)
    assert await journal.get("f" * 32) is None


async def test_a_server_sweeps_while_it_runs(
    one: OneTool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Again and again; a journal that is away is told, and nothing is swept before its use."""
    swept = 0

    async def then_away(_reconciler: Reconciler, _context: Context) -> None:
        nonlocal swept
        swept += 1
        if swept == 2:
            raise JournalUnavailable("The disk is away.")
        if swept == 3:
            group.cancel_scope.cancel()

    monkeypatch.setattr(Reconciler, "sweep", then_away)
    monkeypatch.setattr(reconciliation, "SWEEP_SECONDS", 0)
    caplog.set_level(logging.WARNING)
    one.context.journal.open()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(one.reconciler.reconcile_abandoned, one.context)

    assert swept == 3
    assert [record.message for record in caplog.records] == [
        "what another process left is not reconciled yet: The disk is away."
    ]
