"""What the guard writes down before anybody agrees."""

from dataclasses import replace

import pytest

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Envelope, Question, Reaction
from loyalty_mcp.intents.lifecycle import (
    Intent,
    confirmation_digest,
)
from loyalty_mcp.intents.policy import Caps, Policy
from tests.conftest import SandboxControl
from tests.guard.guarded_tool import (
    CARDS,
    DIALOGS,
    FIVE,
    OPERATOR_TTL,
    TTL,
    GuardedTool,
    same,
    stored,
)
from tests.guard.one_tool import AS_JSON
from tests.intents.journal.test_journal import NOW

YES = Reaction(agreed=True)
NO = Reaction(agreed=False, why_not="the person said no")
CHANGED = "Changed since the preview: balance, tier. Nothing was done."
TYPED = replace(FIVE, preview=replace(FIVE.preview, typed="500"))


class TestProposed:
    """What is written down before anybody agrees."""

    async def test_a_call_becomes_an_intent(self, tool: GuardedTool) -> None:
        """With all that was previewed, and the digest of its confirmation alone."""
        call = tool.call()

        found = await tool.previewed(tool.guard(), call)

        assert found.confirmation is not None
        assert found == Envelope(
            "confirmation_required",
            found.intent,
            FIVE.preview,
            confirmation=found.confirmation,
            expires_at=NOW + TTL,
        )
        intent = await stored(tool, found.intent)
        program, member, _ = intent.resolved
        assert intent == Intent(
            id=intent.id,
            tool="credit_points",
            digest=call.digest(tool.one.context.account),
            caller="local",
            account=tool.one.context.account,
            scope="full",
            arguments=call.whole,
            resolved=intent.resolved,
            facts=FIVE.facts,
            preview=FIVE.preview,
            route="token",
            state="proposed",
            created_at=NOW,
            expires_at=NOW + TTL,
            movement=FIVE.movement,
            subject=f"{program} member {member}",
            confirmation=confirmation_digest(found.confirmation),
            kept=FIVE.kept,
        )
        assert tool.contexts[0].caller == "local"

    async def test_what_changes_may_be_named_by_the_preview(self, tool: GuardedTool) -> None:
        """Where the arguments do not name it."""
        tool.previews = [same(replace(FIVE, subject="the club"))]

        found = await tool.previewed(tool.guard(), tool.call())

        assert (await stored(tool, found.intent)).subject == "the club"

    async def test_an_operator_is_told_of_what_waits(self, tool: GuardedTool) -> None:
        """It waits for a day, and nothing in the answer confirms it."""
        found = await tool.previewed(tool.guard("operator"), tool.call())

        assert found == Envelope(
            "waiting_for_operator", found.intent, FIVE.preview, expires_at=NOW + OPERATOR_TTL
        )
        assert [intent.id for intent in tool.announced] == [found.intent]
        assert (await stored(tool, found.intent)).confirmation is None

    async def test_a_dialog_is_asked(self, tool: GuardedTool) -> None:
        """The first of at most three, and nothing in the journal confirms it."""
        found = await tool.guard("ask").request(tool.call(DIALOGS))

        assert isinstance(found, Question)
        assert (found.rounds, found.moved) == (1, None)
        assert found.intent == await stored(tool, found.intent.id)
        assert found.intent.confirmation is None
        assert tool.announced == []

    async def test_a_card_gets_its_own_confirmation(self, tool: GuardedTool) -> None:
        """The model does not."""
        found = await tool.previewed(tool.guard("ask"), tool.call(CARDS))

        assert (found.confirmation, found.reason) == (None, None)
        intent = await stored(tool, found.intent)
        assert found.card_confirmation is not None
        assert intent.confirmation == confirmation_digest(found.card_confirmation)

    async def test_where_nobody_is_asked_it_is_done(self, tool: GuardedTool) -> None:
        """The trail says that nobody was asked."""
        found = await tool.previewed(tool.guard("off"), tool.call())

        assert (found.status, found.result) == ("applied", AS_JSON)
        intent = await stored(tool, found.intent)
        assert (intent.agreed_by, intent.confirmation) == ("nobody was asked", None)

    async def test_what_moved_before_counts(self, tool: GuardedTool) -> None:
        """A member's day and a caller's hour are bounded before anybody is asked."""
        await tool.previewed(tool.guard("off"), tool.call())

        for caps, says in (
            (Caps(credit_per_call=4), "at most 4 in one credit"),
            (Caps(credit_per_member_per_day=8), "3 is left today"),
            (Caps(changes_per_hour=1), "1 changes an hour; they are used up"),
        ):
            with pytest.raises(Refused, match=says):
                await tool.guard("token", Policy(caps=caps)).request(tool.call())
        await tool.guard("token", Policy(caps=Caps(credit_per_member_per_day=10))).request(
            tool.call()
        )

    async def test_the_program_is_that_of_the_member(
        self, tool: GuardedTool, control: SandboxControl
    ) -> None:
        """Where there are several, the member decides."""
        program = await control.program()
        await control.post("/v3/loyalty/config/programs", {"name": "Another Club"})

        await tool.previewed(tool.guard(), tool.call())

        assert tool.arguments[0]["program"] == program
