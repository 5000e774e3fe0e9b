"""A batch, step by step: what is agreed to, how it stops, and what each row is told."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest

from loyalty_mcp.guard import batch as batches
from loyalty_mcp.guard import turn
from loyalty_mcp.guard.batch import ROW_BUSY, Stopped, can_be_continued, carry_out_batch
from loyalty_mcp.guard.confirmation import Envelope
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.lifecycle import Intent, State, row_intent_id
from loyalty_mcp.intents.policy import Caps, Policy
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.bulk.planned_row import planned_rows, row_intent
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.progress import reporting_to
from loyalty_mcp.tools.send_window import new_deadline
from tests.bulk_caller import BulkCaller, credit_each
from tests.conftest import SandboxControl
from tests.guard.test_agreement_holds import edit_balance
from tests.guard.test_turn import Looks, nothing
from tests.intents.journal.test_journal import an_intent

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MEMBERS = (101, 102, 103)


@dataclass
class Batch:
    """A previewed bulk credit, and a clock that a test moves.

    Args:
        context: what tools work with.
        intent: the batch as it was previewed.
        began: when.
        ahead: how far the clock has been moved.
    """

    context: Context
    intent: Intent
    began: datetime
    ahead: list[timedelta] = field(default_factory=lambda: [timedelta()])

    async def carry_out(self, policy: Policy | None = None, by: str = "dialog") -> Envelope:
        """Carry out what is left."""
        batch = await self.stored(self.intent.id)
        return await carry_out_batch(self.context, policy or Policy(), batch, agreed_by=by)

    async def stored(self, intent_id: str) -> Intent:
        """An intent as the journal has it."""
        found = await self.context.journal.open().get(intent_id)
        assert found is not None
        return found

    async def row(self, number: int) -> Intent:
        """The intent of a row."""
        return await self.stored(row_intent_id(self.intent.id, number))

    async def begun(self, number: int) -> Intent:
        """The intent of a row that another process is sending."""
        journal = self.context.journal.open()
        row = planned_rows(self.intent)[number - 1]
        intent = await journal.batches.add_row(row_intent(self.intent, row, self.context.now()))
        deadline = new_deadline(self.context)
        assert await journal.claim_subject(intent, now=self.began, until=deadline) is None
        assert await journal.send(intent, Policy(), self.began, deadline=deadline)
        return intent


Previewed = Callable[..., Any]


@pytest.fixture
def previewed(make_runtime: Callable[..., Runtime]) -> Previewed:
    """Previews a bulk credit."""

    async def preview(**arguments: Any) -> Batch:
        caller = BulkCaller(make_runtime(confirm="token"))
        found = await caller.preview(**(arguments or credit_each(MEMBERS)))
        context = caller.runtime.context
        intent = await context.journal.open().get(found["intent"])
        assert intent is not None
        began = context.now()
        ahead = [timedelta()]
        context = replace(context, now=lambda: began + ahead[0])
        return Batch(context, intent, began, ahead)

    return preview


def states(found: Envelope) -> list[str]:
    """What became of each row."""
    assert found.result is not None
    return [row["status"] for row in found.result["rows"]]


async def test_a_batch_is_carried_out_row_by_row(
    previewed: Previewed, control: SandboxControl
) -> None:
    """Its progress is told, and each row and the batch say who agreed."""
    batch = await previewed()
    steps: list[tuple[int, int, str]] = []

    async def told_of(done: int, total: int, now: str) -> None:
        steps.append((done, total, now))

    with reporting_to(told_of):
        found = await batch.carry_out()

    assert (found.status, found.reason) == ("applied", None)
    assert steps == [(0, 3, "Row 1"), (1, 3, "Row 2"), (2, 3, "Row 3"), (3, 3, "Done")]
    stored = await batch.stored(batch.intent.id)
    assert (stored.state, stored.agreed_by) == ("applied", "dialog")
    assert stored.expires_at == batch.began + DAY
    row = await batch.row(2)
    assert (row.state, row.agreed_by, row.sent_at) == (
        "applied",
        f"batch {batch.intent.id}",
        batch.began,
    )
    assert await control.balance(101) == 380


async def test_a_batch_that_stops_says_how_to_go_on(
    previewed: Previewed, control: SandboxControl
) -> None:
    """With its own id, for the day that began when it was agreed to."""
    batch = await previewed()

    first = await batch.carry_out(Policy(caps=Caps(changes_per_hour=2)))
    batch.ahead[0] = HOUR
    second = await batch.carry_out(by="somebody else")

    assert first == Envelope(
        "partly_applied",
        batch.intent.id,
        confirmation=batch.intent.id,
        expires_at=batch.began + DAY,
        result=first.result,
        reason="The operator's policy allows 2 changes an hour; they are used up.",
    )
    assert states(first) == ["done", "done", "left"]
    assert (second.status, states(second)) == ("applied", ["done"] * 3)
    stored = await batch.stored(batch.intent.id)
    assert (stored.agreed_by, stored.expires_at) == ("dialog", batch.began + DAY)
    assert [await control.balance(member) for member in (101, 102)] == [380, 235]


async def test_the_day_begins_when_the_first_row_does(previewed: Previewed) -> None:
    """An operator may have agreed hours before."""
    batch = await previewed()
    journal = batch.context.journal.open()
    until = {"expires_at": batch.began + DAY, "agreed_by": "olga"}
    await journal.move(batch.intent.id, "proposed", "approved", batch.began, **until)
    batch.ahead[0] = HOUR

    found = await batch.carry_out(Policy(caps=Caps(changes_per_hour=1)))

    assert found.status == "partly_applied"
    stored = await batch.stored(batch.intent.id)
    assert (stored.agreed_by, stored.expires_at) == ("olga", batch.began + HOUR + DAY)


async def test_a_batch_stops_when_its_day_is_over(previewed: Previewed) -> None:
    """Between two rows."""
    batch = await previewed()

    async def time_passes(done: int, _total: int, _now: str) -> None:
        if done == 1:
            batch.ahead[0] = DAY

    with reporting_to(time_passes):
        found = await batch.carry_out()

    assert found.status == "partly_applied"
    assert found.reason == "The day in which it can be continued is over."
    assert states(found) == ["done", "left", "left"]


async def test_rows_that_are_refused_are_left_out(previewed: Previewed) -> None:
    """The others are counted without them."""
    batch = await previewed(**credit_each(["no.one@example.com", 101]))
    steps: list[tuple[int, int, str]] = []

    async def heard(done: int, total: int, now: str) -> None:
        steps.append((done, total, now))

    with reporting_to(heard):
        found = await batch.carry_out()

    assert (found.status, states(found)) == ("applied", ["refused", "done"])
    assert steps == [(0, 1, "Row 2"), (1, 1, "Done")]


async def test_what_is_published_meanwhile_is_seen_within_ten_rows(previewed: Previewed) -> None:
    """A lower ceiling refuses the rows after the next look."""
    members = [f"own:VIP-{number}" for number in (102, 103, 104, 105, 106, 107)]
    batch = await previewed(**credit_each([*members, *members], 10))
    control: Any = batch.context.brevo._http

    async def published(done: int, _total: int, _now: str) -> None:
        if done == 10:
            await lower_ceiling(control)

    with reporting_to(published):
        found = await batch.carry_out()

    assert found.result is not None
    assert states(found) == ["done"] * 10 + ["refused"] * 2
    reason = found.result["rows"][10]["reason"]
    assert reason == "One credit of this balance moves at most 5 points."


async def lower_ceiling(http: Any) -> None:
    """Bound one credit of the visible balance, and publish it."""
    await edit_balance(SandboxControl(SandboxPaths(http)), maxCreditAmountLimit=5)  # type: ignore[arg-type] # the calls of it that are used


class SandboxPaths:
    """The server's own way to the sandbox, for paths from its root."""

    def __init__(self, http: Any) -> None:
        self._http = http

    async def get(self, path: str) -> Any:
        """GET a path."""
        return await self._http.get(path.removeprefix("/v3"))

    async def post(self, path: str, json: Any) -> Any:
        """POST to a path."""
        return await self._http.post(path.removeprefix("/v3"), json=json)

    async def put(self, path: str, json: Any) -> Any:
        """PUT to a path."""
        return await self._http.put(path.removeprefix("/v3"), json=json)


async def test_names_of_rows_mean_what_they_meant(
    previewed: Previewed, control: SandboxControl
) -> None:
    """A balance that is renamed is still the one that was agreed to."""
    batch = await previewed(**credit_each(MEMBERS), balance="Purchase Points")
    await edit_balance(control, name="Club Points")

    found = await batch.carry_out()

    assert (found.status, states(found)) == ("applied", ["done"] * 3)


async def test_a_row_says_all_that_changed(previewed: Previewed, control: SandboxControl) -> None:
    """And is not done; the others are."""
    rows = [{"member": "101", "amount": 10.5}, {"member": "102", "amount": 10}]
    batch = await previewed(action="credit", rows=rows, reason="Goodwill")
    await edit_balance(control, balanceOptionCreditRounding="upper")

    found = await batch.carry_out()

    assert found.result is not None
    assert states(found) == ["refused", "done"]
    reason = found.result["rows"][0]["reason"]
    assert reason == "Changed since the preview: balance, what moves. It was not done."
    assert (await batch.row(1)).reason == reason


async def test_a_row_whose_member_is_taken_is_not_done(
    previewed: Previewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason says so."""
    monkeypatch.setattr(turn, "WAIT_SECONDS", 0.05)
    batch = await previewed()
    journal, subject = batch.context.journal.open(), planned_rows(batch.intent)[0].subject
    other = an_intent(account=batch.context.account, subject=subject)
    await journal.add(other)
    await journal.move(other.id, "proposed", "approved", batch.began)
    await journal.claim_subject(other, now=batch.began, until=batch.began + DAY)

    with anyio.fail_after(5):
        found = await batch.carry_out()

    assert found.result is not None
    assert states(found) == ["refused", "done", "done"]
    assert found.result["rows"][0]["reason"] == ROW_BUSY


@pytest.mark.parametrize("orphaned", [False, True])
async def test_a_row_that_another_process_sends_is_waited_for_a_little(
    previewed: Previewed, monkeypatch: pytest.MonkeyPatch, orphaned: bool
) -> None:
    """Then the others go on; if nobody works on it, it is found out, and closed."""
    monkeypatch.setattr(batches, "LOOK_SECONDS", 0.01)
    batch = await previewed()
    row = await batch.begun(1)
    looks = Looks(nothing, orphaned=orphaned)
    batch.context = replace(batch.context, reconciler=looks)

    with anyio.fail_after(5):
        found = await batch.carry_out()

    assert found.status == "partly_applied"
    assert found.reason == "Some rows are still under way, or their outcome is unknown."
    assert states(found) == ["unknown", "done", "done"]
    assert looks.seen == ([(row.id, True)] if orphaned else [])


async def test_of_two_processes_one_sends_a_row(
    previewed: Previewed, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second finds out what became of it."""
    monkeypatch.setattr(batches, "LOOK_SECONDS", 0.01)
    batch = await previewed(**credit_each([101]))
    looks = Looks(nothing, orphaned=True)
    batch.context = replace(batch.context, reconciler=looks)
    send = Journal.send

    async def second(*given: Any, **named: Any) -> bool:
        await send(*given, **named)
        return await send(*given, **named)

    monkeypatch.setattr(Journal, "send", second)

    with anyio.fail_after(5):
        found = await batch.carry_out()

    assert (found.status, states(found)) == ("partly_applied", ["unknown"])
    assert looks.seen == [(row_intent_id(batch.intent.id, 1), True)]
    assert await control.balance(101) == 280


@pytest.mark.parametrize(
    ("kept", "state", "continued"),
    [
        ({"rows": []}, "approved", True),
        ({"rows": []}, "expired", True),
        ({"rows": []}, "proposed", False),
        ({}, "approved", False),
    ],
)
def test_only_a_batch_that_was_agreed_to_is_continued_by_its_id(
    kept: dict[str, Any], state: State, continued: bool
) -> None:
    """The id is no secret, so it confirms nothing that nobody agreed to."""
    assert can_be_continued(an_intent(kept=kept, state=state)) == continued


def test_what_stops_a_batch_says_why() -> None:
    """Also in a log."""
    assert str(Stopped("The hour is spent.")) == Stopped("The hour is spent.").why
