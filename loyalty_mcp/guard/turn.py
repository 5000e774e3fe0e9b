"""Turns: of several agreed changes to one subject, one is carried out at a time.

The claim is a row of the journal, so it holds across all processes that share it.
"""

import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, TypeVar

import anyio

from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.intents.lifecycle import Intent
from loyalty_mcp.tools.context import Context

ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.05
WAIT_SECONDS: Final = 90.0
RECONCILE_EVERY: Final = 20
"""Polls between two looks at what became of an intent that holds the subject and has stopped."""


async def take_turn(context: Context, intent: Intent) -> bool:
    """Claim the subject of an approved intent, waiting for whoever holds it.

    The claim ends with the intent; if the process dies, it ends when nothing more can arrive.

    Returns:
        whether it is held now.
    """
    journal = context.journal.open()
    preview = timedelta(seconds=3 * context.settings.timeout)
    polls = 0
    with anyio.move_on_after(WAIT_SECONDS):
        while True:
            # Before the first answer the upstream's time is not known: nobody is overtaken then.
            known = context.brevo.clock_skew is not None or context.settings.sandbox
            now = context.brevo.upstream_now()
            holder = await journal.claim_subject(
                intent, now=now if known else None, until=now + preview
            )
            if holder is None:
                return True
            if polls % RECONCILE_EVERY == 0:
                await _look_after(context, holder)
            polls += 1
            await anyio.sleep(POLL_SECONDS)
    return False


async def _look_after(context: Context, holder_id: str) -> None:
    """Reconcile the intent that holds the subject, if nobody works on it any more."""
    holder = await context.journal.open().get(holder_id)
    if holder is None or holder.account != context.account:
        return
    reconciler = context.reconciler
    if holder.state == "unknown" or reconciler.is_orphaned(context, holder):
        try:
            await reconciler.reconcile(context, holder, close=True)
        except LoyaltyError as error:
            log.info("intent %s cannot be reconciled yet: %s", holder.id[:8], error)


async def to_the_end(work: Awaitable[ResultT]) -> ResultT:
    """Wait for `work` even if the caller goes away: a change must not be left half done."""
    result: list[ResultT] = []
    with anyio.CancelScope(shield=True):
        result.append(await work)
    return result[0]
