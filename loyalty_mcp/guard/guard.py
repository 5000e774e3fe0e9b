"""The guard: no change without agreement, and no change twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.errors import LoyaltyError, Refused
from loyalty_mcp.guard.batch import can_be_continued, carry_out_batch
from loyalty_mcp.guard.batch_end import end_lapsed_batch
from loyalty_mcp.guard.card_answer import NEW_PREVIEW, read_card_answer, wrongly_typed
from loyalty_mcp.guard.confirmation import (
    Call,
    Envelope,
    Question,
    Reaction,
    confirmable,
    confirmable_in_card,
    pressed_in_card,
    require_same_call,
    waiting_for_operator,
)
from loyalty_mcp.guard.outcome_elsewhere import NO_SUCH, outcome_elsewhere
from loyalty_mcp.guard.previewing import preview_again, preview_call, subject_of
from loyalty_mcp.guard.reconciliation import ending
from loyalty_mcp.guard.route import route_of
from loyalty_mcp.guard.turn import BUSY, take_turn, to_the_end
from loyalty_mcp.intents.lifecycle import (
    LATE,
    Intent,
    Preparation,
    changed_parts,
    confirmation_digest,
    is_batch,
    lapsed,
    new_confirmation,
    new_id,
)
from loyalty_mcp.intents.policy import Policy, check
from loyalty_mcp.settings import Confirm
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.send_window import new_deadline

DIALOGS: Final = 3
"""The first dialog, plus at most two more if the preview changes."""

NEVER_ISSUED: Final = "The confirmation in that call was never issued, so this is a new preview."


class Guard:
    """Previews changes, asks for agreement, records and carries them out.

    Args:
        context: the clients, the journal and the settings that tools use.
        policy: what the operator allows.
        confirm: who has to agree.
        intent_ttl: how long an intent may wait for agreement.
        operator_ttl: how long it may wait for an operator.
        announce: called with each intent that waits for an operator; None for nobody.
        dialog_timeout: how long a dialog may stay open.
    """

    def __init__(
        self,
        context: Context,
        policy: Policy,
        *,
        confirm: Confirm,
        intent_ttl: timedelta,
        operator_ttl: timedelta,
        dialog_timeout: timedelta,
        announce: Callable[[Intent], None] | None = None,
    ) -> None:
        self._context = context
        self._policy = policy
        self._confirm = confirm
        self._intent_ttl = intent_ttl
        self._operator_ttl = operator_ttl
        self._announce = announce or (lambda _intent: None)
        self._dialog_timeout = dialog_timeout

    async def request(self, call: Call) -> Envelope | Question:
        """Preview a change, and determine who has to agree to it.

        Raises:
            Refused: the policy forbids it, it cannot succeed, or nobody can be asked.
            RateLimited: the rest of the hourly budget is not enough to complete it.
            LoyaltyError: it cannot be previewed or recorded; nothing was changed.
        """
        return await self._propose_anew(call)

    async def confirm(self, call: Call, confirmation: str) -> Envelope | Question:
        """Continue a call that is repeated with a confirmation.

        If the confirmation was never issued, the call is previewed.

        Raises:
            Refused: the confirmation is for another call or caller; it stays valid.
            LoyaltyError: the preview cannot be made again now; the confirmation stays valid.
        """
        intent = await self._confirmed_by(call, confirmation)
        if intent is None:
            return await self._propose_anew(call, NEVER_ISSUED)
        require_same_call(call, intent, self._context.account)
        if intent.route == "card":
            reaction = read_card_answer(confirmation).reaction
            return await self._decided_in_card(pressed_in_card(call), intent, reaction)
        return await self._proceed(call, intent, agreed_by="confirmation", rounds=1)

    async def _decided_in_card(
        self, call: Call, intent: Intent, reaction: Reaction
    ) -> Envelope | Question:
        """Continue after a person decided in a card; an expired card gets a new preview."""
        if not reaction.agreed:
            return await self._decline(intent, reaction.why_not)
        if intent.state == "proposed" and lapsed(intent, self._context.now()):
            voided = await self._void(intent, LATE)
            if voided.status != "expired":
                return voided
        elif intent.state != "expired":
            if intent.state == "proposed" and not reaction.matches(intent.preview.typed):
                raise wrongly_typed(intent.preview.typed)
            return await self._proceed(call, intent, agreed_by="card", rounds=1)
        return await self._propose_anew(call, NEW_PREVIEW)

    async def answered(
        self, call: Call, intent_id: str, reaction: Reaction, rounds: int
    ) -> Envelope | Question:
        """Continue a call after its dialog was answered.

        Raises:
            Refused: the intent belongs to another call or caller.
            LoyaltyError: the preview cannot be made again now.
        """
        intent = await self._context.journal.open().get(intent_id)
        if intent is None or intent.caller != call.caller.name:
            raise Refused(NO_SUCH)
        require_same_call(call, intent, self._context.account)
        if intent.state != "proposed":
            return await self._first_outcome(intent)
        if not reaction.agreed:
            return await self._decline(intent, reaction.why_not)
        if self._context.now() > intent.created_at + self._dialog_timeout:
            return await self._decline(intent, "the dialog was not answered in time")
        if not reaction.matches(intent.preview.typed):
            return await self._decline(
                intent, f"what was typed is not {intent.preview.typed!r}, as the preview shows it"
            )
        return await self._proceed(call, intent, agreed_by="dialog", rounds=rounds)

    async def _confirmed_by(self, call: Call, confirmation: str) -> Intent | None:
        """The intent of this caller that a confirmation confirms."""
        journal = self._context.journal.open()
        answer = read_card_answer(confirmation)
        intent = await journal.by_confirmation(confirmation_digest(answer.confirmation))
        if intent is not None and intent.route != "card" and answer.confirmation != confirmation:
            return None
        if intent is None:
            # An intent that waits for an operator, and a batch that continues, need no secret: the
            # call is repeated with the intent's id.
            intent = await journal.get(confirmation)
            if intent and intent.route != "operator" and not can_be_continued(intent):
                return None
        return None if intent is None or intent.caller != call.caller.name else intent

    async def _decline(self, intent: Intent, why: str) -> Envelope:
        """End a proposed intent because a person did not agree."""
        reason = f"Nothing was changed: {why}. Do not ask again unless the person wants it."
        journal, now = self._context.journal.open(), self._context.now()
        if not await journal.move(intent.id, "proposed", "declined", now, reason=reason):
            return await self._first_outcome(intent)
        return Envelope("declined", intent.id, reason=reason)

    async def _propose_anew(self, call: Call, moved: str | None = None) -> Envelope | Question:
        """Preview a call that has no agreed intent."""
        check(self._policy, call.tool.name, None)
        self._context.brevo.require(call.tool.requests)
        return await self._propose(call, rounds=1, moved=moved)

    async def _propose(
        self,
        call: Call,
        *,
        rounds: int,
        moved: str | None = None,
        recorded: Sequence[Any] | None = None,
    ) -> Envelope | Question:
        versions = call.tool.versions(call.given)
        references = CallReferences(
            self._context.references,
            recorded=recorded,
            member=call.tool.member_words(call.given),
            versions=versions,
        )
        self._context.brevo.read_afresh()
        arguments = await call.tool.received(call.given, references)
        preparation = await preview_call(self._context, call, arguments)
        route = route_of(call, preparation, self._policy, self._confirm)
        journal, now = self._context.journal.open(), self._context.now()
        account = self._context.account
        usage = await journal.usage(account, call.caller.name, preparation.movement, now)
        check(self._policy, call.tool.name, preparation.movement, usage)
        confirmation = new_confirmation() if route in {"card", "token"} else None
        intent = Intent(
            id=new_id(),
            tool=call.tool.name,
            digest=call.digest(self._context.account),
            caller=call.caller.name,
            account=self._context.account,
            scope=call.scope,
            arguments=call.whole,
            resolved=references.ids,
            facts=preparation.facts,
            preview=preparation.preview,
            route=route,
            state="proposed",
            created_at=now,
            expires_at=now + (self._operator_ttl if route == "operator" else self._intent_ttl),
            movement=preparation.movement,
            subject=preparation.subject or subject_of(call.tool, arguments),
            confirmation=None if confirmation is None else confirmation_digest(confirmation),
            kept=preparation.kept,
        )
        await journal.add(intent)
        match route:
            case "none":
                return await self._carry_out(
                    call, intent, agreed_by="nobody was asked", rounds=rounds
                )
            case "dialog":
                return Question(intent, rounds, moved)
            case "operator":
                self._announce(intent)
                return waiting_for_operator(intent, moved)
            case "card":
                return confirmable_in_card(intent, confirmation or "", moved)
            case "token":
                return confirmable(intent, confirmation or "", moved)

    async def _proceed(
        self, call: Call, intent: Intent, *, agreed_by: str, rounds: int
    ) -> Envelope | Question:
        """Carry out what was agreed to, unless it expired or its preview changed."""
        if intent.state not in {"proposed", "approved"}:
            return await self._first_outcome(intent)
        if lapsed(intent, self._context.now()):
            if is_batch(intent) and intent.state == "approved":
                await end_lapsed_batch(self._context, intent)
                return await self._first_outcome(intent)
            return await self._void(intent, LATE)
        if intent.route == "operator" and intent.state == "proposed":
            return waiting_for_operator(intent)
        if not is_batch(intent):
            self._context.brevo.require(call.tool.requests_after_agreement)
        return await self._carry_out(call, intent, agreed_by=agreed_by, rounds=rounds)

    async def _void(self, intent: Intent, reason: str) -> Envelope:
        """Expire an intent that may no longer be carried out, or give its outcome if it ended."""
        journal, now = self._context.journal.open(), self._context.now()
        if not await journal.move(intent.id, intent.state, "expired", now, reason=reason):
            return await self._first_outcome(intent)
        return Envelope("expired", intent.id, reason=reason)

    async def _carry_out(
        self, call: Call, intent: Intent, *, agreed_by: str, rounds: int
    ) -> Envelope | Question:
        if is_batch(intent):
            return await carry_out_batch(self._context, self._policy, intent, agreed_by=agreed_by)
        journal, now = self._context.journal.open(), self._context.now()
        if intent.state == "proposed":
            if not await journal.move(intent.id, "proposed", "approved", now, agreed_by=agreed_by):
                return await self._first_outcome(intent)
            intent = replace(intent, state="approved")
        outcome = await to_the_end(self._in_turn(call, intent))
        if outcome is None:
            return await self._first_outcome(intent)
        if not isinstance(outcome, Preparation):
            return outcome
        changed = ", ".join(changed_parts(intent, outcome))
        reason = f"Changed since the preview: {changed}. Nothing was done."
        voided = await self._void(intent, reason)
        if voided.status != "expired" or voided.again:
            return voided
        if rounds >= DIALOGS:
            return Envelope("declined", intent.id, reason=f"{reason} It keeps changing.")
        # The recorded ids identify what was meant, even if it was renamed.
        return await self._propose(call, rounds=rounds + 1, moved=reason, recorded=intent.resolved)

    async def _in_turn(self, call: Call, intent: Intent) -> Envelope | Preparation | None:
        """Carry out an approved change while it holds the claim on its subject.

        Returns:
            its outcome; or the new preview, if it differs from the agreed one; or None if another
            process carries out the change.

        Raises:
            LoyaltyError: the preview cannot be made again now; the intent stays approved.
        """
        if not await take_turn(self._context, intent):
            return await self._void(intent, BUSY)
        self._context.brevo.read_afresh()
        recorded = CallReferences(self._context.references, recorded=intent.resolved)
        try:
            arguments = await call.tool.received(call.given, recorded)
            preparation = await preview_again(self._context, call, arguments, intent)
        except LoyaltyError as error:
            return await self._not_previewed(intent, error)
        if changed_parts(intent, preparation):
            return preparation
        return await self._send(call, intent, arguments)

    async def _not_previewed(self, intent: Intent, error: LoyaltyError) -> Envelope | None:
        """Handle a failed second preview: the change is no longer possible, or cannot be read now.

        A simultaneous use of the same confirmation may have caused the refusal.
        """
        stored = await self._context.journal.open().get(intent.id)
        if stored is None or stored.state != "approved":
            return None
        if isinstance(error, Refused):
            return await self._void(intent, f"It is no longer possible. {error}")
        raise error

    async def _send(
        self, call: Call, intent: Intent, arguments: Mapping[str, Any]
    ) -> Envelope | None:
        """Send an approved change and await its outcome; None if another process sends it."""
        journal, now = self._context.journal.open(), self._context.now()
        deadline = new_deadline(self._context)
        try:
            if not await journal.send(intent, self._policy, now, deadline=deadline):
                return None
        except Refused as refusal:
            return await self._refuse(intent, refusal)
        sent = replace(intent, state="sent", sent_at=now, deadline=deadline)
        return await ending(self._context, sent, call.tool.run(self._context, sent, **arguments))

    async def _refuse(self, intent: Intent, refusal: Refused) -> Envelope:
        """End an intent because a cap was reached after the preview."""
        reason = f"{refusal} Nothing was changed."
        journal, now = self._context.journal.open(), self._context.now()
        if not await journal.move(intent.id, "approved", "not_applied", now, reason=reason):
            return await self._first_outcome(intent)
        return Envelope("not_applied", intent.id, reason=reason)

    async def _first_outcome(self, intent: Intent) -> Envelope:
        """The outcome of an intent that this call no longer carries out."""
        return await outcome_elsewhere(self._context, intent.id)
