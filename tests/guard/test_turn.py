"""Turns: of several changes of one subject, one is carried out at a time."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from pydantic import SecretStr

from loyalty_mcp.errors import Unavailable
from loyalty_mcp.guard import turn
from loyalty_mcp.guard.reconciliation import Reconciler
from loyalty_mcp.guard.turn import RECONCILE_EVERY, take_turn, to_the_end
from loyalty_mcp.intents.journal.rows import stored as as_text
from loyalty_mcp.intents.lifecycle import Intent, State
from loyalty_mcp.tools.context import Context
from tests.guard.one_tool import AS_JSON, OneTool
from tests.intents.journal.test_journal import NOW, ONE, an_intent, tamper

TWO = "2" * 32
SUBJECT = "p member 101"
TIMEOUT = timedelta(seconds=20)


class Looks(Reconciler):
    """A reconciler that writes down what it was asked for.

    Args:
        on_look: what happens when it looks.
        orphaned: whether nobody works on anything any more.
    """

    def __init__(
        self, on_look: Callable[[Intent], Awaitable[None]], *, orphaned: bool = False
    ) -> None:
        super().__init__({})
        self._on_look = on_look
        self._orphaned = orphaned
        self.seen: list[tuple[str, bool]] = []

    async def reconcile(self, context: Context, intent: Intent, *, close: bool = False) -> Intent:  # noqa: ARG002 - the signature of the reconciler
        """Look at an intent."""
        self.seen.append((intent.id, close))
        await self._on_look(intent)
        return intent

    def is_orphaned(self, context: Context, intent: Intent) -> bool:  # noqa: ARG002 - the same
        """Whether nobody works on it."""
        return self._orphaned


async def nothing(_intent: Intent) -> None:
    """Find nothing out."""


async def waiting_behind(one: OneTool, state: State, account: str | None = None) -> Intent:
    """An approved intent whose subject another intent holds."""
    journal, mine = one.context.journal.open(), one.context.account
    await journal.add(an_intent(id=TWO, account=mine, subject=SUBJECT))
    await journal.move(TWO, "proposed", "approved", NOW)
    holder = await one.sent(state="sent", account=mine, subject=SUBJECT)
    assert await journal.claim_subject(holder, now=NOW, until=NOW + 3 * TIMEOUT) is None
    if state != "sent":
        await tamper(journal, "UPDATE intents SET state = :s WHERE id = :id", s=state, id=ONE)
    if account is not None:
        await tamper(journal, "UPDATE intents SET account = :a WHERE id = :id", a=account, id=ONE)
    return await one.stored(TWO)


async def claimed_until(one: OneTool) -> list[Any]:
    """Who holds the subject, and until when."""
    journal = one.context.journal.open()
    return [tuple(row) for row in await tamper(journal, "SELECT intent, until FROM subject_claims")]


def upstream(moment: datetime) -> str:
    """A moment as the journal keeps it."""
    return str(as_text(moment))


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The subject is looked at again at once."""
    monkeypatch.setattr(turn, "POLL_SECONDS", 0)


async def test_a_free_subject_is_claimed_for_three_timeouts(one: OneTool) -> None:
    """That is as long as a preview can take."""
    journal = one.context.journal.open()
    await journal.add(an_intent(account=one.context.account, subject=SUBJECT))
    await journal.move(ONE, "proposed", "approved", NOW)

    assert await take_turn(one.context, await one.stored())
    assert await claimed_until(one) == [(ONE, upstream(NOW + 3 * TIMEOUT))]


async def test_a_subject_is_waited_for(one: OneTool) -> None:
    """Until whoever holds it is done; then it is claimed."""
    intent = await waiting_behind(one, "sent")
    journal = one.context.journal.open()

    async def end() -> None:
        await journal.move(ONE, "sent", "applied", NOW, result=AS_JSON)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(end)
            assert await take_turn(one.context, intent)

    assert await claimed_until(one) == [(TWO, upstream(NOW + 3 * TIMEOUT))]


async def test_a_subject_is_not_waited_for_for_ever(
    one: OneTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is not held, and whoever holds it keeps it."""
    intent = await waiting_behind(one, "sent")
    monkeypatch.setattr(turn, "WAIT_SECONDS", 0.02)

    with anyio.fail_after(5):
        assert not await take_turn(one.context, intent)

    assert await claimed_until(one) == [(ONE, upstream(NOW + 3 * TIMEOUT))]
    assert one.reads.calls == []


async def test_a_claim_whose_time_is_over_is_taken_over(one: OneTool) -> None:
    """Its holder can no longer send anything."""
    intent = await waiting_behind(one, "sent")
    one.clock.moment = NOW + 3 * TIMEOUT

    with anyio.fail_after(5):
        assert await take_turn(one.context, intent)

    assert (await claimed_until(one))[0][0] == TWO


async def test_a_claim_whose_time_runs_out_meanwhile_is_taken_over(one: OneTool) -> None:
    """Also by whoever waits for it already."""
    intent = await waiting_behind(one, "sent")

    async def passes() -> None:
        one.clock.moment = NOW + 3 * TIMEOUT

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(passes)
            assert await take_turn(replace(one.context, reconciler=Looks(nothing)), intent)

    assert (await claimed_until(one))[0][0] == TWO


@pytest.mark.parametrize("known", [False, True])
async def test_nobody_is_overtaken_before_the_upstreams_time_is_known(
    one: OneTool, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Our own clock may be wrong; the embedded sandbox has it."""
    intent = await waiting_behind(one, "sent")
    one.clock.moment = NOW + 3 * TIMEOUT
    one.clock.skew = timedelta() if known else None
    settings = one.context.settings.model_copy(update={"api_key": SecretStr("xkeysib-1")})
    assert not settings.sandbox
    monkeypatch.setattr(turn, "WAIT_SECONDS", 5 if known else 0.02)
    looks = Looks(nothing)
    context = replace(one.context, settings=settings, reconciler=looks)
    intent = replace(intent, account=one.context.account)

    with anyio.fail_after(5):
        assert await take_turn(context, intent) == known


@pytest.mark.parametrize("state", ["unknown", "sent"])
async def test_a_holder_that_has_stopped_is_reconciled(one: OneTool, state: State) -> None:
    """And what is open of it is cancelled, so that it can never take effect."""
    intent = await waiting_behind(one, state)
    journal = one.context.journal.open()

    async def ends(holder: Intent) -> None:
        await journal.move(holder.id, holder.state, "not_applied", NOW)

    looks = Looks(ends, orphaned=state == "sent")

    with anyio.fail_after(5):
        assert await take_turn(replace(one.context, reconciler=looks), intent)

    assert looks.seen == [(ONE, True)]


async def test_a_holder_is_looked_at_now_and_then(one: OneTool) -> None:
    """At first, and after every twenty polls; that it cannot be read stops nothing."""
    intent = await waiting_behind(one, "unknown")
    journal = one.context.journal.open()
    polls = 0
    holder_of = type(journal).subject_holder

    async def fails_twice(holder: Intent) -> None:
        looked.append(polls)
        if len(looked) < 3:
            raise Unavailable("Brevo is away.")
        await journal.move(holder.id, "unknown", "not_applied", NOW)

    async def then_counted(*given: Any, **named: Any) -> str | None:
        nonlocal polls
        polls += 1
        return await holder_of(*given, **named)

    looked: list[int] = []
    looks = Looks(fails_twice)
    with pytest.MonkeyPatch.context() as patch, anyio.fail_after(5):
        patch.setattr(type(journal), "subject_holder", then_counted)
        assert await take_turn(replace(one.context, reconciler=looks), intent)

    assert looked == [0, RECONCILE_EVERY, 2 * RECONCILE_EVERY]


async def test_that_a_holder_cannot_be_read_is_in_the_log(
    one: OneTool, caplog: pytest.LogCaptureFixture
) -> None:
    """With as much of its id as finds it."""
    caplog.set_level(logging.INFO, logger="loyalty_mcp.guard.turn")
    await waiting_behind(one, "unknown")

    async def fails(_holder: Intent) -> None:
        raise Unavailable("Brevo is away.")

    await turn._look_after(replace(one.context, reconciler=Looks(fails)), ONE)

    lines = [record.message for record in caplog.records if record.name.endswith("guard.turn")]
    assert lines == ["intent aaaaaaaa cannot be reconciled yet: Brevo is away."]


@pytest.mark.parametrize("state", ["sent", "unknown"])
async def test_a_holder_of_another_account_is_left_alone(one: OneTool, state: State) -> None:
    """Nothing that can be read here tells of it; nor is whoever still works."""
    await waiting_behind(one, state, account="e" * 32 if state == "unknown" else None)
    looks = Looks(nothing)

    await turn._look_after(replace(one.context, reconciler=looks), ONE)
    await turn._look_after(replace(one.context, reconciler=looks), "f" * 32)

    assert looks.seen == []


async def test_a_change_is_not_left_half_done() -> None:
    """That the caller goes away stops the caller, and not the change."""
    steps: list[str] = []

    async def change() -> str:
        steps.append("draft")
        await checkpoint()
        steps.append("complete")
        return "done"

    with anyio.CancelScope() as scope:
        scope.cancel()
        assert await to_the_end(change()) == "done"

    assert steps == ["draft", "complete"]
