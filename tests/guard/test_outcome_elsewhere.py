"""The outcome of an intent that another call or another process carries out."""

import anyio
import pytest

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.outcome_elsewhere import NO_SUCH, outcome_elsewhere, settled_elsewhere
from loyalty_mcp.intents.lifecycle import State
from tests.guard.one_tool import AS_JSON, UNTIL, OneTool
from tests.intents.journal.test_journal import NOW, ONE, an_intent


async def test_it_is_waited_for(one: OneTool) -> None:
    """Until whoever carries it out is done."""
    await one.sent()
    journal = one.context.journal.open()

    async def end() -> None:
        await journal.move(ONE, "sent", "applied", NOW, result=AS_JSON)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(end)
            found = await outcome_elsewhere(one.context, ONE)

    assert (found.status, found.result, found.again) == ("applied", AS_JSON, True)
    assert one.reads.calls == []


@pytest.mark.parametrize("state", ["approved", "sent"])
async def test_it_is_not_waited_for_for_ever(one: OneTool, state: State) -> None:
    """After its time it is told as it is, and nothing is read against its worker."""
    intent = await one.sent()
    if state == "approved":
        await one.context.journal.open().add(an_intent(id="c" * 32))
        await one.context.journal.open().move("c" * 32, "proposed", "approved", NOW)
        intent = await one.stored("c" * 32)

    with anyio.fail_after(5):
        assert await settled_elsewhere(one.context, intent.id, 0.01) == intent
    assert one.reads.calls == []


@pytest.mark.parametrize("state", ["sent", "unknown"])
@pytest.mark.parametrize("close", [None, False, True])
async def test_it_is_read_where_nobody_works_on_it(
    one: OneTool, state: State, close: bool | None
) -> None:
    """At once; what is open of it is cancelled only if that was asked for."""
    await one.sent(state)
    one.clock.moment = UNTIL
    named = {} if close is None else {"close": close}

    with anyio.fail_after(5):
        found = await settled_elsewhere(one.context, ONE, 60, **named)

    assert found == await one.stored()
    assert found.state == "applied"
    assert [call["close"] for call in one.reads.calls] == [bool(close)]


@pytest.mark.parametrize("state", ["applied", "not_applied"])
async def test_what_has_ended_is_told_again(one: OneTool, state: State) -> None:
    """Without a look."""
    await one.sent(state)
    one.clock.moment = UNTIL

    found = await outcome_elsewhere(one.context, ONE)

    assert (found.status, found.reason, found.again) == (state, "As it was.", True)
    assert one.reads.calls == []


async def test_what_is_not_there_any_more_is_refused(one: OneTool) -> None:
    """The sentence says how to begin anew."""
    assert await settled_elsewhere(one.context, ONE, 1) is None
    with pytest.raises(Refused) as refused:
        await outcome_elsewhere(one.context, ONE)

    assert str(refused.value) == NO_SUCH
