"""An operator's word: what it can be about, what it leaves behind, and what is said otherwise."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from loyalty_mcp.errors import LoyaltyError, OwnIntent, Refused, UnknownReference
from loyalty_mcp.guard.operator_approval import close_unknown, decide, decided, waiting_intents
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.lifecycle import Intent, State
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.context import Context
from tests.intents.journal.test_journal import NOW, ONE, an_intent, at

OLGA = "operator:olga"
Decision = Literal["approved", "declined"]


@pytest.fixture
def context(make_runtime: Callable[..., Runtime]) -> Context:
    """A server whose clock stands still while its intents wait."""
    made = make_runtime(confirm="operator").context
    return replace(made, now=lambda: NOW)


async def waits(context: Context, **changes: Any) -> Intent:
    """An intent that waits for an operator."""
    intent = an_intent(**{"route": "operator", "account": context.account, **changes})
    await context.journal.open().add(intent)
    return intent


async def stored(context: Context) -> Intent:
    """The intent as the journal has it."""
    found = await context.journal.open().get(ONE)
    assert found is not None
    return found


def overtaken(monkeypatch: pytest.MonkeyPatch, origin: State, target: State) -> None:
    """Let another process move the intent right after it is read."""
    get = Journal.get

    async def then_moved(journal: Journal, intent_id: str) -> Intent | None:
        found = await get(journal, intent_id)
        await journal.move(intent_id, origin, target, NOW)
        return found

    monkeypatch.setattr(Journal, "get", then_moved)


async def test_an_operator_approves_what_waits(context: Context) -> None:
    """Nothing is carried out yet, and who agreed is written down."""
    await waits(context)

    intent = await decide(context, ONE, "approved", OLGA)

    assert intent == await stored(context)
    assert (intent.state, intent.agreed_by, intent.reason) == ("approved", OLGA, None)


@pytest.mark.parametrize("route", ["operator", "dialog", "card", "token"])
async def test_an_operator_may_veto_whatever_waits(context: Context, route: str) -> None:
    """The reason names the operator, and reaches whoever asked."""
    await waits(context, route=route)

    intent = await decide(context, ONE, "declined", OLGA)

    assert (intent.state, intent.agreed_by) == ("declined", OLGA)
    assert intent.reason == "Nothing was changed: operator:olga declined."


@pytest.mark.parametrize(
    ("changes", "target", "error", "says"),
    [
        (None, "approved", UnknownReference, "There is no such intent."),
        ({"caller": OLGA}, "approved", OwnIntent, "Nobody decides on their own intent."),
        ({"caller": OLGA}, "declined", OwnIntent, "Nobody decides on their own intent."),
        (
            {"route": "token"},
            "approved",
            Refused,
            (
                "That intent does not wait for an operator, but for a dialog, a card or a "
                "confirmation; it can only be declined here."
            ),
        ),
        (
            {"expires_at": NOW},
            "approved",
            Refused,
            "That intent has expired; the agent can ask again.",
        ),
    ],
)
async def test_what_an_operator_cannot_decide_on_is_refused(
    context: Context,
    changes: dict[str, Any] | None,
    target: Decision,
    error: type[LoyaltyError],
    says: str,
) -> None:
    """The sentence says why, and nothing is decided."""
    if changes is not None:
        await waits(context, **changes)

    with pytest.raises(error) as refused:
        await decide(context, ONE, target, OLGA)

    assert str(refused.value) == says
    if changes is not None:
        late = "expires_at" in changes
        assert (await stored(context)).state == ("expired" if late else "proposed")


@pytest.mark.parametrize("state", ["approved", "declined", "expired"])
@pytest.mark.parametrize("target", ["approved", "declined"])
async def test_what_was_decided_is_not_decided_again(
    context: Context, state: State, target: Decision
) -> None:
    """The operator learns what it is by now."""
    await at(context.journal.open(), state, route="operator")

    with pytest.raises(Refused) as refused:
        await decide(context, ONE, target, OLGA)

    assert str(refused.value) == f"That intent does not wait any more; it is {state}."


async def test_of_two_operators_one_decides(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second is told so, and the first decision stands."""
    await waits(context)
    overtaken(monkeypatch, "proposed", "declined")

    with pytest.raises(Refused) as refused:
        await decide(context, ONE, "approved", OLGA)

    assert str(refused.value) == "Somebody else decided at the same moment."
    assert (await stored(context)).state == "declined"


async def test_what_was_decided_lately_is_shown(context: Context) -> None:
    """For seven days, and no longer what waits."""
    await waits(context)
    assert [intent.id for intent in await waiting_intents(context)] == [ONE]
    assert await decided(context) == []

    await decide(context, ONE, "approved", OLGA)

    assert await waiting_intents(context) == []
    assert [intent.id for intent in await decided(context)] == [ONE]
    later = replace(context, now=lambda: NOW + timedelta(days=8))
    assert await decided(later) == []


@pytest.mark.parametrize("outcome", ["applied", "not_applied"])
async def test_what_no_read_can_tell_is_closed_by_an_operator(
    context: Context, outcome: Literal["applied", "not_applied"]
) -> None:
    """The reason says who closed it and how they know; who had agreed stays."""
    journal = context.journal.open()
    await at(journal, "proposed", account=context.account)
    await journal.move(ONE, "proposed", "approved", NOW, agreed_by="dialog")
    await journal.send(an_intent(), context.policy, NOW, deadline=NOW)
    await journal.move(ONE, "sent", "unknown", NOW)

    intent = await close_unknown(context, ONE, outcome, "Seen in Brevo", OLGA)

    assert intent == await stored(context)
    assert (intent.state, intent.agreed_by) == (outcome, "dialog")
    assert intent.reason == f"operator:olga closed it as {outcome}: Seen in Brevo"


async def test_only_what_is_unknown_is_closed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what is not there, nor what is known, nor what was found out meanwhile."""
    with pytest.raises(UnknownReference) as missing:
        await close_unknown(context, ONE, "applied", "Seen", OLGA)
    await at(context.journal.open(), "sent")
    with pytest.raises(Refused) as known:
        await close_unknown(context, ONE, "applied", "Seen", OLGA)
    await context.journal.open().move(ONE, "sent", "unknown", NOW)
    overtaken(monkeypatch, "unknown", "not_applied")
    with pytest.raises(Refused) as late:
        await close_unknown(context, ONE, "applied", "Seen", OLGA)

    assert str(missing.value) == "There is no such intent."
    assert str(known.value) == "Only an intent of unknown outcome is closed; that one is sent."
    assert str(late.value) == "Its outcome was found out at the same moment; show it again."
    assert (await stored(context)).state == "not_applied"
