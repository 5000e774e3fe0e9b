"""A preview that no longer holds when it is made again, and what others do meanwhile."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from loyalty_mcp.errors import Refused, Unavailable
from loyalty_mcp.guard import turn
from loyalty_mcp.guard.confirmation import Caller, Envelope, Question, Reaction
from loyalty_mcp.guard.turn import BUSY
from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.intents.lifecycle import (
    Intent,
    Preparation,
    State,
)
from loyalty_mcp.intents.policy import Approval, Caps, Policy
from loyalty_mcp.tools.context import Context
from tests.conftest import SandboxControl
from tests.guard.guarded_tool import (
    CARDS,
    DIALOGS,
    DRIFTED,
    FIVE,
    PLAIN,
    TTL,
    GuardedTool,
    Step,
    same,
    stored,
)
from tests.guard.test_agreement_holds import edit_balance
from tests.intents.journal.test_journal import NOW, ONE, an_intent

YES = Reaction(agreed=True)
NO = Reaction(agreed=False, why_not="the person said no")
CHANGED = "Changed since the preview: balance, tier. Nothing was done."
TYPED = replace(FIVE, preview=replace(FIVE.preview, typed="500"))


def then(tool: GuardedTool, target: State, preparation: Preparation | Exception = FIVE) -> Step:
    """A preview in whose making another process moves the intent on."""

    async def prepare(_context: Context) -> Preparation:
        journal = tool.one.context.journal.open()
        (intent,) = await journal.find(states=["approved"])
        await journal.move(intent.id, "approved", target, NOW, reason="Elsewhere.")
        if isinstance(preparation, Exception):
            raise preparation
        return preparation

    return prepare


def failing(error: Exception) -> Step:
    """A preview that cannot be made."""

    async def prepare(_context: Context) -> Preparation:
        raise error

    return prepare


class TestDrift:
    """A preview that no longer holds when it is made again."""

    async def test_there_is_a_new_preview(self, tool: GuardedTool) -> None:
        """It says what changed, and the agreed one is over."""
        tool.previews = [same(FIVE), same(DRIFTED)]
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)

        found = await tool.confirmed(guard, call, preview.confirmation)

        assert (found.status, found.reason) == ("confirmation_required", CHANGED)
        old = await stored(tool, preview.intent)
        assert (old.state, old.reason) == ("expired", CHANGED)
        assert tool.sent == []
        assert (await tool.confirmed(guard, call, found.confirmation)).status == "applied"

    @pytest.mark.parametrize(
        ("caller", "policy"),
        [(CARDS, Policy()), (PLAIN, Policy(approval=Approval(operator_above=7)))],
    )
    async def test_every_route_says_what_changed(
        self, tool: GuardedTool, caller: Caller, policy: Policy
    ) -> None:
        """A card, and an operator whose threshold the new preview passes."""
        assert FIVE.movement is not None
        more = replace(DRIFTED, movement=replace(FIVE.movement, amount=Decimal(8)))
        tool.previews = [same(FIVE), same(more)]
        guard, call = tool.guard("ask", policy), tool.call(caller)
        preview = await tool.previewed(guard, call)

        found = await tool.confirmed(guard, call, preview.confirmation or preview.card_confirmation)

        assert found.reason == (
            "Changed since the preview: balance, tier, what moves. Nothing was done."
        )

    @pytest.mark.parametrize("rounds", [1, 2])
    async def test_a_dialog_is_asked_again(self, tool: GuardedTool, rounds: int) -> None:
        """With what changed, about what its names meant."""
        tool.previews = [same(FIVE), same(DRIFTED)]
        guard, call = tool.guard("ask"), tool.call(DIALOGS)
        first = await guard.request(call)
        assert isinstance(first, Question)

        found = await guard.answered(call, first.intent.id, YES, rounds)

        assert isinstance(found, Question)
        assert (found.rounds, found.moved) == (rounds + 1, CHANGED)

    async def test_a_dialog_is_asked_three_times_at_most(self, tool: GuardedTool) -> None:
        """Then it is declined, and says why."""
        tool.previews = [same(FIVE), same(DRIFTED)]
        guard, call = tool.guard("ask"), tool.call(DIALOGS)
        first = await guard.request(call)
        assert isinstance(first, Question)

        found = await guard.answered(call, first.intent.id, YES, 3)

        assert found == Envelope(
            "declined", first.intent.id, reason=f"{CHANGED} It keeps changing."
        )

    async def test_where_nobody_is_asked_it_ends_too(self, tool: GuardedTool) -> None:
        """A change that never holds still is not carried out."""
        balances = [replace(FIVE, facts={"balance": Decimal(n)}) for n in range(9)]
        tool.previews = [same(preparation) for preparation in balances]

        found = await tool.previewed(tool.guard("off"), tool.call())

        assert found.status == "declined"
        assert len(tool.contexts) == 6
        assert tool.sent == []

    async def test_the_new_preview_is_about_what_was_meant(
        self, tool: GuardedTool, control: SandboxControl
    ) -> None:
        """A balance that was renamed is not looked for by its old name."""
        tool.previews = [same(FIVE), same(DRIFTED)]
        guard, call = tool.guard(), tool.call(balance="Purchase Points")
        preview = await tool.previewed(guard, call)
        await edit_balance(control, name="Club Points")

        found = await tool.confirmed(guard, call, preview.confirmation)

        assert found.status == "confirmation_required"
        assert tool.arguments[0] == tool.arguments[1] == tool.arguments[2]

    @pytest.mark.parametrize("target", ["expired", "not_applied"])
    @pytest.mark.parametrize(
        "preparation", [DRIFTED, FIVE, Refused("No more."), Unavailable("Down.")]
    )
    async def test_what_ended_elsewhere_meanwhile_is_told_as_it_ended(
        self, tool: GuardedTool, target: State, preparation: Preparation | Exception
    ) -> None:
        """Whatever the preview shows by then; nothing is sent and nothing is proposed."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        tool.previews = [then(tool, target, preparation)]

        found = await tool.confirmed(guard, call, preview.confirmation)

        assert (found.status, found.reason, found.again) == (target, "Elsewhere.", True)
        assert found.intent == preview.intent
        assert tool.sent == []

    async def test_what_is_refused_by_now_is_over(self, tool: GuardedTool) -> None:
        """It says why."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        tool.previews = [failing(Refused("No more room."))]

        found = await tool.confirmed(guard, call, preview.confirmation)

        reason = "It is no longer possible. No more room."
        assert found == Envelope("expired", preview.intent, reason=reason)
        assert (await stored(tool, preview.intent)).reason == reason

    async def test_what_cannot_be_read_now_can_be_confirmed_later(self, tool: GuardedTool) -> None:
        """The confirmation is not used up."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        tool.previews = [failing(Unavailable("Brevo is away."))]
        assert preview.confirmation is not None

        with pytest.raises(Unavailable, match="Brevo is away"):
            await guard.confirm(call, preview.confirmation)
        assert (await stored(tool, preview.intent)).state == "approved"
        tool.previews = [same(FIVE)]

        assert (await tool.confirmed(guard, call, preview.confirmation)).status == "applied"


class TestAtTheSameMoment:
    """What another process does at each step."""

    @pytest.mark.parametrize("card", [False, True])
    async def test_whoever_decided_first_is_told(
        self, tool: GuardedTool, monkeypatch: pytest.MonkeyPatch, card: bool
    ) -> None:
        """A confirmation that was read before it was declined elsewhere."""
        guard, call = tool.guard("ask"), tool.call(CARDS if card else PLAIN)
        preview = await tool.previewed(guard, call)
        read = Journal.by_confirmation

        async def then_declined(journal: Journal, digest: str) -> Intent | None:
            found = await read(journal, digest)
            assert found is not None
            await journal.move(found.id, "proposed", "declined", NOW, reason="Elsewhere.")
            return found

        monkeypatch.setattr(Journal, "by_confirmation", then_declined)

        found = await tool.confirmed(guard, call, preview.confirmation or preview.card_confirmation)

        assert (found.status, found.reason, found.again) == ("declined", "Elsewhere.", True)
        assert tool.sent == []

    async def test_a_cap_that_was_reached_meanwhile_holds(self, tool: GuardedTool) -> None:
        """Two previews fit below it, and one of them is carried out."""
        policy = Policy(caps=Caps(credit_per_member_per_day=8))
        guard, call = tool.guard("token", policy), tool.call()
        first, second = [await tool.previewed(guard, call) for _ in range(2)]

        done = await tool.confirmed(guard, call, first.confirmation)
        refused = await tool.confirmed(guard, call, second.confirmation)

        reason = (
            "The operator's policy allows 8 of credit a member a day; 3 is left today (UTC). "
            "Nothing was changed."
        )
        assert done.status == "applied"
        assert refused == Envelope("not_applied", second.intent, reason=reason)
        assert (await stored(tool, second.intent)).reason == reason
        assert len(tool.sent) == 1

    async def test_a_subject_that_stays_taken_ends_the_change(
        self, tool: GuardedTool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is done beside another change of the same member."""
        monkeypatch.setattr(turn, "WAIT_SECONDS", 0.05)
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        journal, account = tool.one.context.journal.open(), tool.one.context.account
        subject = (await stored(tool, preview.intent)).subject
        other = an_intent(account=account, subject=subject)
        await journal.add(other)
        await journal.move(ONE, "proposed", "approved", NOW)
        assert await journal.claim_subject(other, now=NOW, until=NOW + TTL) is None

        with anyio.fail_after(5):
            found = await tool.confirmed(guard, call, preview.confirmation)

        assert found == Envelope("expired", preview.intent, reason=BUSY)
        assert tool.sent == []
