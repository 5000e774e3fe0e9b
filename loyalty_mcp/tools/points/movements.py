"""Carrying out movements: a draft that only an agreed intent completes, and only once."""

import contextlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.balances import get_subscription_balances
from loyalty_mcp.brevo.operations.transactions import (
    PastTransaction,
    Transaction,
    create_transaction,
)
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import Number, Reply
from loyalty_mcp.errors import (
    JournalUnavailable,
    LoyaltyError,
    OutcomeUnknown,
    Refused,
    Unavailable,
)
from loyalty_mcp.intents.lifecycle import MARKER, Intent
from loyalty_mcp.tools.account_behaviour import known_facts
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.points.draft_transactions import (
    DRAFT_SECONDS,
    cancel_draft,
    complete_draft,
    require_effective,
)
from loyalty_mcp.tools.points.history import (
    find_of_intent,
    history_page,
    require_no_unmarked_transaction,
)
from loyalty_mcp.tools.points.movement_amounts import MovementKind
from loyalty_mcp.tools.points.movement_preview import WantedMovement
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, effect_after, send_change

REVERSES: Final = "loyaltyMcpReverses"
"""The key in `meta` under which a reversal names the reversed transaction."""

RECONCILED_PAGES: Final = 5
"""Pages of the history that are searched for the transaction of an intent."""


class PointsMoved(Reply):
    """A credit or debit that took effect."""

    transaction_id: str
    kind: MovementKind
    member: int
    balance: str
    unit: str
    amount: Number
    new_balance: Number | None = None
    agreed_amount: Number | None = None
    """What was agreed to, where another amount was moved: rules changed at the last moment."""


async def carry_out_movement(
    context: Context, intent: Intent, wanted: WantedMovement
) -> PointsMoved:
    """Carry out an agreed movement: create a draft, record it in the journal, complete it.

    A draft that is not completed moves nothing and expires, so a lost answer to its creation is
    harmless. Only the completion of the same id is repeated, and the API refuses it the second
    time. A credit with an expiry of its own cannot be a draft: it is created as completed, and
    after a lost answer its mark in the history shows whether it was made.

    Raises:
        LoyaltyError: nothing was moved.
        OutcomeUnknown: the completion may or may not have happened.
    """
    if wanted.has_own_life:
        return await _result(
            context, intent, wanted, await _credit_at_once(context, intent, wanted)
        )
    draft = await _make_draft(context, intent, wanted)
    if wanted.reverses is not None:
        await _require_first_reversal(context, wanted, draft.id)
    made = await complete_draft(context, intent, wanted.place, draft.id)
    return await _result(context, intent, wanted, made)


async def _creation(
    context: Context, intent: Intent, wanted: WantedMovement
) -> Request[Transaction]:
    """The request that creates the transaction of an intent, with its mark."""
    unit = (await known_facts(context)).ttl_unit
    draft_life = DRAFT_SECONDS if unit == "seconds" else DRAFT_SECONDS // 60
    meta: dict[str, Any] = {MARKER: intent.id, "reason": wanted.reason}
    if wanted.order_id is not None:
        meta["orderId"] = wanted.order_id
    if wanted.reverses is not None:
        meta[REVERSES] = wanted.reverses
    at_once = wanted.has_own_life
    return create_transaction(
        wanted.program,
        wanted.member,
        wanted.balance,
        wanted.amount if wanted.kind == "credit" else -wanted.amount,
        auto_complete=True if at_once else None,
        ttl=None if at_once else draft_life,
        balance_expiry_in_minutes=wanted.life_in_minutes(context.brevo.upstream_now()),
        meta=meta,
    )


async def _make_draft(
    context: Context, intent: Intent, wanted: WantedMovement
) -> Transaction | PastTransaction:
    """The draft of an intent, new or found by its mark, and bound to the intent in the journal.

    Raises:
        LoyaltyError: there is no bound draft, so nothing will be completed.
    """
    draft: Transaction | PastTransaction | None
    try:
        draft = await send_change(context, intent, await _creation(context, intent, wanted))
    except OutcomeUnknown as lost:
        try:
            draft = await find_of_intent(context, wanted.place, intent, pages=1)
        except LoyaltyError:
            draft = None
        if draft is None:
            raise Unavailable(
                "Brevo's answer was lost. It was only the draft of the movement, which moves "
                "nothing and lapses by itself: nothing was changed. Try again in a moment."
            ) from lost
    if not await context.journal.open().set_transaction(intent, draft.id, context.now()):
        raise Refused("This intent was concluded elsewhere; its draft was left to lapse.")
    return draft


async def _credit_at_once(
    context: Context, intent: Intent, wanted: WantedMovement
) -> Transaction | PastTransaction:
    """The transaction of an intent, created as completed.

    Raises:
        LoyaltyError: it was not made.
        OutcomeUnknown: it may have been made, or may still be made.
    """
    made: Transaction | PastTransaction
    try:
        made = await send_change(context, intent, await _creation(context, intent, wanted))
    except DOUBTFUL as failure:
        made = await effect_after(
            context, failure, lambda: _credit_or_absence(context, intent, wanted)
        )
    made = require_effective(made)
    # The change has happened; a failure to write its id must not hide that.
    with contextlib.suppress(JournalUnavailable):
        await context.journal.open().set_transaction(intent, made.id, context.now())
    return made


async def _credit_or_absence(
    context: Context, intent: Intent, wanted: WantedMovement
) -> PastTransaction | None:
    """The transaction of an intent, or None if it is proven that there is none.

    Raises:
        OutcomeUnknown: a transaction without a mark could be it.
        LoyaltyError: the history cannot be read.
    """
    found = await find_of_intent(context, wanted.place, intent, pages=1)
    if found is None:
        await require_no_unmarked_transaction(context, intent, wanted.place)
    return found


async def _require_first_reversal(context: Context, wanted: WantedMovement, draft: str) -> None:
    """Of several simultaneous reversals of one transaction, let only the first continue.

    Raises:
        Refused: another was first; this draft is cancelled, and nothing was moved.
    """
    newest = await history_page(context, wanted.place)
    others = reversals_in(newest, wanted.reverses or "")
    first = min(others, key=lambda item: (item.created_at or "", item.id), default=None)
    done = any(item.status == "completed" for item in others)
    if done or (first is not None and first.id != draft):
        await cancel_draft(context, wanted.program, draft)
        raise Refused("That transaction is being reversed already; nothing was moved twice.")


def reversals_in(history: Iterable[PastTransaction], transaction_id: str) -> list[PastTransaction]:
    """The transactions that reversed a transaction, or are about to."""
    return [
        item
        for item in history
        if (item.meta or {}).get(REVERSES) == transaction_id
        and item.status in {"completed", "draft"}
    ]


async def _result(
    context: Context,
    intent: Intent,
    wanted: WantedMovement,
    made: Transaction | PastTransaction,
    *,
    look: bool = False,
) -> PointsMoved:
    """The answer to a movement that took effect; values that cannot be read now are omitted.

    Args:
        context: what tools work with.
        intent: of the movement.
        wanted: what was agreed to.
        made: as it was answered, or found in the history after a lost answer.
        look: whether the balance is read where the history alone is known. A call that lost an
            answer has taken its requests already.
    """
    try:
        definitions = await context.references.balances(wanted.program)
        definition = next((item for item in definitions if item.id == wanted.balance), None)
    except LoyaltyError:
        definition = None
    total = made.balance if isinstance(made, Transaction) else None
    if total is None and (look or isinstance(made, Transaction)):
        total = await _total(context, wanted)
    amount, agreed = abs(made.amount or Decimal(0)), _agreed_amount(intent)
    return PointsMoved(
        transaction_id=made.id,
        kind="debit" if (made.amount or 0) < 0 or made.transaction_type == "debit" else "credit",
        member=wanted.member,
        balance=wanted.balance if definition is None else definition.name,
        unit="points" if definition is None else unit_of(definition),
        amount=amount,
        new_balance=total,
        agreed_amount=None if agreed == amount else agreed,
    )


def _agreed_amount(intent: Intent) -> Decimal | None:
    """The agreed change of the balance, according to the preview."""
    before, after = (side.get("balance") for side in (intent.preview.before, intent.preview.after))
    if before is None or after is None:
        return None
    return abs(Decimal(str(after)) - Decimal(str(before)))


async def _total(context: Context, wanted: WantedMovement) -> Decimal | None:
    request = get_subscription_balances(wanted.program, wanted.member, include_internal=True)
    try:
        held = (await context.brevo.send(request)).balance
    except LoyaltyError:
        return None
    found = {item.balance_definition_id: item.value for item in held}
    return found.get(wanted.balance) or Decimal(0)


async def reconcile_movement(
    context: Context, intent: Intent, wanted: WantedMovement, *, close: bool, may_come: bool
) -> PointsMoved:
    """Determine the outcome of a movement by reading.

    Nothing was moved if the history has no completed transaction of this intent, and nothing will
    be, because only this intent completes its draft, and its state in the journal forbids that. A
    credit that is created as completed may still arrive while `may_come` is true.

    Raises:
        DidNotHappen: nothing was moved, and nothing will be.
        OutcomeUnknown: it may still happen, or the reads cannot show it.
        LoyaltyError: the history cannot be read.
    """
    found = await find_of_intent(context, wanted.place, intent, pages=RECONCILED_PAGES)
    if found is None and intent.transaction_id is not None:
        raise OutcomeUnknown("Its draft is not to be seen in the history.")
    if found is not None and found.status == "draft":
        if intent.transaction_id is None:
            # Its id is not in the journal, so nobody completes it.
            await cancel_draft(context, wanted.program, found.id)
            raise DidNotHappen("Only a draft was made, which moves nothing.")
        if close:
            await cancel_draft(context, wanted.program, found.id)
            found = await find_of_intent(context, wanted.place, intent, pages=RECONCILED_PAGES)
    if found is not None and found.status == "completed":
        return await _result(context, intent, wanted, found, look=True)
    if found is not None and found.status == "draft":
        if may_come:
            raise OutcomeUnknown("The draft is open, and its completion may still arrive.")
        raise OutcomeUnknown("The draft is still open; it lapses within 15 minutes.")
    if found is None and wanted.has_own_life:
        if may_come:
            raise OutcomeUnknown("It is not in the history yet, and may still arrive.")
        await require_no_unmarked_transaction(context, intent, wanted.place)
    raise DidNotHappen("Nothing was moved.")
