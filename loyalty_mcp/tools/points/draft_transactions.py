"""Drafts of movements: bound to one intent, completed at most once, cancelled permanently."""

import contextlib
from typing import Final, TypeVar

from loyalty_mcp.brevo.operations.transactions import (
    PastTransaction,
    Transaction,
    cancel_transaction,
    complete_transaction,
)
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import (
    LoyaltyError,
    NotAuthorized,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unavailable,
)
from loyalty_mcp.intents.lifecycle import COUNTS_TOWARD_CAPS, Intent
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.history import Place, find_by_id
from loyalty_mcp.tools.send_window import SHOWN_LATER, TOO_LATE, may_send, send_change

DRAFT_SECONDS: Final = 900
COMPLETION_TRIES: Final = 3
HISTORY_PAGES: Final = 2
"""Pages that are searched for a recent draft, which is among the newest transactions."""

ENDED_WITHOUT_EFFECT: Final = frozenset({"rejected", "cancelled", "expired"})

EndedT = TypeVar("EndedT", bound=Transaction | PastTransaction)

REFUSED_BEFOREHAND: Final = (NotAuthorized, RateLimited)
"""Refusals of the caller, not of the change; a gateway sends them before the API is reached."""


async def complete_draft(
    context: Context, intent: Intent, place: Place, transaction_id: str
) -> Transaction | PastTransaction:
    """Complete one draft. Whatever the answers are, the history decides what happened.

    Repeating is harmless: the id is the same, and the API refuses a second completion. If a
    completion is refused before the API sees it, the draft is cancelled.

    Raises:
        Refused: the draft ended in another way; nothing was moved.
        OutcomeUnknown: the history cannot be read, or the completion may still arrive.
    """
    lost: OutcomeUnknown | None = None
    facts = await known_facts(context)
    tries = 1 if facts.second_completion == "applied" else COMPLETION_TRIES
    for _ in range(tries):
        if not may_send(context, intent):
            break
        try:
            return require_effective(
                await send_change(
                    context, intent, complete_transaction(place.program, transaction_id)
                )
            )
        except LoyaltyError as error:
            found = await _seen_in_history(context, place, transaction_id, error)
            failure = error
        if found.status == "completed":
            return found
        if found.status == "draft" and facts.history_lag:
            raise OutcomeUnknown(f"{failure.cause} {SHOWN_LATER}")
        if found.status != "draft":
            return require_effective(found)
        if isinstance(failure, OutcomeUnknown):
            lost = failure
        elif tries == 1 or (lost is None and isinstance(failure, REFUSED_BEFOREHAND)):
            return await _given_up(context, place, transaction_id, failure)
    if lost is None:
        return await _given_up(context, place, transaction_id, Unavailable(TOO_LATE))
    raise OutcomeUnknown(f"{lost} The draft is still open; check_intent tells what became of it.")


def require_effective(transaction: EndedT) -> EndedT:
    """The transaction, unless it ended without effect, which Brevo can report with status 200.

    Raises:
        Refused: nothing was moved.
    """
    if transaction.status in ENDED_WITHOUT_EFFECT:
        reason = transaction.reject_reason
        why = f": {quoted(reason)}" if reason else ""
        raise Refused(f"The movement ended {transaction.status}{why}; nothing was moved.")
    return transaction


async def _seen_in_history(
    context: Context, place: Place, transaction_id: str, error: LoyaltyError
) -> PastTransaction:
    """The transaction according to the history, after a completion failed with `error`.

    Raises:
        OutcomeUnknown: the history does not show it.
    """
    try:
        found = await find_by_id(context, place, transaction_id, pages=HISTORY_PAGES)
    except LoyaltyError:
        found = None
    if found is None:
        raise OutcomeUnknown(
            f"{error.cause} The history cannot be read now; check_intent will tell."
        )
    return found


async def _given_up(
    context: Context, place: Place, transaction_id: str, why: LoyaltyError
) -> PastTransaction:
    """Cancel a draft whose completion was refused; the history shows how it ended.

    Raises:
        Refused: nothing was moved, and nothing will be.
        OutcomeUnknown: the draft may still be completed.
    """
    await cancel_draft(context, place.program, transaction_id)
    found = await _seen_in_history(context, place, transaction_id, why)
    if found.status == "completed":
        return found
    if found.status == "draft":
        raise Refused(
            f"{why.cause} The completion was refused, so nothing was moved; the draft lapses by "
            f"itself within {DRAFT_SECONDS // 60} minutes, and nobody completes it."
        )
    raise Refused(
        f"{why.cause} The completion was refused and the draft cancelled; nothing was moved."
    )


async def cancel_draft(context: Context, program: str, transaction_id: str) -> None:
    """Cancel a draft; the history shows whether that succeeded.

    A cancelled draft moves nothing, so the request may be sent at any time.
    """
    with contextlib.suppress(LoyaltyError):
        await context.brevo.send(cancel_transaction(program, transaction_id))


def in_todays_caps(context: Context, maker: Intent) -> bool:
    """Whether today's caps counted a movement when the intent created its draft."""
    if maker.movement is None or maker.sent_at is None or maker.state not in COUNTS_TOWARD_CAPS:
        return False
    return maker.sent_at.date() == context.now().date()
