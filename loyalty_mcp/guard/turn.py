"""Turns: agreed changes of the same subject are carried out one at a time.

The claim is a row of the journal, so it applies to all processes that share the journal.
"""

import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
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
"""Polls between two checks whether the process of the claiming intent has stopped."""

BUSY: Final = (
    "Another change to the same subject was under way all the time; nothing was changed. "
    "Call again for a new preview."
)


async def take_turn(context: Context, intent: Intent) -> bool:
    """Claim the subject of an approved intent, waiting while another intent holds it.

    The claim ends with the intent. If its process dies, the claim ends when no request can arrive.

    Returns:
        whether the claim is held now.
    """
    polls = 0
    with anyio.move_on_after(WAIT_SECONDS):
        holder = await _claim(context, intent)
        while holder is not None:
            if polls % RECONCILE_EVERY == 0:
                await _look_after(context, holder)
            polls += 1
            await anyio.sleep(POLL_SECONDS)
            # Claiming takes the journal's write lock, so it is tried only when no other intent
            # holds it.
            now = _known_now(context)
            holder = await context.journal.open().subject_holder(intent, now=now)
            if holder is None:
                holder = await _claim(context, intent)
        return True
    return False


async def _claim(context: Context, intent: Intent) -> str | None:
    """Claim the subject of an intent; the intent that holds it, or None if the claim succeeded."""
    preview = timedelta(seconds=3 * context.settings.timeout)
    until = context.brevo.upstream_now() + preview
    journal = context.journal.open()
    return await journal.claim_subject(intent, now=_known_now(context), until=until)


def _known_now(context: Context) -> datetime | None:
    """The upstream's time; None before its first answer, when no claim may be taken over."""
    known = context.brevo.clock_skew is not None or context.settings.sandbox
    return context.brevo.upstream_now() if known else None


async def _look_after(context: Context, holder_id: str) -> None:
    """Reconcile the intent that holds the claim, if its process has stopped."""
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
    """Await `work` even if the caller disconnects, because a change must not be left half done."""
    result: list[ResultT] = []
    with anyio.CancelScope(shield=True):
        result.append(await work)
    return result[0]
