"""What became of an intent that another call, or another process, carries out."""

from typing import Final

import anyio

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Envelope, outcome_of
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.tools.context import Context

POLL_SECONDS: Final = 0.05
WAIT_SECONDS: Final = 60.0
NO_SUCH: Final = "There is no such confirmation; call again without it for a new preview."


async def outcome_elsewhere(context: Context, intent_id: str) -> Envelope:
    """The outcome of an intent, once whoever carries it out is done, or has stopped.

    Raises:
        Refused: there is no such intent any more.
    """
    stored, reconciler = await _finished(context, intent_id), context.reconciler
    if stored.state == "unknown" or reconciler.is_orphaned(context, stored):
        stored = await reconciler.reconcile(context, stored)
    return outcome_of(stored)


async def _finished(context: Context, intent_id: str) -> Intent:
    """The intent once nobody works on it any more, or as it is after a minute."""
    journal = context.journal.open()
    stored = await journal.get(intent_id)
    with anyio.move_on_after(WAIT_SECONDS):
        while stored is not None and stored.state in {"approved", "sent"}:
            if context.reconciler.is_orphaned(context, stored):
                break
            await anyio.sleep(POLL_SECONDS)
            stored = await journal.get(intent_id)
    if stored is None:
        raise Refused(NO_SUCH)
    return stored
