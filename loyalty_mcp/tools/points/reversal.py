"""A reversal: the opposite of a completed movement, carried out once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.transactions import PastTransaction
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.errors import NotFound, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.earlier_reversals import refuse_second_reversal
from loyalty_mcp.tools.points.history import HISTORY_PAGE, Place, history_page
from loyalty_mcp.tools.points.known_transactions import movement_in
from loyalty_mcp.tools.points.movement_preview import WantedMovement, preview_movement
from loyalty_mcp.tools.points.movements import (
    REVERSES,
    PointsMoved,
    reconcile_movement,
    reversals_in,
)

LAST: Final = "last"
PAGES: Final = 2
"""The pages of newest transactions that a reversal reads: 200 movements of the balance."""


async def preview_reversal(
    context: Context, *, program: str, member: int, transaction_id: str, reason: str, balance: str
) -> Preparation:
    """The preview of reversing a movement: that of the opposite movement.

    The second preview does not read the history again: a reversal in between shows in the balance,
    in the journal, or next to the draft before it is completed.

    Raises:
        NotFound: the member has no such transaction among the newest.
        Refused: it did not take effect, or was already reversed.
    """
    place = Place(program, member, balance)
    if "transaction" in context.kept:
        wanted = previewed_reversal(context.kept, place, reason)
        warnings = list(context.kept["reversal_warnings"])
        history = []
    else:
        history = await _pages_down_to(context, place, transaction_id)
        found = _reversible(history, place, transaction_id)
        wanted = _opposite(found, place, reason)
        warnings = _warnings(context, found)
        if not (await known_facts(context)).marks_shown:
            warnings.append(
                "If another installation has reversed this transaction already, that may not be "
                "seen here: this account is not known to show who made a transaction."
            )
    await refuse_second_reversal(context, wanted.reverses or "")
    preparation = await preview_movement(context, wanted, history, warnings)
    summary = f"Reverse transaction {wanted.reverses}. {preparation.preview.summary}"
    kept = {
        **preparation.kept,
        "transaction": wanted.reverses,
        "kind": wanted.kind,
        "amount": wanted.amount,
        "balance": balance,
        "reversal_warnings": warnings,
    }
    moved = preparation.preview.done
    done = f"Reversed transaction {wanted.reverses}: {moved[:1].lower()}{moved[1:]}"
    preview = replace(preparation.preview, summary=summary, done=done)
    return replace(preparation, preview=preview, kept=kept)


def previewed_reversal(kept: Mapping[str, Any], place: Place, reason: str) -> WantedMovement:
    """The opposite movement as it was previewed."""
    return WantedMovement(
        kept["kind"],
        place.program,
        place.member,
        Decimal(kept["amount"]),
        reason,
        place.balance,
        reverses=kept["transaction"],
    )


async def _pages_down_to(
    context: Context, place: Place, transaction_id: str
) -> list[PastTransaction]:
    """The newest pages of the history, down to the transaction; its reversal would be newer."""
    history: list[PastTransaction] = []
    for number in range(PAGES):
        page = await history_page(context, place, offset=number * HISTORY_PAGE)
        history += page
        if len(page) < HISTORY_PAGE or any(_is_meant(item, transaction_id) for item in page):
            break
    return history


def _is_meant(item: PastTransaction, transaction_id: str) -> bool:
    return _can_be_last(item) if transaction_id == LAST else item.id == transaction_id


def _can_be_last(item: PastTransaction) -> bool:
    return item.status == "completed" and REVERSES not in (item.meta or {})


def _reversible(
    history: Sequence[PastTransaction], place: Place, transaction_id: str
) -> PastTransaction:
    """The transaction, if it can be reversed.

    Raises:
        NotFound: the member has no such transaction among the newest.
        Refused: it did not take effect, or was already reversed.
    """
    found = next((item for item in history if _is_meant(item, transaction_id)), None)
    if found is None:
        raise NotFound(
            f"Member {place.member} has no transaction {quoted(transaction_id)} among the newest "
            f"{PAGES * 100} of this balance. list_transaction_history shows the ids, and "
            f'"{LAST}" means the latest. One that is older is undone by credit_points or '
            "debit_points, with the reason."
        )
    if found.status != "completed":
        step = " cancel_transaction drops it." if found.status == "draft" else ""
        state = "still a draft" if found.status == "draft" else found.status
        raise Refused(f"That transaction is {state}; only a completed one can be reversed.{step}")
    undone = reversals_in(history, found.id)
    if undone:
        raise Refused(f"That transaction was reversed already, by transaction {undone[0].id}.")
    return found


def _opposite(found: PastTransaction, place: Place, reason: str) -> WantedMovement:
    movement = movement_in(place, found)
    return WantedMovement(
        kind="credit" if movement.kind == "debit" else "debit",
        program=place.program,
        member=place.member,
        amount=movement.amount,
        reason=reason,
        balance=place.balance,
        reverses=found.id,
    )


def _warnings(context: Context, found: PastTransaction) -> list[str]:
    """What reversing a credit takes if its own points are already gone."""
    expires = read_moment(found.balance_expiration_date)
    amount = Decimal(found.amount or 0)
    if amount <= 0 or expires is None or expires > context.brevo.upstream_now():
        return []
    day = f"{expires:%Y-%m-%d}"
    return [f"What was left of this credit expired on {day}; reversing it takes other points."]


async def reconcile_reversal(
    context: Context, intent: Intent, *, place: Place, reason: str, close: bool, may_come: bool
) -> PointsMoved:
    """Determine the outcome of a reversal by reading.

    Raises:
        DidNotHappen: nothing was moved, and nothing will be.
        OutcomeUnknown: it may still happen.
        LoyaltyError: the history cannot be read.
    """
    wanted = WantedMovement(
        "credit", place.program, place.member, Decimal(0), reason, place.balance
    )
    return await reconcile_movement(context, intent, wanted, close=close, may_come=may_come)
