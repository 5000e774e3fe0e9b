"""Settlement: how a change that was sent ended, also when its answer was lost."""

import logging
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal

import anyio
from pydantic import BaseModel

from loyalty_mcp.agreement import Envelope, outcome_of
from loyalty_mcp.context import Context
from loyalty_mcp.errors import JournalUnavailable, LoyaltyError, OutcomeUnknown
from loyalty_mcp.intents import Intent, lapsed
from loyalty_mcp.references import CallReferences
from loyalty_mcp.tool import Tool

log = logging.getLogger(__name__)

Ending = Literal["applied", "not_applied", "unknown"]
UNSETTLED: Final = ("approved", "sent", "unknown")
MANY: Final = 10_000
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


async def ending(
    context: Context, intent: Intent, work: Awaitable[BaseModel], origin: Literal["sent", "unknown"]
) -> Envelope:
    """Wait for the work, write down how it ended, and say it."""
    target, result, reason = await ended(intent, work)
    envelope = Envelope(target, intent.id, result=result, reason=reason)
    if target == origin:
        return envelope
    journal = context.journal.open()
    try:
        written = await journal.move(
            intent.id, origin, target, context.now(), result=result, reason=reason
        )
        stored = None if written else await journal.get(intent.id)
    except JournalUnavailable:
        # What happened is true all the same; the entry is settled at the next start.
        log.error("intent %s ended %s, unwritten", intent.id[:8], target)  # noqa: TRY400
        return envelope
    return envelope if stored is None else outcome_of(stored)


class Settler:
    """Finds out by reading what became of intents.

    Args:
        tools: every tool there is, nothing pinned: an intent may be older than the settings.
        patience: how long after a request was sent it may still take effect.
    """

    def __init__(self, tools: Mapping[str, Tool], patience: timedelta) -> None:
        self._tools = tools
        self._patience = patience

    async def settle(self, context: Context, intent: Intent, *, close: bool = False) -> Intent:
        """The intent, settled as far as reading tells.

        Args:
            context: what tools work with.
            intent: in any state; only one that was sent, or is unknown, can change.
            close: also cancel what is still open, so that it can never take effect.

        Raises:
            JournalUnavailable: what was found out cannot be written.
        """
        journal, now = context.journal.open(), context.now()
        if intent.state == "approved" and lapsed(intent, now):
            await journal.move(intent.id, "approved", "not_applied", now, reason=CRASHED)
        elif intent.state in {"sent", "unknown"}:
            tool = self._tools.get(intent.tool)
            if tool is None or tool.settle is None:
                return intent
            await ending(
                context,
                intent,
                self._work(context, tool, intent, close=close),
                "sent" if intent.state == "sent" else "unknown",
            )
        return await journal.get(intent.id) or intent

    async def _work(
        self, context: Context, tool: Tool, intent: Intent, *, close: bool
    ) -> BaseModel:
        given = tool.validated(intent.arguments)
        recorded = CallReferences(context.references, recorded=intent.resolved)
        arguments = await tool.received(given, recorded)
        if tool.settle is None:
            raise OutcomeUnknown("No read can tell what became of it.")
        may_come = intent.sent_at is None or context.now() < intent.sent_at + self._patience
        return await tool.settle(context, intent, close=close, may_come=may_come, **arguments)

    async def settle_all(self, context: Context) -> list[Intent]:
        """Settle everything that is not ended, whoever works on it; for the operator.

        Returns:
            the intents that were looked at, as they are now.
        """
        left = await context.journal.open().find(states=UNSETTLED, limit=MANY)
        return [await self.settle(context, intent, close=True) for intent in left]

    async def settle_left(self, context: Context) -> None:
        """Settle what a run that is over left behind, as soon as nobody can be working on it."""
        for _ in range(2):
            try:
                for intent in await context.journal.open().find(states=UNSETTLED, limit=MANY):
                    began = intent.sent_at or intent.created_at
                    if context.now() >= began + self._patience:
                        await self.settle(context, intent, close=True)
                await context.journal.open().prune(context.now())
            except LoyaltyError as error:
                log.warning("what an earlier run left is not settled yet: %s", error)
            await anyio.sleep(self._patience.total_seconds())
