"""The send window: until when a change is sent, and until when it may still arrive."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest
from pydantic import SecretStr

from loyalty_mcp.brevo.operations.programs import create_program, list_programs
from loyalty_mcp.errors import (
    LoyaltyError,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.intents.policy import Policy
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.account_behaviour import HISTORY_LAG
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.send_window import (
    MARGIN,
    SHOWN_LATER,
    UNRECORDED,
    NoReadCanTell,
    SteppedChange,
    earliest_effect,
    effect_after,
    may_arrive,
    may_send,
    new_deadline,
    send_change,
)
from tests.conftest import SandboxControl
from tests.intents.journal.test_journal import ONE, an_intent

Make = Callable[..., Runtime]
TIMEOUT = timedelta(seconds=20)
SECOND = timedelta(seconds=1)
CLOSED = "The server was held up for too long, so it sent nothing more."


class StillClock:
    """The upstream's clock of one client, stopped."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.skew: timedelta | None = timedelta()

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self.moment

    def observe(self, date: str | None) -> None:
        """It stands whatever an answer says."""


@pytest.fixture
def context(make_runtime: Make) -> Context:
    """A server with a timeout of 20 seconds, at whose upstream time stands still."""
    made = make_runtime(timeout=20).context
    made.brevo._clock = StillClock(made.now())  # type: ignore[assignment] # it tells the time
    return made


def sent(context: Context, **changes: Any) -> Intent:
    """An intent whose sending begins now."""
    now = context.brevo.upstream_now()
    fields = {"state": "sent", "sent_at": now, "deadline": new_deadline(context), **changes}
    return an_intent(account=context.account, **fields)


def move_clock(context: Context, by: timedelta) -> None:
    """Let time pass at the upstream."""
    context.brevo._clock.moment += by  # type: ignore[attr-defined] # the stopped clock


async def test_a_deadline_leaves_time_for_three_timeouts(context: Context) -> None:
    """One to begin, one to wait, one in which it may still be on its way."""
    assert new_deadline(context) == context.brevo.upstream_now() + 3 * TIMEOUT + MARGIN


async def test_a_request_begins_only_within_the_first_timeout(context: Context) -> None:
    """The last moment is in it, and the next is not."""
    intent = sent(context)
    assert not may_send(context, replace(intent, deadline=None))

    move_clock(context, TIMEOUT)
    assert may_send(context, intent)
    move_clock(context, SECOND)
    assert not may_send(context, intent)


async def test_nothing_arrives_after_the_deadline(context: Context) -> None:
    """At the deadline itself it is over; an account that shows changes later gets that much."""
    intent = sent(context)
    slow = replace(context, history_lag=SECOND)
    move_clock(context, 3 * TIMEOUT + MARGIN - SECOND)
    assert may_arrive(context, intent)

    move_clock(context, SECOND)
    assert not may_arrive(context, intent)
    assert may_arrive(slow, intent)
    move_clock(context, SECOND)
    assert not may_arrive(slow, intent)


async def test_without_a_recorded_deadline_an_hour_is_waited(context: Context) -> None:
    """Older versions did not record it."""
    intent = sent(context, deadline=None)
    move_clock(context, UNRECORDED - SECOND)
    assert may_arrive(context, intent)
    move_clock(context, SECOND)
    assert not may_arrive(context, intent)


async def test_what_never_was_sent_cannot_arrive(context: Context) -> None:
    """Only its state tells, where no moment was recorded."""
    assert may_arrive(context, sent(context, sent_at=None))
    assert not may_arrive(context, sent(context, sent_at=None, state="unknown"))


@pytest.mark.parametrize("sandbox", [True, False])
async def test_before_its_first_answer_the_upstreams_time_is_not_known(
    context: Context, sandbox: bool
) -> None:
    """Then everything may still arrive; the embedded sandbox has our own clock."""
    intent = sent(context)
    move_clock(context, timedelta(days=1))
    context.brevo._clock.skew = None  # type: ignore[misc] # the stopped clock
    settings = context.settings
    if not sandbox:
        settings = settings.model_copy(update={"api_key": SecretStr("xkeysib-1")})
    assert settings.sandbox == sandbox

    assert may_arrive(replace(context, settings=settings), intent) != sandbox


async def test_nothing_of_an_intent_is_older_than_an_hour_before_it(context: Context) -> None:
    """The deadline tells best, then when it was sent, then when it was asked for."""
    intent = sent(context)
    assert intent.deadline is not None
    assert intent.sent_at is not None

    assert earliest_effect(intent) == intent.deadline - UNRECORDED
    without = replace(intent, deadline=None)
    assert earliest_effect(without) == intent.sent_at - UNRECORDED
    assert earliest_effect(replace(without, sent_at=None)) == intent.created_at - UNRECORDED


async def test_a_closed_window_sends_nothing(context: Context, control: SandboxControl) -> None:
    """The sentence says that nothing was changed, and the sandbox agrees."""
    intent = sent(context)
    before = await control.state_hash()
    move_clock(context, TIMEOUT + SECOND)

    with pytest.raises(Unavailable) as closed:
        await send_change(context, intent, create_program("Too late"))

    assert str(closed.value) == (f"{CLOSED} Nothing was changed. Call again for a new preview.")
    assert closed.value.cause == CLOSED
    assert await control.state_hash() == before


async def test_each_step_of_a_long_change_gets_a_new_deadline(context: Context) -> None:
    """A reader that reconciles it meanwhile waits for the last step; a read needs no window."""
    intent, journal = sent(context), context.journal.open()
    await journal.add(replace(intent, state="proposed", sent_at=None, deadline=None))
    await journal.move(ONE, "proposed", "approved", context.now())
    await journal.send(intent, Policy(), context.now(), deadline=intent.deadline)  # type: ignore[arg-type] # it is there
    change = SteppedChange(context, intent)

    for name in ("First", "Second", "Third"):
        move_clock(context, TIMEOUT)
        made = await change.send(create_program(name))
        stored = await journal.get(ONE)
        assert made.id
        assert stored is not None
        assert stored.deadline == new_deadline(context)

    move_clock(context, TIMEOUT + SECOND)
    assert len((await change.send(list_programs())).items) == 4
    with pytest.raises(Unavailable, match="held up for too long"):
        await change.send(create_program("Too late"))


async def test_a_step_after_the_outcome_was_recorded_is_not_sent(context: Context) -> None:
    """Another process may have told already that the rest did not happen."""
    change = SteppedChange(context, sent(context))

    with pytest.raises(Unavailable) as over:
        await change.send(create_program("Too late"))

    assert str(over.value) == "The outcome was recorded elsewhere, so it sent nothing more."


def raising(error: LoyaltyError) -> Any:
    """A look that fails."""

    async def look() -> NoReturn:
        raise error

    return look


def seeing(found: str | None) -> Any:
    """A look that sees this."""

    async def look() -> str | None:
        return found

    return look


LOST = OutcomeUnknown("The answer was lost.")
NO = Refused("The API said no.")
SPENT = RateLimited("The hour is spent.")


@pytest.mark.parametrize("failure", [LOST, NO, SPENT])
async def test_an_effect_that_is_seen_counts(context: Context, failure: LoyaltyError) -> None:
    """Whatever the answer was."""
    assert await effect_after(context, failure, seeing("it")) == "it"


@pytest.mark.parametrize(
    ("failure", "look", "error", "says"),
    [
        (LOST, seeing(None), OutcomeUnknown, "The answer was lost."),
        (NO, seeing(None), Refused, "The API said no."),
        (NO, raising(NoReadCanTell("No read.")), Refused, "The API said no."),
        (LOST, raising(NotFound("Gone.")), OutcomeUnknown, "The answer was lost."),
        (SPENT, raising(SPENT), RateLimited, "The hour is spent."),
        (NO, raising(OutcomeUnknown("It could be.")), OutcomeUnknown, "It could be."),
        (
            NO,
            raising(SPENT),
            OutcomeUnknown,
            "The API said no. Whether it was done cannot be read now.",
        ),
        (
            SPENT,
            raising(NotFound("Gone.")),
            OutcomeUnknown,
            "The hour is spent. Whether it was done cannot be read now.",
        ),
    ],
)
async def test_a_failure_stands_where_no_effect_is_seen(
    context: Context, failure: LoyaltyError, look: Any, error: type[LoyaltyError], says: str
) -> None:
    """A refusal is believed only where the read that would show its opposite succeeded."""
    with pytest.raises(LoyaltyError) as raised:
        await effect_after(context, failure, look)

    assert type(raised.value) in {error, NoReadCanTell}
    assert str(raised.value) == says


@pytest.mark.parametrize(
    ("failure", "says"),
    [(NO, f"The API said no. {SHOWN_LATER}"), (LOST, "The answer was lost.")],
)
async def test_where_changes_show_later_a_refusal_is_not_believed(
    context: Context, failure: LoyaltyError, says: str
) -> None:
    """What is not to be seen yet may have been done."""
    facts = context.journal.open().account_facts
    await facts.remember(context.account, HISTORY_LAG, "30", context.now())

    with pytest.raises(OutcomeUnknown) as unknown:
        await effect_after(context, failure, seeing(None))

    assert str(unknown.value) == says
