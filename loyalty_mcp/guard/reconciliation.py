"""Reconciliation: determine the outcome of a change that was sent, even if its answer was lost."""

import logging
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Literal

import anyio
from pydantic import BaseModel

from loyalty_mcp.brevo.references import CallReferences
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, OutcomeUnknown
from loyalty_mcp.guard.batch_end import end_lapsed_batch
from loyalty_mcp.guard.confirmation import Envelope, outcome_of
from loyalty_mcp.intents.lifecycle import LATE, Intent, State, is_batch, lapsed
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.progress import report
from loyalty_mcp.tools.send_window import DidNotHappen, may_arrive
from loyalty_mcp.tools.tool import Tool

log = logging.getLogger(__name__)

Ending = Literal["applied", "not_applied", "unknown"]
UNSETTLED: Final = ("approved", "sent", "unknown")
MANY: Final = 10_000
LOOK_AGAIN_SECONDS: Final = 0.25
CRASHED: Final = "Nothing was sent in time, so nothing was changed. Call again for a new preview."
SWEEP_SECONDS: Final = 30.0
LOOKED_AT_FOR: Final = timedelta(days=1)


async def ended(
    intent: Intent, work: Awaitable[BaseModel]
) -> tuple[Ending, dict[str, Any] | None, str | None]:
    """The outcome, the result, and the reason if there is no result, of some work."""
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
    """Await the work on a sent intent, record its outcome, and answer it.

    The process that did the work has first-hand knowledge: its success overrides an outcome that
    another process recorded. An unknown outcome never overrides anything.
    """
    target, result, reason = await ended(intent, work)
    done = intent.preview.done
    envelope = Envelope(target, intent.id, result=result, reason=reason, done=done)
    try:
        stored = await _written(context, intent, target, result=result, reason=reason)
    except JournalUnavailable:
        # The outcome is true even if it is not recorded; the entry is reconciled later.
        log.error("intent %s ended %s, unwritten", intent.id[:8], target)  # noqa: TRY400
        return envelope
    return envelope if stored is None else outcome_of(stored)


FIRST_HAND: Final[Mapping[Ending, tuple[State, ...]]] = {
    "applied": ("sent", "unknown", "not_applied"),
    "not_applied": ("sent", "unknown"),
    "unknown": ("sent",),
}
"""The states from which the process that did the work may record each outcome."""


async def _written(
    context: Context, intent: Intent, target: Ending, **changes: Any
) -> Intent | None:
    """Record a first-hand outcome; the stored intent if it could not be recorded."""
    journal, now = context.journal.open(), context.now()
    for origin in FIRST_HAND[target]:
        if await journal.move(intent.id, origin, target, now, **changes):
            return None
    return await journal.get(intent.id)


def _too_late(intent: Intent) -> tuple[State, str]:
    """The final state of an intent that expired before anything was sent.

    An agreed intent is carried out immediately, unless an operator agreed or it is a row of a
    batch: then the caller has to repeat the call.
    """
    waits = intent.route == "operator" or intent.batch is not None
    broken_off = intent.state == "approved" and not waits
    return ("not_applied", CRASHED) if broken_off else ("expired", LATE)


class Reconciler:
    """Determines the outcome of intents by reading.

    Args:
        tools: all tools without pins, because an intent may be older than the settings.
    """

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools

    async def reconcile(self, context: Context, intent: Intent, *, close: bool = False) -> Intent:
        """The intent, with its outcome if reads can determine it.

        Args:
            context: the clients, the journal and the settings that tools use.
            intent: in any state; only one in state sent or unknown can change. An intent of another
                account is returned unchanged, because its effects cannot be read here.
            close: also cancel an open draft, so that it can never take effect.

        Raises:
            JournalUnavailable: the outcome cannot be recorded.
        """
        journal, now = context.journal.open(), context.now()
        if intent.state == "approved" and is_batch(intent):
            if lapsed(intent, now):
                await end_lapsed_batch(context, intent)
        elif lapsed(intent, now):
            end, why = _too_late(intent)
            await journal.move(intent.id, intent.state, end, now, reason=why)
        elif intent.state in {"sent", "unknown"} and await self._is_ours(context, intent):
            tool = self._tools.get(intent.tool)
            if tool is None or tool.reconcile is None:
                return intent
            work = self._work(context, tool, intent, close=close)
            target, result, reason = await ended(intent, work)
            if target != intent.state:
                await journal.conclude(intent, target, context.now(), result=result, reason=reason)
        return await journal.get(intent.id) or intent

    async def _is_ours(self, context: Context, intent: Intent) -> bool:
        """Whether an intent belongs to the account of this process."""
        if intent.account == context.account:
            return True
        facts = context.journal.open().account_facts
        return intent.account in await facts.same_organization(context.account)

    async def _work(
        self, context: Context, tool: Tool, intent: Intent, *, close: bool
    ) -> BaseModel:
        """The result of the reads of a tool.

        Raises:
            DidNotHappen: the change did not take effect, and no longer can.
            OutcomeUnknown: it may still take effect, or the reads failed.
        """
        if tool.reconcile is None:
            raise OutcomeUnknown("No read can tell what became of it.")
        context.brevo.read_afresh()
        facts = await known_facts(context)
        context = replace(context, history_lag=facts.history_lag)
        may_come = may_arrive(context, intent)
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
            raise OutcomeUnknown(f"{error.cause} What became of it cannot be read now.") from None

    def is_orphaned(self, context: Context, intent: Intent) -> bool:
        """Whether an intent was sent so long ago that no process can still be working on it."""
        return intent.state == "sent" and not may_arrive(context, intent)

    async def reconcile_all(self, context: Context) -> list[Intent]:
        """Reconcile all open intents of this account, for an operator.

        If necessary, it waits until no request can still be under way.

        Returns:
            the intents that were checked, in their current state.
        """
        seen: dict[str, Intent] = {}
        left = await self._unsettled(context)
        while left:
            for place, intent in enumerate(left):
                await report(place, len(left), intent.tool)
                seen[intent.id] = await self.reconcile(context, intent, close=True)
            left = [
                seen[intent.id]
                for intent in left
                if seen[intent.id].state in {"sent", "unknown"}
                and may_arrive(context, seen[intent.id])
            ]
            if left:
                await anyio.sleep(LOOK_AGAIN_SECONDS)
        return list(seen.values())

    async def _unsettled(self, context: Context) -> list[Intent]:
        """The intents without a final outcome, of the accounts of this process."""
        journal = context.journal.open()
        accounts = await journal.account_facts.same_organization(context.account)
        return await journal.find(states=UNSETTLED, accounts=accounts, limit=MANY)

    async def sweep(self, context: Context) -> None:
        """Reconcile what dead processes left behind and prune old entries, once.

        Every sweep checks unknown intents again, up to a certain age. After that, only check_intent
        or an operator does.
        """
        journal, now = context.journal.open(), context.now()
        for intent in await self._unsettled(context):
            began = intent.sent_at or intent.created_at
            if intent.state == "unknown" and now > began + LOOKED_AT_FOR:
                continue
            if not may_arrive(context, intent) or lapsed(intent, now):
                await self.reconcile(context, intent, close=True)
        await journal.prune(now)

    async def reconcile_abandoned(self, context: Context) -> None:
        """Sweep repeatedly while the server runs."""
        while True:
            try:
                if context.journal.in_use:
                    await self.sweep(context)
            except LoyaltyError as error:
                log.warning("what another process left is not reconciled yet: %s", error)
            await anyio.sleep(SWEEP_SECONDS)
