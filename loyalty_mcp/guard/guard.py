"""The guard: nothing changes that nobody agreed to, and nothing changes twice."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeVar

import anyio

from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.errors import LoyaltyError, Refused
from loyalty_mcp.guard.confirmation import (
    Call,
    Envelope,
    Question,
    Reaction,
    confirmable,
    outcome_of,
    waiting,
)
from loyalty_mcp.guard.reconciliation import ending
from loyalty_mcp.intents.lifecycle import LATE, Intent, Preparation, Route, drifted, lapsed, new_id
from loyalty_mcp.intents.policy import Policy, check, needs_operator, needs_typed_amount
from loyalty_mcp.settings import Confirm
from loyalty_mcp.tools.context import Context

DIALOGS: Final = 3
"""A dialog is asked once, and again at most twice when the facts moved meanwhile."""

POLL_SECONDS: Final = 0.05
WAIT_SECONDS: Final = 60.0
NO_SUCH: Final = "There is no such confirmation; call again without it for a new preview."

ResultT = TypeVar("ResultT")


class Guard:
    """Previews, asks, writes down and carries out changes.

    Args:
        context: what tools work with.
        policy: what the operator allows.
        confirm: who has to agree.
        intent_ttl: how long an intent may wait for agreement.
        dialog_timeout: how long a dialog may stay open.
    """

    def __init__(
        self,
        context: Context,
        policy: Policy,
        *,
        confirm: Confirm,
        intent_ttl: timedelta,
        dialog_timeout: timedelta,
    ) -> None:
        self._context = context
        self._policy = policy
        self._confirm = confirm
        self._intent_ttl = intent_ttl
        self._dialog_timeout = dialog_timeout

    async def request(self, call: Call) -> Envelope | Question:
        """A change is asked for: preview it, and find out who has to agree.

        Raises:
            Refused: the policy forbids it, or nobody can be asked.
            RateLimited: what is left of the hour would not see it to its end.
            LoyaltyError: it cannot be previewed, or not be written down; nothing was changed.
        """
        check(self._policy, call.tool.name, None)
        self._context.brevo.require(call.tool.requests)
        return await self._propose(call, rounds=1)

    async def confirm(self, call: Call, intent_id: str) -> Envelope | Question:
        """The call is repeated with a confirmation.

        Raises:
            Refused: it is not a confirmation of this call by this caller; it is not used up.
            LoyaltyError: the facts cannot be read now; it is not used up.
        """
        intent = await self._intent(call, intent_id)
        if intent.state == "proposed" and intent.route == "dialog":
            raise Refused(NO_SUCH)
        return await self._proceed(call, intent, agreed_by="confirmation", rounds=1)

    async def answered(
        self, call: Call, intent_id: str, reaction: Reaction, rounds: int
    ) -> Envelope | Question:
        """A dialog came back.

        Raises:
            Refused: the intent is not of this call by this caller.
            LoyaltyError: the facts cannot be read now.
        """
        intent = await self._intent(call, intent_id)
        if intent.state != "proposed":
            return await self._first_outcome(intent)
        if not reaction.agreed:
            return await self._decline(intent, reaction.why_not)
        if self._context.now() > intent.created_at + self._dialog_timeout:
            return await self._decline(intent, "the dialog was not answered in time")
        typed = needs_typed_amount(self._policy, intent.movement)
        if typed and intent.movement is not None and reaction.amount != intent.movement.amount:
            return await self._decline(intent, "the amount that was typed is not the amount")
        return await self._proceed(call, intent, agreed_by="dialog", rounds=rounds)

    async def _decline(self, intent: Intent, why: str) -> Envelope:
        """End a proposed intent because a person did not agree."""
        reason = f"Nothing was changed: {why}. Do not ask again unless the person wants it."
        journal, now = self._context.journal.open(), self._context.now()
        if not await journal.move(intent.id, "proposed", "declined", now, reason=reason):
            return await self._first_outcome(intent)
        return Envelope("declined", intent.id, reason=reason)

    def _route(self, call: Call, preparation: Preparation) -> Route:
        """Who has to agree.

        Raises:
            Refused: a dialog is wanted, and the client has none.
        """
        if needs_operator(self._policy, preparation.movement) or self._confirm == "operator":
            return "operator"
        if self._confirm == "off" or call.tool.name in self._policy.approval.without_question:
            return "none"
        if self._confirm == "token" or (self._confirm == "ask" and not call.caller.can_ask):
            return "token"
        if not call.caller.can_ask:
            raise Refused(
                "This server asks a person in a dialog, and this client shows none; nothing was "
                "changed. The operator can set LOYALTY_MCP_CONFIRM to ask or token."
            )
        return "dialog"

    async def _propose(
        self, call: Call, *, rounds: int, moved: str | None = None
    ) -> Envelope | Question:
        versions = call.tool.versions(call.given)
        references = CallReferences(
            self._context.references, member=call.tool.member_words(call.given), versions=versions
        )
        arguments = await call.tool.received(call.given, references)
        preparation = await self._prepared(call, arguments)
        route = self._route(call, preparation)
        journal, now = self._context.journal.open(), self._context.now()
        usage = await journal.usage(call.caller.name, preparation.movement, now)
        check(self._policy, call.tool.name, preparation.movement, usage)
        intent = Intent(
            id=new_id(),
            tool=call.tool.name,
            digest=call.digest,
            caller=call.caller.name,
            arguments=call.whole,
            resolved=references.ids,
            facts=preparation.facts,
            preview=preparation.preview,
            route=route,
            state="proposed",
            created_at=now,
            expires_at=now + self._intent_ttl,
            movement=preparation.movement,
        )
        await journal.add(intent)
        match route:
            case "none":
                return await self._carry_out(call, intent, arguments, agreed_by="nobody was asked")
            case "dialog":
                typed = needs_typed_amount(self._policy, intent.movement)
                amount = intent.movement.amount if typed and intent.movement else None
                return Question(intent, rounds, moved, amount)
            case "operator":
                return waiting(intent, moved)
            case "token":
                return confirmable(intent, moved)

    async def _prepared(self, call: Call, arguments: Mapping[str, Any]) -> Preparation:
        if call.tool.prepare is None:
            raise AssertionError(f"{call.tool.name} is guarded and has no preview")
        return await call.tool.prepare(self._context, **arguments)

    async def _intent(self, call: Call, intent_id: str) -> Intent:
        intent = await self._context.journal.open().get(intent_id)
        if intent is None or intent.caller != call.caller.name:
            raise Refused(NO_SUCH)
        if intent.tool != call.tool.name:
            raise Refused(f"That confirmation is for {intent.tool}, not for {call.tool.name}.")
        if intent.digest != call.digest:
            raise Refused(
                "That confirmation is for other arguments; repeat the call exactly as it was "
                "previewed, or leave the confirmation out for a new preview."
            )
        return intent

    async def _proceed(
        self, call: Call, intent: Intent, *, agreed_by: str, rounds: int
    ) -> Envelope | Question:
        """Carry out what was agreed to, unless it lapsed or its facts moved."""
        if intent.state not in {"proposed", "approved"}:
            return await self._first_outcome(intent)
        if lapsed(intent, self._context.now()):
            return await self._void(intent, LATE)
        if intent.route == "operator" and intent.state == "proposed":
            return waiting(intent)
        # Half of it was spent on the preview.
        self._context.brevo.require((call.tool.requests + 1) // 2)
        recorded = CallReferences(self._context.references, recorded=intent.resolved)
        arguments = await call.tool.received(call.given, recorded)
        moves = await self._drift(call, intent, arguments)
        if not moves:
            return await self._carry_out(call, intent, arguments, agreed_by=agreed_by)
        reason = f"Changed since the preview: {', '.join(moves)}. Nothing was done."
        voided = await self._void(intent, reason)
        if voided.status != "expired" or voided.again:
            return voided
        if rounds >= DIALOGS:
            return Envelope("declined", intent.id, reason=f"{reason} It keeps changing.")
        return await self._propose(call, rounds=rounds + 1, moved=reason)

    async def _drift(
        self, call: Call, intent: Intent, arguments: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """The facts that moved since the preview; none if the intent is already in use.

        Raises:
            LoyaltyError: the facts cannot be read now, or forbid the change by themselves.
        """
        try:
            preparation = await self._prepared(call, arguments)
        except LoyaltyError:
            # Whoever used this confirmation at the same moment may have caused the refusal.
            if (await self._intent(call, intent.id)).state == intent.state:
                raise
            return ()
        return drifted(intent.facts, preparation.facts)

    async def _void(self, intent: Intent, reason: str) -> Envelope:
        """End an intent that may no longer be carried out, or say what became of it."""
        journal, now = self._context.journal.open(), self._context.now()
        if not await journal.move(intent.id, intent.state, "expired", now, reason=reason):
            return await self._first_outcome(intent)
        return Envelope("expired", intent.id, reason=reason)

    async def _carry_out(
        self, call: Call, intent: Intent, arguments: Mapping[str, Any], *, agreed_by: str
    ) -> Envelope:
        journal, now = self._context.journal.open(), self._context.now()
        if intent.state == "proposed" and not await journal.move(
            intent.id, "proposed", "approved", now, agreed_by=agreed_by
        ):
            return await self._first_outcome(intent)
        acted = await to_the_end(self._act(call, intent, arguments))
        return await self._first_outcome(intent) if acted is None else acted

    async def _act(
        self, call: Call, intent: Intent, arguments: Mapping[str, Any]
    ) -> Envelope | None:
        """Send an approved change and see it to its end; None if somebody else does."""
        journal, now = self._context.journal.open(), self._context.now()
        try:
            if not await journal.send(intent, self._policy, now):
                return None
        except Refused as refusal:
            return await self._refuse(intent, refusal)
        sent = replace(intent, state="sent", sent_at=now)
        return await ending(self._context, sent, call.tool.run(self._context, sent, **arguments))

    async def _refuse(self, intent: Intent, refusal: Refused) -> Envelope:
        """A cap was reached between preview and execution."""
        reason = f"{refusal} Nothing was changed."
        journal, now = self._context.journal.open(), self._context.now()
        if not await journal.move(intent.id, "approved", "not_applied", now, reason=reason):
            return await self._first_outcome(intent)
        return Envelope("not_applied", intent.id, reason=reason)

    async def _first_outcome(self, intent: Intent) -> Envelope:
        """What became of an intent that is no longer ours to carry out."""
        stored, reconciler = await self._finished(intent.id), self._context.reconciler
        if stored.state == "unknown" or reconciler.is_orphaned(self._context, stored):
            stored = await reconciler.reconcile(self._context, stored)
        return outcome_of(stored)

    async def _finished(self, intent_id: str) -> Intent:
        """The intent once nobody works on it any more, or as it is after a minute."""
        journal, reconciler = self._context.journal.open(), self._context.reconciler
        stored = await journal.get(intent_id)
        with anyio.move_on_after(WAIT_SECONDS):
            while stored is not None and stored.state in {"approved", "sent"}:
                if reconciler.is_orphaned(self._context, stored):
                    break
                await anyio.sleep(POLL_SECONDS)
                stored = await journal.get(intent_id)
        if stored is None:
            raise Refused(NO_SUCH)
        return stored


async def to_the_end(work: Awaitable[ResultT]) -> ResultT:
    """Wait for `work` even if the caller goes away: a change must not be left half done."""
    result: list[ResultT] = []
    with anyio.CancelScope(shield=True):
        result.append(await work)
    return result[0]
