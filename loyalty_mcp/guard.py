"""The guard: nothing changes that nobody agreed to, and nothing changes twice."""

import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import anyio
from pydantic import BaseModel

from loyalty_mcp.config import Confirm
from loyalty_mcp.context import Context
from loyalty_mcp.errors import (
    JournalUnavailable,
    LoyaltyError,
    OutcomeUnknown,
    Refused,
)
from loyalty_mcp.intents import (
    Intent,
    Preparation,
    Preview,
    Route,
    digest_of,
    drifted,
    lapsed,
    new_id,
)
from loyalty_mcp.references import CallReferences
from loyalty_mcp.tool import Arguments, Tool, said

log = logging.getLogger(__name__)

Status = Literal[
    "confirmation_required",
    "waiting_for_operator",
    "applied",
    "not_applied",
    "unknown",
    "declined",
    "expired",
]
FAILED: Final[frozenset[Status]] = frozenset({"not_applied", "unknown", "expired"})
DIALOGS: Final = 3
"""A dialog is asked once, and again at most twice when the facts moved meanwhile."""

POLL_SECONDS: Final = 0.05
WAIT_SECONDS: Final = 60.0
NO_SUCH: Final = "There is no such confirmation; call again without it for a new preview."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Args:
        name: what intents are bound to.
        can_ask: whether their client can show a person a dialog.
    """

    name: str
    can_ask: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a guarded tool, its arguments checked and its references not yet resolved."""

    tool: Tool
    given: Arguments
    caller: Caller

    @property
    def digest(self) -> str:
        """The fingerprint that a confirmation is bound to."""
        return digest_of(self.tool.name, said(self.given))


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a guarded tool answers; a field is there only when the status has it."""

    status: Status
    intent: str | None = None
    preview: Preview | None = None
    confirmation: str | None = None
    expires_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    reason: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the assistant has to treat it as an error."""
        return self.status in FAILED


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked in a dialog, before anything changes.

    Args:
        intent: what they agree to.
        rounds: how many dialogs this call has shown, this one included.
        moved: what changed since the last dialog, if this is not the first.
    """

    intent: Intent
    rounds: int = 1
    moved: str | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came back from a dialog: a clear yes, or why it is none."""

    agreed: bool
    why_not: str = ""


class Guard:
    """Previews, asks, writes down and carries out changes.

    Args:
        context: what tools work with.
        confirm: who has to agree.
        intent_ttl: how long an intent may wait for agreement.
        dialog_timeout: how long a dialog may stay open.
    """

    def __init__(
        self,
        context: Context,
        *,
        confirm: Confirm,
        intent_ttl: timedelta,
        dialog_timeout: timedelta,
    ) -> None:
        self._context = context
        self._confirm = confirm
        self._intent_ttl = intent_ttl
        self._dialog_timeout = dialog_timeout

    async def request(self, call: Call) -> Envelope | Question:
        """A change is asked for: preview it, and find out who has to agree.

        Raises:
            LoyaltyError: it cannot be previewed, or not be written down; nothing was changed.
        """
        route = self._route(call)
        return await self._propose(call, route, rounds=1)

    async def confirm(self, call: Call, intent_id: str) -> Envelope | Question:
        """The call is repeated with a confirmation.

        Raises:
            Refused: it is not a confirmation of this call by this caller; it is not used up.
            LoyaltyError: the facts cannot be read now; it is not used up.
        """
        intent = await self._intent(call, intent_id)
        if intent.state == "proposed" and intent.route == "dialog":
            raise Refused(NO_SUCH)
        return await self._proceed(call, intent, agreed_by="token", rounds=1)

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
            return await self._first_outcome(call, intent)
        if self._context.now() > intent.created_at + self._dialog_timeout:
            reaction = Reaction(agreed=False, why_not="the dialog was not answered in time")
        if not reaction.agreed:
            return await self.decline(intent, reaction.why_not)
        return await self._proceed(call, intent, agreed_by="dialog", rounds=rounds)

    async def decline(self, intent: Intent, why: str) -> Envelope:
        """End a proposed intent because a person did not agree."""
        reason = f"Nothing was changed: {why}. Do not ask again unless the person wants it."
        journal = self._context.journal.open()
        if not await journal.move(intent.id, "proposed", "declined", reason=reason):
            return await self._outcome_now(intent)
        return Envelope("declined", intent.id, reason=reason)

    def _route(self, call: Call) -> Route:
        if self._confirm == "off":
            return "none"
        if self._confirm == "operator":
            return "operator"
        if self._confirm == "token" or (self._confirm == "ask" and not call.caller.can_ask):
            return "token"
        if not call.caller.can_ask:
            raise Refused(
                "This server asks a person in a dialog, and this client shows none; nothing was "
                "changed. The operator can set LOYALTY_MCP_CONFIRM to ask or token."
            )
        return "dialog"

    async def _propose(
        self, call: Call, route: Route, *, rounds: int, moved: str | None = None
    ) -> Envelope | Question:
        references = CallReferences(self._context.references)
        arguments = await call.tool.received(call.given, references)
        preparation = await self._prepared(call, arguments)
        now = self._context.now()
        intent = Intent(
            id=new_id(),
            tool=call.tool.name,
            digest=call.digest,
            caller=call.caller.name,
            arguments=said(call.given),
            resolved=references.ids,
            facts=preparation.facts,
            preview=preparation.preview,
            route=route,
            state="proposed",
            created_at=now,
            expires_at=now + self._intent_ttl,
            movement=preparation.movement,
        )
        await self._context.journal.open().add(intent)
        if route == "none":
            return await self._carry_out(call, intent, arguments, agreed_by="nobody was asked")
        if route == "dialog":
            return Question(intent, rounds, moved)
        if route == "operator":
            return waiting(intent, moved)
        return Envelope(
            "confirmation_required",
            intent.id,
            intent.preview,
            confirmation=intent.id,
            expires_at=intent.expires_at,
            reason=moved,
        )

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
            return await self._first_outcome(call, intent)
        if intent.route == "operator" and intent.state == "proposed":
            return waiting(intent)
        if lapsed(intent, self._context.now()):
            reason = "Nobody agreed in time; nothing was changed. Call again for a new preview."
            return await self._void(call, intent, reason)
        arguments = await self._arguments(call, intent)
        moves = await self._drift(call, intent, arguments)
        if not moves:
            return await self._carry_out(call, intent, arguments, agreed_by=agreed_by)
        reason = f"Changed since the preview: {', '.join(moves)}. Nothing was done."
        voided = await self._void(call, intent, reason)
        if voided.status != "expired":
            return voided
        if rounds >= DIALOGS:
            return Envelope("declined", intent.id, reason=f"{reason} It keeps changing.")
        return await self._propose(call, intent.route, rounds=rounds + 1, moved=reason)

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

    async def _void(self, call: Call, intent: Intent, reason: str) -> Envelope:
        """End an intent that may no longer be carried out, or say what became of it."""
        journal = self._context.journal.open()
        if not await journal.move(intent.id, intent.state, "expired", reason=reason):
            return await self._first_outcome(call, intent)
        return Envelope("expired", intent.id, reason=reason)

    async def _arguments(self, call: Call, intent: Intent) -> dict[str, Any]:
        """The arguments as they were resolved when the intent was decided."""
        recorded = CallReferences(self._context.references, recorded=intent.resolved)
        return await call.tool.received(call.given, recorded)

    async def _carry_out(
        self, call: Call, intent: Intent, arguments: Mapping[str, Any], *, agreed_by: str
    ) -> Envelope:
        journal, now = self._context.journal.open(), self._context.now()
        if intent.state == "proposed" and not await journal.move(
            intent.id, "proposed", "approved", agreed_by=agreed_by
        ):
            return await self._first_outcome(call, intent)
        if not await journal.move(intent.id, "approved", "sent", sent_at=now):
            return await self._first_outcome(call, intent)
        with anyio.CancelScope(shield=True):
            # A caller who goes away must not leave a change half done.
            work = call.tool.run(self._context, intent, **arguments)
            envelope = await self._ended(intent, work, "sent")
        return envelope  # noqa: RET504 - a scope may swallow, so the type checker wants it here

    async def _ended(
        self, intent: Intent, work: Awaitable[BaseModel], origin: Literal["sent", "unknown"]
    ) -> Envelope:
        """Wait for the work, write down how it ended, and say it."""
        target, result, reason = await _outcome(intent, work)
        envelope = Envelope(target, intent.id, result=result, reason=reason)
        if target == origin:
            return envelope
        try:
            written = await self._context.journal.open().move(
                intent.id, origin, target, result=result, reason=reason
            )
        except JournalUnavailable:
            # What happened is true all the same; the next start settles the entry.
            log.error("intent %s ended %s, unwritten", intent.id[:8], target)  # noqa: TRY400
            return envelope
        return envelope if written else await self._outcome_now(intent)

    async def _first_outcome(self, call: Call, intent: Intent) -> Envelope:
        """What became of an intent that is no longer ours to carry out."""
        stored = await self._finished(intent.id)
        if stored.state != "unknown" or call.tool.settle is None:
            return outcome_of(stored)
        arguments = await self._arguments(call, stored)
        work = call.tool.settle(self._context, stored, **arguments)
        return await self._ended(stored, work, "unknown")

    async def _outcome_now(self, intent: Intent) -> Envelope:
        return outcome_of(await self._finished(intent.id))

    async def _finished(self, intent_id: str) -> Intent:
        """The intent once nobody works on it any more, or as it is after a minute."""
        journal = self._context.journal.open()
        stored = await journal.get(intent_id)
        with anyio.move_on_after(WAIT_SECONDS):
            while stored is not None and stored.state in {"approved", "sent"}:
                await anyio.sleep(POLL_SECONDS)
                stored = await journal.get(intent_id)
        if stored is None:
            raise Refused(NO_SUCH)
        return stored


Ending = Literal["applied", "not_applied", "unknown"]


async def _outcome(
    intent: Intent, work: Awaitable[BaseModel]
) -> tuple[Ending, dict[str, Any] | None, str | None]:
    """How the work ended: its status, its result, and the reason where it has none."""
    try:
        reply = await work
    except OutcomeUnknown as error:
        return "unknown", None, str(error)
    except LoyaltyError as error:
        return "not_applied", None, str(error)
    except Exception:
        log.exception("intent %s ended in a mistake of ours", intent.id[:8])
        return "unknown", None, "The server failed; check_intent will tell."
    return "applied", reply.model_dump(mode="json", exclude_none=True), None


def waiting(intent: Intent, moved: str | None = None) -> Envelope:
    """The answer while an operator has to decide."""
    return Envelope(
        "waiting_for_operator",
        intent.id,
        intent.preview,
        expires_at=intent.expires_at,
        reason=moved,
    )


def outcome_of(intent: Intent) -> Envelope:
    """The answer that an intent in its present state gives."""
    match intent.state:
        case "applied" | "not_applied" | "unknown" | "declined" | "expired" as status:
            return Envelope(status, intent.id, result=intent.result, reason=intent.reason)
        case "proposed" | "approved" | "sent":
            reason = "It is still under way; check_intent will tell."
            return Envelope("unknown", intent.id, reason=reason)
