"""Settlement: how a change that was sent ended, also when its answer was lost."""

import logging
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal

import anyio
from pydantic import BaseModel

from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, OutcomeUnknown
from loyalty_mcp.guard.confirmation import Envelope, outcome_of
from loyalty_mcp.intents.lifecycle import LATE, Intent, State, lapsed
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.progress import report
from loyalty_mcp.tools.send_window import DidNotHappen, patience
from loyalty_mcp.tools.tool import Tool

log = logging.getLogger(__name__)

Ending = Literal["applied", "not_applied", "unknown"]
UNSETTLED: Final = ("approved", "sent", "unknown")
MANY: Final = 10_000
LOOK_AGAIN_SECONDS: Final = 0.25
CRASHED: Final = "The server stopped before anything was sent; nothing was changed."


async def ended(
    intent: Intent, work: Awaitable[BaseModel]
) -> tuple[Ending, dict[str, Any] | None, str | None]:
    """How some work ended: its outcome, its result, and the reason where it has none."""
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


async def ending(context: Context, intent: Intent, work: Awaitable[BaseModel]) -> Envelope:
    """Wait for the work on a sent intent, write down how it ended, and say it.

    Whoever settled the intent meanwhile could at most find it unknown; who did the work knows.
    """
    target, result, reason = await ended(intent, work)
    envelope = Envelope(target, intent.id, result=result, reason=reason)
    journal, now = context.journal.open(), context.now()
    try:
        written = await journal.move(
            intent.id, "sent", target, now, result=result, reason=reason
        ) or (
            target != "unknown"
            and await journal.move(intent.id, "unknown", target, now, result=result, reason=reason)
        )
        stored = None if written else await journal.get(intent.id)
    except JournalUnavailable:
        # What happened is true all the same; the entry is settled at the next start.
        log.error("intent %s ended %s, unwritten", intent.id[:8], target)  # noqa: TRY400
        return envelope
    return envelope if stored is None else outcome_of(stored)


def _too_late(intent: Intent) -> tuple[State, str]:
    """How an intent ends of which nothing was sent in its time.

    Once agreed to it is carried out at once, unless an operator agreed: then the caller has to
    come back.
    """
    broken_off = intent.state == "approved" and intent.route != "operator"
    return ("not_applied", CRASHED) if broken_off else ("expired", LATE)


class Reconciler:
    """Finds out by reading what became of intents.

    Args:
        tools: every tool there is, nothing pinned: an intent may be older than the settings.
        timeout: how long the answer to one request is awaited.
    """

    def __init__(self, tools: Mapping[str, Tool], timeout: timedelta) -> None:
        self._tools = tools
        self._patience = patience(timeout)

    async def reconcile(self, context: Context, intent: Intent, *, close: bool = False) -> Intent:
        """The intent, settled as far as reading tells.

        Args:
            context: what tools work with.
            intent: in any state; only one that was sent, or is unknown, can change.
            close: also cancel what is still open, so that it can never take effect.

        Raises:
            JournalUnavailable: what was found out cannot be written.
        """
        journal, now = context.journal.open(), context.now()
        if lapsed(intent, now):
            end, why = _too_late(intent)
            await journal.move(intent.id, intent.state, end, now, reason=why)
        elif intent.state in {"sent", "unknown"}:
            tool = self._tools.get(intent.tool)
            if tool is None or tool.reconcile is None:
                return intent
            work = self._work(context, tool, intent, close=close)
            target, result, reason = await ended(intent, work)
            if target != intent.state:
                await journal.conclude(intent, target, context.now(), result=result, reason=reason)
        return await journal.get(intent.id) or intent

    async def _work(
        self, context: Context, tool: Tool, intent: Intent, *, close: bool
    ) -> BaseModel:
        """What the reads of a tool tell.

        Raises:
            DidNotHappen: it did not take effect, and no longer can.
            OutcomeUnknown: it may still come, or the reads themselves failed: that says nothing.
        """
        if tool.reconcile is None:
            raise OutcomeUnknown("No read can tell what became of it.")
        context.brevo.forget_call()
        may_come = self._may_come(context, intent)
        try:
            given = tool.validated(intent.arguments)
            recorded = CallReferences(context.references, recorded=intent.resolved)
            arguments = await tool.received(given, recorded)
            return await tool.reconcile(
                context, intent, close=close, may_come=may_come, **arguments
            )
        except (DidNotHappen, OutcomeUnknown):
            raise
        except LoyaltyError as error:
            raise OutcomeUnknown(f"{error} What became of it cannot be read now.") from None

    def is_orphaned(self, context: Context, intent: Intent) -> bool:
        """Whether an intent was sent so long ago that nobody can be working on it any more."""
        return intent.state == "sent" and not self._may_come(context, intent)

    def _may_come(self, context: Context, intent: Intent) -> bool:
        """Whether something of an intent may still be on its way."""
        return intent.sent_at is None or context.now() < intent.sent_at + self._patience

    async def reconcile_all(self, context: Context) -> list[Intent]:
        """Settle everything that is not ended, whoever works on it; for the operator.

        Where only time can tell, it waits until nothing can be on its way any more.

        Returns:
            the intents that were looked at, as they are now.
        """
        seen: dict[str, Intent] = {}
        left = await context.journal.open().find(states=UNSETTLED, limit=MANY)
        while left:
            for place, intent in enumerate(left):
                await report(place, len(left), intent.tool)
                seen[intent.id] = await self.reconcile(context, intent, close=True)
            left = [
                seen[intent.id]
                for intent in left
                if self._may_come(context, intent) and seen[intent.id].state in {"sent", "unknown"}
            ]
            if left:
                await anyio.sleep(LOOK_AGAIN_SECONDS)
        return list(seen.values())

    async def reconcile_abandoned(self, context: Context) -> None:
        """Settle what a run that is over left behind, as soon as nobody can be working on it."""
        for _ in range(2):
            try:
                for intent in await context.journal.open().find(states=UNSETTLED, limit=MANY):
                    began = intent.sent_at or intent.created_at
                    if context.now() >= began + self._patience:
                        await self.reconcile(context, intent, close=True)
                await context.journal.open().prune(context.now())
            except LoyaltyError as error:
                log.warning("what an earlier run left is not settled yet: %s", error)
            await anyio.sleep(self._patience.total_seconds())
