"""What the guard does with an agreement: by a confirmation, a card or a dialog."""

from dataclasses import replace
from datetime import timedelta

import pytest

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.card_answer import NEW_PREVIEW
from loyalty_mcp.guard.confirmation import Caller, Envelope, Question, Reaction
from loyalty_mcp.guard.guard import NEVER_ISSUED
from loyalty_mcp.guard.operator_approval import decide
from loyalty_mcp.guard.outcome_elsewhere import NO_SUCH
from loyalty_mcp.intents.lifecycle import (
    LATE,
)
from loyalty_mcp.tools.send_window import new_deadline
from tests.conftest import SandboxControl
from tests.guard.guarded_tool import (
    CARDS,
    DIALOG_TIMEOUT,
    DIALOGS,
    FIVE,
    OPERATOR_TTL,
    TTL,
    GuardedTool,
    same,
    stored,
)
from tests.guard.one_tool import AS_JSON, SECOND
from tests.guard.test_agreement_holds import edit_balance
from tests.intents.journal.test_journal import NOW, ONE

YES = Reaction(agreed=True)
NO = Reaction(agreed=False, why_not="the person said no")
CHANGED = "Changed since the preview: balance, tier. Nothing was done."
TYPED = replace(FIVE, preview=replace(FIVE.preview, typed="500"))


class TestAgreed:
    """What is carried out, and by whose word."""

    async def test_a_confirmation_carries_it_out_once(self, tool: GuardedTool) -> None:
        """What is handed to the tool is the intent as it is sent."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        tool.one.clock.moment += SECOND

        first = await tool.confirmed(guard, call, preview.confirmation)
        again = await tool.confirmed(guard, call, preview.confirmation)

        done = Envelope("applied", preview.intent, result=AS_JSON, done="Credited 5.")
        assert first == done
        assert again == replace(done, again=True)
        intent = await stored(tool, preview.intent)
        assert intent.agreed_by == "confirmation"
        (sent,) = tool.sent
        assert (sent.id, sent.state) == (preview.intent, "sent")
        assert sent.sent_at == NOW + SECOND == intent.sent_at
        assert sent.deadline == new_deadline(tool.one.context) == intent.deadline

    async def test_a_preview_made_again_knows_the_first(self, tool: GuardedTool) -> None:
        """It is told as of then, with what was found out then."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        tool.one.clock.moment += SECOND

        await tool.confirmed(guard, call, preview.confirmation)

        again = tool.contexts[1]
        assert again.now() == NOW
        assert again.kept == FIVE.kept

    async def test_names_mean_what_they_meant(
        self, tool: GuardedTool, control: SandboxControl
    ) -> None:
        """A balance that is renamed after the agreement is still the one that was agreed to."""
        guard, call = tool.guard(), tool.call(balance="Purchase Points")
        preview = await tool.previewed(guard, call)
        await edit_balance(control, name="Club Points")

        assert (await tool.confirmed(guard, call, preview.confirmation)).status == "applied"
        assert tool.arguments[0] == tool.arguments[1]

    @pytest.mark.parametrize("confirmation", ["f" * 32, "f" * 32 + ":500", "decline:" + "f" * 32])
    async def test_what_was_never_issued_confirms_nothing(
        self, tool: GuardedTool, confirmation: str
    ) -> None:
        """There is a new preview, and it says so."""
        found = await tool.confirmed(tool.guard(), tool.call(), confirmation)

        assert (found.status, found.reason) == ("confirmation_required", NEVER_ISSUED)

    @pytest.mark.parametrize("as_", ["{}:500", "decline:{}"])
    async def test_only_a_card_answers_as_a_card(self, tool: GuardedTool, as_: str) -> None:
        """A confirmation that a model was given is repeated as it is."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)

        found = await tool.confirmed(guard, call, as_.format(preview.confirmation))

        assert (found.status, found.reason) == ("confirmation_required", NEVER_ISSUED)
        assert (await stored(tool, preview.intent)).state == "proposed"

    async def test_neither_another_caller_nor_the_id_confirms(self, tool: GuardedTool) -> None:
        """A confirmation is for whoever got it, and an id is no secret."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        other = tool.call(Caller("somebody else", can_ask=False))

        by_other = await tool.confirmed(guard, other, preview.confirmation)
        by_id = await tool.confirmed(guard, call, preview.intent)

        assert [by_other.reason, by_id.reason] == [NEVER_ISSUED, NEVER_ISSUED]
        assert tool.sent == []

    async def test_after_an_operator_the_call_is_repeated_with_the_id(
        self, tool: GuardedTool
    ) -> None:
        """Before, it still waits."""
        guard, call = tool.guard("operator"), tool.call()
        preview = await tool.previewed(guard, call)

        early = await tool.confirmed(guard, call, preview.intent)
        assert preview.intent is not None
        await decide(tool.one.context, preview.intent, "approved", "olga")
        done = await tool.confirmed(guard, call, preview.intent)

        assert early == preview
        assert done.status == "applied"
        assert (await stored(tool, preview.intent)).agreed_by == "olga"

    async def test_what_came_too_late_is_not_done(self, tool: GuardedTool) -> None:
        """At its last moment it is over, also where an operator agreed."""
        guard, call = tool.guard(), tool.call()
        preview = await tool.previewed(guard, call)
        waits = await tool.previewed(tool.guard("operator"), call)
        assert waits.intent is not None
        await decide(tool.one.context, waits.intent, "approved", "olga")
        tool.one.clock.moment = NOW + TTL
        late = await tool.confirmed(guard, call, preview.confirmation)
        tool.one.clock.moment = NOW + OPERATOR_TTL
        later = await tool.confirmed(guard, call, waits.intent)

        assert late == Envelope("expired", preview.intent, reason=LATE)
        assert later == Envelope("expired", waits.intent, reason=LATE)
        for found in (late, later):
            assert (await stored(tool, found.intent)).reason == LATE
        assert tool.sent == []

    async def test_a_batch_whose_time_is_over_says_what_was_done(self, tool: GuardedTool) -> None:
        """An agreed one ends with its rows, a proposed one like any other intent."""
        tool.previews = [same(replace(FIVE, kept={"rows": []}))]
        guard, call = tool.guard(), tool.call()
        agreed = await tool.previewed(guard, call)
        proposed = await tool.previewed(guard, call)
        assert agreed.intent is not None
        journal = tool.one.context.journal.open()
        await journal.move(agreed.intent, "proposed", "approved", NOW)
        tool.one.clock.moment = NOW + TTL

        first = await tool.confirmed(guard, call, agreed.confirmation)
        second = await tool.confirmed(guard, call, proposed.confirmation)

        assert (first.status, first.result is None) == ("not_applied", False)
        assert (second.status, second.reason) == ("expired", LATE)


class TestCard:
    """A card that a person answers."""

    async def test_a_yes_carries_it_out(self, tool: GuardedTool) -> None:
        """The trail says that it was a card; a second yes changes nothing."""
        guard, call = tool.guard("ask"), tool.call(CARDS)
        preview = await tool.previewed(guard, call)

        found = await tool.confirmed(guard, call, preview.card_confirmation)
        again = await tool.confirmed(guard, call, preview.card_confirmation)

        assert found.status == again.status == "applied"
        assert again.again
        assert (await stored(tool, preview.intent)).agreed_by == "card"

    async def test_a_no_ends_it(self, tool: GuardedTool) -> None:
        """And is told so, also when it is said twice."""
        guard, call = tool.guard("ask"), tool.call(CARDS)
        preview = await tool.previewed(guard, call)
        said = f"decline:{preview.card_confirmation}"
        reason = (
            "Nothing was changed: the person said no in the card. Do not ask again unless the "
            "person wants it."
        )

        found = await tool.confirmed(guard, call, said)
        again = await tool.confirmed(guard, call, said)

        assert found == Envelope("declined", preview.intent, reason=reason)
        assert (again.status, again.reason, again.again) == ("declined", reason, True)
        assert (await stored(tool, preview.intent)).reason == reason

    async def test_what_is_to_be_typed_is_typed(self, tool: GuardedTool) -> None:
        """Otherwise the same card can be answered again; once done, it is told as it was."""
        tool.previews = [same(TYPED)]
        guard, call = tool.guard("ask"), tool.call(CARDS)
        preview = await tool.previewed(guard, call)
        assert preview.card_confirmation is not None

        for said in ("", ":499"):
            with pytest.raises(Refused) as refused:
                await guard.confirm(call, preview.card_confirmation + said)
            assert str(refused.value).startswith('Type "500" as the preview shows it')
        found = await tool.confirmed(guard, call, f"{preview.card_confirmation}:500")
        again = await tool.confirmed(guard, call, f"{preview.card_confirmation}:499")

        assert found.status == again.status == "applied"

    @pytest.mark.parametrize("swept", [False, True])
    async def test_a_card_that_is_too_old_gets_a_new_preview(
        self, tool: GuardedTool, swept: bool
    ) -> None:
        """Whether or not its intent was ended meanwhile."""
        guard, call = tool.guard("ask"), tool.call(CARDS)
        preview = await tool.previewed(guard, call)
        tool.one.clock.moment = NOW + TTL
        if swept:
            await tool.one.reconciler.sweep(tool.one.context)

        found = await tool.confirmed(guard, call, preview.card_confirmation)

        assert (found.status, found.reason) == ("confirmation_required", NEW_PREVIEW)
        assert found.intent != preview.intent
        old = await stored(tool, preview.intent)
        assert (old.state, old.reason) == ("expired", LATE)


class TestDialog:
    """A dialog that came back."""

    async def asked(self, tool: GuardedTool) -> str:
        """The intent of a dialog."""
        found = await tool.guard("ask").request(tool.call(DIALOGS))
        assert isinstance(found, Question)
        return found.intent.id

    @pytest.mark.parametrize("waited", [SECOND, DIALOG_TIMEOUT])
    async def test_a_yes_carries_it_out(self, tool: GuardedTool, waited: timedelta) -> None:
        """Up to the last moment; a second answer changes nothing."""
        intent = await self.asked(tool)
        tool.one.clock.moment = NOW + waited

        found = await tool.guard("ask").answered(tool.call(DIALOGS), intent, YES, 1)
        again = await tool.guard("ask").answered(tool.call(DIALOGS), intent, NO, 1)

        assert isinstance(found, Envelope)
        assert isinstance(again, Envelope)
        assert (found.status, again.status, again.again) == ("applied", "applied", True)
        assert (await stored(tool, intent)).agreed_by == "dialog"

    @pytest.mark.parametrize(
        ("reaction", "later", "why"),
        [
            (NO, 0, "the person said no"),
            (YES, 1, "the dialog was not answered in time"),
            (YES, 0, "what was typed is not '500', as the preview shows it"),
            (
                Reaction(agreed=True, typed="50"),
                0,
                "what was typed is not '500', as the preview shows it",
            ),
        ],
    )
    async def test_any_other_answer_declines(
        self, tool: GuardedTool, reaction: Reaction, later: int, why: str
    ) -> None:
        """The reason says which."""
        tool.previews = [same(TYPED)]
        intent = await self.asked(tool)
        tool.one.clock.moment = NOW + later * (DIALOG_TIMEOUT + SECOND)

        found = await tool.guard("ask").answered(tool.call(DIALOGS), intent, reaction, 1)

        reason = f"Nothing was changed: {why}. Do not ask again unless the person wants it."
        assert found == Envelope("declined", intent, reason=reason)
        assert (await stored(tool, intent)).reason == reason

    async def test_what_is_shown_is_typed(self, tool: GuardedTool) -> None:
        """Then it is done."""
        tool.previews = [same(TYPED)]
        intent = await self.asked(tool)
        typed = Reaction(agreed=True, typed="500")

        found = await tool.guard("ask").answered(tool.call(DIALOGS), intent, typed, 1)

        assert isinstance(found, Envelope)
        assert found.status == "applied"

    @pytest.mark.parametrize("known", [False, True])
    async def test_it_is_answered_by_whoever_was_asked(
        self, tool: GuardedTool, known: bool
    ) -> None:
        """Neither for another caller, nor where there is none."""
        intent = await self.asked(tool)
        other = tool.call(Caller("somebody else", can_ask=True) if known else DIALOGS)

        with pytest.raises(Refused) as refused:
            await tool.guard("ask").answered(other, intent if known else ONE, YES, 1)

        assert str(refused.value) == NO_SUCH
        assert (await stored(tool, intent)).state == "proposed"
