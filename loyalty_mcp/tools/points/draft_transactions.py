"""Drafts of movements: found by their marker, completed at most once, cancelled for good."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from loyalty_mcp.brevo.operations.transactions import (
    PastTransaction,
    Transaction,
    cancel_transaction,
    complete_transaction,
    list_transaction_history,
)
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import COUNTS_TOWARD_CAPS, MARKER, Intent
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import HISTORY_PAGE
from loyalty_mcp.tools.send_window import in_time

DRAFT_SECONDS: Final = 900
COMPLETION_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a movement stands in the history.

    Args:
        program: its id.
        member: contact id.
        balance: its definition's id.
    """

    program: str
    member: int
    balance: str


def marker_of(transaction: PastTransaction) -> str | None:
    """The intent that a transaction belongs to, if it is ours."""
    value = (transaction.meta or {}).get(MARKER)
    return value if isinstance(value, str) else None


async def find(
    context: Context, place: Place, fits: Callable[[PastTransaction], bool]
) -> PastTransaction | None:
    """The newest transaction of a member and balance that fits, or None.

    Raises:
        LoyaltyError: the history cannot be read.
    """
    async for item in _history(context, place):
        if fits(item):
            return item
    return None


async def whole_history(context: Context, place: Place) -> list[PastTransaction]:
    """All transactions of a member and balance, drafts included, newest first.

    Raises:
        LoyaltyError: the history cannot be read.
    """
    return [item async for item in _history(context, place)]


async def _history(context: Context, place: Place) -> AsyncIterator[PastTransaction]:
    offset = 0
    while True:
        request = list_transaction_history(
            place.program,
            place.member,
            place.balance,
            limit=HISTORY_PAGE,
            offset=offset,
            sort="desc",
        )
        page = (await context.brevo.send(request)).transaction_history
        for item in page:
            yield item
        if len(page) < HISTORY_PAGE:
            return
        offset += HISTORY_PAGE


async def find_of(context: Context, place: Place, intent: Intent) -> PastTransaction | None:
    """The transaction of an intent: by the id in the journal, or by its marker."""
    return await find(
        context,
        place,
        lambda item: item.id == intent.transaction_id or marker_of(item) == intent.id,
    )


async def complete(
    context: Context, intent: Intent, place: Place, transaction_id: str
) -> Transaction | PastTransaction:
    """Complete one draft; whatever the answers, what the history says is what happened.

    Repeating is harmless: it is the same id, and the API refuses a second completion.

    Raises:
        Refused: the draft ended otherwise; nothing was moved.
        OutcomeUnknown: the history cannot be read, or the completion may still arrive.
    """
    for _ in range(COMPLETION_TRIES):
        if not in_time(context, intent):
            break
        try:
            return await context.brevo.send(complete_transaction(place.program, transaction_id))
        except LoyaltyError as error:
            found = await _seen(context, place, transaction_id, error)
        if found.status == "completed":
            return found
        if found.status != "draft":
            why = f": {quoted(found.reject_reason)}" if found.reject_reason else ""
            raise Refused(f"The movement ended {found.status}{why}; nothing was moved.")
    raise OutcomeUnknown("Brevo does not answer the completion; check_intent will tell.")


async def _seen(
    context: Context, place: Place, transaction_id: str, error: LoyaltyError
) -> PastTransaction:
    """The transaction as the history has it, after a completion that failed with `error`.

    Raises:
        OutcomeUnknown: the history did not tell.
    """
    try:
        found = await find(context, place, lambda item: item.id == transaction_id)
    except LoyaltyError:
        found = None
    if found is None:
        raise OutcomeUnknown(f"{error} The history cannot be read now; check_intent will tell.")
    return found


async def cancelled(context: Context, program: str, transaction_id: str) -> None:
    """Cancel a draft; whether it was still one, the history tells afterwards."""
    with contextlib.suppress(LoyaltyError):
        await context.brevo.send(cancel_transaction(program, transaction_id))


def in_todays_caps(context: Context, maker: Intent) -> bool:
    """Whether the caps of today have counted a movement when the intent made its draft."""
    if maker.movement is None or maker.sent_at is None or maker.state not in COUNTS_TOWARD_CAPS:
        return False
    return maker.sent_at.date() == context.now().date()
