"""The outcome of an intent that another call or process carries out."""

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
    """The outcome of an intent, once it has ended or its process has stopped.

    Raises:
        Refused: the intent no longer exists.
    """
    stored = await settled_elsewhere(context, intent_id, WAIT_SECONDS)
    if stored is None:
        raise Refused(NO_SUCH)
    return outcome_of(stored)


async def settled_elsewhere(
    context: Context, intent_id: str, seconds: float, *, close: bool = False
) -> Intent | None:
    """An intent after its work has ended; reconciled if its process has stopped.

    Args:
        context: the clients, the journal and the settings that tools use.
        intent_id: the intent's id.
        seconds: how long to wait; after that, the intent is returned as it is.
        close: whether reconciliation may cancel its open draft.

    Returns:
        None if the intent no longer exists.
    """
    journal, reconciler = context.journal.open(), context.reconciler
    stored = await journal.get(intent_id)
    with anyio.move_on_after(seconds):
        while stored is not None and stored.state in {"approved", "sent"}:
            if reconciler.is_orphaned(context, stored):
                break
            await anyio.sleep(POLL_SECONDS)
            stored = await journal.get(intent_id)
    if stored is None:
        return None
    if stored.state == "unknown" or reconciler.is_orphaned(context, stored):
        stored = await reconciler.reconcile(context, stored, close=close)
    return stored
