"""How work on a sent intent ends: what is written down, and what is answered."""

from dataclasses import replace
from typing import Any

import pytest

from loyalty_mcp.errors import JournalUnavailable, NotFound, OutcomeUnknown, Refused
from loyalty_mcp.guard.confirmation import Envelope
from loyalty_mcp.guard.reconciliation import ended, ending
from loyalty_mcp.intents.lazy_journal import LazyJournal
from loyalty_mcp.intents.lifecycle import Preview, State
from tests.guard.one_tool import AS_JSON, MOVED, OneTool, outcome
from tests.intents.journal.test_journal import ONE, an_intent


@pytest.mark.parametrize(
    ("answer", "ending_"),
    [
        (MOVED, ("applied", AS_JSON, None)),
        (OutcomeUnknown("Lost."), ("unknown", None, "Lost.")),
        (Refused("No."), ("not_applied", None, "No.")),
        (NotFound("Gone."), ("not_applied", None, "Gone.")),
        (ValueError("x"), ("unknown", None, "The server failed; check_intent will tell.")),
    ],
)
async def test_work_ends_as_it_tells(answer: Any, ending_: Any) -> None:
    """A mistake of ours is no outcome of the change."""
    assert await ended(an_intent(), outcome(answer)) == ending_


async def test_a_mistake_of_ours_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With its stack, and with as much of the id as finds it."""
    await ended(an_intent(), outcome(ValueError("x")))

    (record,) = caplog.records
    assert record.message == "intent aaaaaaaa ended in a mistake of ours"
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("answer", "envelope"),
    [
        (MOVED, Envelope("applied", ONE, result=AS_JSON, done="Done.")),
        (OutcomeUnknown("Lost."), Envelope("unknown", ONE, reason="Lost.", done="Done.")),
        (Refused("No."), Envelope("not_applied", ONE, reason="No.", done="Done.")),
    ],
)
async def test_the_answer_is_what_is_written(one: OneTool, answer: Any, envelope: Envelope) -> None:
    """The journal has the same status, result and reason."""
    intent = await one.sent(preview=Preview("Do.", done="Done."))

    found = await ending(one.context, intent, outcome(answer))
    stored = await one.stored()

    assert found == envelope
    assert (stored.state, stored.result, stored.reason) == (
        envelope.status,
        envelope.result,
        envelope.reason,
    )


@pytest.mark.parametrize(
    ("state", "answer", "status", "again"),
    [
        ("not_applied", MOVED, "applied", False),
        ("unknown", MOVED, "applied", False),
        ("unknown", Refused("No."), "not_applied", False),
        ("unknown", OutcomeUnknown("Lost."), "unknown", True),
        ("applied", OutcomeUnknown("Lost."), "applied", True),
        ("applied", Refused("No."), "applied", True),
        ("not_applied", OutcomeUnknown("Lost."), "not_applied", True),
    ],
)
async def test_who_did_the_work_knows_best(
    one: OneTool, state: State, answer: Any, status: State, again: bool
) -> None:
    """Success is written over what was concluded; what could not be found out never is."""
    intent = await one.sent(state)

    found = await ending(one.context, intent, outcome(answer))

    assert (found.status, found.again) == (status, again)
    assert (await one.stored()).state == status
    assert found.reason == ("As it was." if again else None if status == "applied" else "No.")


async def test_what_happened_is_said_though_it_cannot_be_written(
    one: OneTool, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells that the entry is missing."""

    def nowhere() -> str:
        raise JournalUnavailable("The disk is away.")

    context = replace(one.context, journal=LazyJournal(nowhere))

    found = await ending(context, an_intent(preview=Preview("Do.")), outcome(MOVED))

    assert found == Envelope("applied", ONE, result=AS_JSON)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "intent aaaaaaaa ended applied, unwritten"
    ]
