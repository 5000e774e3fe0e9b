"""The reconciler: what it hands to the tool of an intent, and what it writes down."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.guard.reconciliation import CRASHED, Reconciler
from loyalty_mcp.intents.lifecycle import LATE, Route, State
from loyalty_mcp.tools.account_behaviour import HISTORY_LAG
from loyalty_mcp.tools.registry import TOOLS
from loyalty_mcp.tools.send_window import DidNotHappen
from tests.guard.one_tool import AS_JSON, MOVED, SECOND, OneTool
from tests.intents.journal.test_journal import NOW, ONE, an_intent


@pytest.mark.parametrize("state", ["sent", "unknown"])
@pytest.mark.parametrize(
    ("answer", "end", "result", "reason"),
    [
        (MOVED, "applied", AS_JSON, None),
        (DidNotHappen("It did not."), "not_applied", None, "It did not."),
    ],
)
async def test_what_the_reads_tell_is_written(
    one: OneTool, state: State, answer: Any, end: str, result: Any, reason: str | None
) -> None:
    """And returned as it is written."""
    intent = await one.sent(state)
    one.reads.tells = [answer]

    found = await one.reconciler.reconcile(one.context, intent)

    assert found == await one.stored()
    assert (found.state, found.result, found.reason) == (end, result, reason)
    assert found.agreed_by == "dialog"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OutcomeUnknown("It may come."), "It may come."),
        (Refused("No such member."), "No such member. What became of it cannot be read now."),
    ],
)
async def test_what_the_reads_cannot_tell_is_unknown(
    one: OneTool, answer: Any, reason: str
) -> None:
    """A read that failed tells nothing; what is unknown already stays as it was told."""
    one.reads.tells = [answer]

    first = await one.reconciler.reconcile(one.context, await one.sent())
    one.reads.tells = [OutcomeUnknown("Another reason.")]
    second = await one.reconciler.reconcile(one.context, first)

    assert (first.state, first.reason) == ("unknown", reason)
    assert second == first


async def test_the_tool_is_asked_as_it_was_called(one: OneTool) -> None:
    """With the ids that its words meant then, and what is known of the account."""
    intent = await one.sent()
    facts = one.context.journal.open().account_facts
    await facts.remember(one.context.account, HISTORY_LAG, "30", NOW)

    await one.reconciler.reconcile(one.context, intent)

    (call,) = one.reads.calls
    assert call["context"].history_lag == timedelta(seconds=30)
    assert call["intent"] == intent
    assert (call["close"], call["may_come"]) == (False, True)
    given = {name: call[name] for name in ("program", "member", "balance", "amount", "reason")}
    assert given == {
        "program": "p-1",
        "member": 101,
        "balance": "b-1",
        "amount": 5,
        "reason": "Test",
    }


@pytest.mark.parametrize(("seconds", "may_come"), [(59, True), (60, False)])
@pytest.mark.parametrize("close", [False, True])
async def test_after_its_deadline_nothing_of_it_comes(
    one: OneTool, seconds: int, may_come: bool, close: bool
) -> None:
    """The tool learns it, and whether it may cancel what is open."""
    intent = await one.sent()
    one.clock.moment += seconds * SECOND
    assert one.reconciler.is_orphaned(one.context, intent) != may_come
    unknown = replace(intent, state="unknown")
    assert not one.reconciler.is_orphaned(one.context, unknown)

    await one.reconciler.reconcile(one.context, intent, close=close)

    assert one.reads.calls[0]["may_come"] == may_come
    assert one.reads.calls[0]["close"] == close


async def test_what_no_tool_knows_is_left(one: OneTool) -> None:
    """A tool of another version, or one that no read can check."""
    intent = await one.sent()
    blind = replace(TOOLS["credit_points"], reconcile=None)

    for tools in ({}, {"credit_points": blind}):
        assert await Reconciler(tools).reconcile(one.context, intent) == intent
    assert await one.stored() == intent


@pytest.mark.parametrize("state", ["applied", "not_applied"])
async def test_what_has_ended_is_not_looked_at(one: OneTool, state: State) -> None:
    """Its outcome is known."""
    intent = await one.sent(state)

    assert await one.reconciler.reconcile(one.context, intent) == intent
    assert one.reads.calls == []


@pytest.mark.parametrize("known", [False, True])
async def test_another_account_is_read_by_its_own_process(one: OneTool, known: bool) -> None:
    """Unless both keys are known to be of one organization."""
    other = "e" * 32
    intent = await one.sent(account=other)
    facts = one.context.journal.open().account_facts
    await facts.set_organization(other, "Club")
    await facts.set_organization(one.context.account, "Club" if known else "Bar")

    found = await one.reconciler.reconcile(one.context, intent)

    assert found.state == ("applied" if known else "sent")
    assert len(one.reads.calls) == known


@pytest.mark.parametrize(
    ("route", "state", "end", "why"),
    [
        ("token", "proposed", "expired", LATE),
        ("operator", "proposed", "expired", LATE),
        ("operator", "approved", "expired", LATE),
        ("token", "approved", "not_applied", CRASHED),
    ],
)
async def test_what_was_not_sent_in_time_is_over(
    one: OneTool, route: Route, state: State, end: str, why: str
) -> None:
    """Once agreed to it is carried out at once, unless an operator agreed."""
    journal = one.context.journal.open()
    await journal.add(an_intent(route=route, account=one.context.account))
    if state == "approved":
        await journal.move(ONE, "proposed", "approved", NOW)
    intent = await one.stored()
    assert await one.reconciler.reconcile(one.context, intent) == intent
    one.clock.moment = intent.expires_at

    found = await one.reconciler.reconcile(one.context, intent)

    assert (found.state, found.reason) == (end, why)


async def test_an_agreed_batch_ends_when_its_time_is_over(one: OneTool) -> None:
    """And not before; what is only proposed lapses like any other intent."""
    journal = one.context.journal.open()
    rows = {"kept": {"rows": []}, "account": one.context.account}
    await journal.add(an_intent(**rows))
    await journal.add(an_intent(id="f" * 32, **rows))
    await journal.move(ONE, "proposed", "approved", NOW)
    batch, proposed = await one.stored(), await one.stored("f" * 32)
    assert await one.reconciler.reconcile(one.context, batch) == batch
    one.clock.moment = batch.expires_at

    ended_ = await one.reconciler.reconcile(one.context, batch)
    lapsed_ = await one.reconciler.reconcile(one.context, proposed)

    assert (ended_.state, ended_.result is None) == ("not_applied", False)
    assert (lapsed_.state, lapsed_.reason) == ("expired", LATE)
