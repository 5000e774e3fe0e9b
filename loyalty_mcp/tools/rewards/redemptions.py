"""Redemptions: opened, recorded in the journal, then completed, so that a voucher is used once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.vouchers import Redemption
from loyalty_mcp.brevo.operations.vouchers import complete_redemption as complete_operation
from loyalty_mcp.brevo.operations.vouchers import redeem_voucher as redeem_operation
from loyalty_mcp.errors import JournalUnavailable, OutcomeUnknown, Refused, Unavailable
from loyalty_mcp.intents.lifecycle import MARKER, Intent
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.draft_transactions import COMPLETION_TRIES
from loyalty_mcp.tools.points.history import Place, find_by_id
from loyalty_mcp.tools.rewards.member_vouchers import consumed_at, find_voucher
from loyalty_mcp.tools.send_window import (
    DOUBTFUL,
    TOO_LATE,
    effect_after,
    may_send,
    send_change,
)

OPEN_SECONDS: Final = 900
MAY_COMPLETE: Final = "The voucher is not used up, and the completion may still arrive."


async def open_redemption(
    context: Context, intent: Intent, program: str, fields: Mapping[str, Any]
) -> Redemption:
    """Open a redemption and bind it to its intent. Nobody else completes it, so it may expire.

    The times of its opening and its expiry are recorded by the upstream's clock: a voucher that was
    used in between was used by this redemption.

    Raises:
        Refused: it could not be opened, or costs more than was agreed to; nothing was used.
        OutcomeUnknown: it may have been opened.
    """
    marked = {**(fields.get("meta") or {}), MARKER: intent.id}
    request = redeem_operation(program, **{**fields, "meta": marked, "auto_complete": None})
    opened = await send_change(context, intent, request)
    span = timedelta(seconds=fields.get("ttl") or OPEN_SECONDS)
    began = opened.created_at or context.brevo.upstream_now()
    kept = {
        "opened_at": began.isoformat(),
        "lapses_at": (opened.expires_at or began + span).isoformat(),
    }
    try:
        bound = await context.journal.open().set_transaction(
            intent, opened.id, context.now(), kept=kept
        )
    except JournalUnavailable as error:
        raise OutcomeUnknown(str(error)) from None
    if not bound:
        raise Refused("This intent was concluded elsewhere; its redemption was left to lapse.")
    await _require_agreed_cost(context, intent, program, opened)
    return opened


async def _require_agreed_cost(
    context: Context, intent: Intent, program: str, opened: Redemption
) -> None:
    """Compare the cost of an open redemption with what was agreed to.

    A cost that is the whole balance, or an edited reward, may have grown since the preview.

    Raises:
        Refused: the cost differs.
        LoyaltyError: the cost cannot be read.
    """
    debit, member = opened.debit_transaction_id, opened.contact_id
    if "voucher" not in intent.kept:
        return
    cost = None if intent.movement is None else intent.movement.amount
    if debit is None and cost is None:
        return
    balance = intent.kept.get("balance")
    if debit is not None and member is not None and balance is not None:
        found = await find_by_id(context, Place(program, member, balance), debit, pages=1)
        if found is not None and abs(Decimal(found.amount or 0)) == (cost or Decimal(0)):
            return
    raise Refused(
        "It would take other points than was agreed to, so it was left to lapse; nothing was used "
        "up. Call again for a new preview."
    )


async def complete_opened(
    context: Context, intent: Intent, program: str, opened: Redemption, maker: Intent | None
) -> Redemption:
    """Complete a redemption. Repeating is harmless, because a second completion is refused.

    Args:
        context: the clients, the journal and the settings that tools use.
        intent: being sent.
        program: its id.
        opened: the redemption.
        maker: the intent that opened it, if it was one of ours.

    Raises:
        Refused: it was not completed.
        OutcomeUnknown: it may have been completed, or may still be.
    """
    lost: OutcomeUnknown | None = None
    for _ in range(COMPLETION_TRIES):
        if not may_send(context, intent):
            break
        try:
            return await send_change(context, intent, complete_operation(program, opened.id))
        except OutcomeUnknown as error:
            lost = error
        except DOUBTFUL as refusal:
            failure = lost or refusal
            if opened.contact_id is None:
                raise failure from None
            used = await effect_after(
                context, failure, lambda: used_by(context, program, opened, maker)
            )
            return completed(opened, used)
    if lost is None:
        raise Unavailable(f"{TOO_LATE} What it opened lapses by itself; nothing was used up.")
    failure = lost
    return completed(
        opened,
        await effect_after(context, failure, lambda: used_by(context, program, opened, maker)),
    )


def completed(opened: Redemption, used: datetime) -> Redemption:
    """A redemption after its voucher was used."""
    return opened.model_copy(update={"status": "completed", "completed_at": used})


async def used_by(
    context: Context, program: str, opened: Redemption, maker: Intent | None
) -> datetime | None:
    """When a redemption of ours used its voucher; None if it did not.

    An open redemption reserves its voucher, so a use between its opening and its expiry is its own.
    All these times are the upstream's. A later use belongs to somebody else.

    Raises:
        OutcomeUnknown: the voucher, or the period in which the redemption was open, is not known.
        LoyaltyError: the voucher cannot be read.
    """
    if opened.contact_id is None or opened.reward_attribution_id is None:
        raise OutcomeUnknown("Whether the voucher was used up cannot be read.")
    held = await find_voucher(
        context,
        program,
        opened.contact_id,
        lambda item: item.id == opened.reward_attribution_id,
    )
    used = consumed_at(held)
    if used is None:
        return None
    began, lapses = open_span(opened, maker)
    if began is None or lapses is None:
        raise OutcomeUnknown("The voucher is used up, and no read can tell by whom.")
    return used if began <= used < lapses else None


def open_span(opened: Redemption, maker: Intent | None) -> tuple[datetime | None, datetime | None]:
    """The upstream times between which a redemption was open."""
    kept = {} if maker is None else maker.kept
    began, lapses = kept.get("opened_at"), kept.get("lapses_at")
    return (
        datetime.fromisoformat(began) if began else opened.created_at,
        datetime.fromisoformat(lapses) if lapses else opened.expires_at,
    )


def redemption_of(intent: Intent, redemption_id: str, member: int | None) -> Redemption:
    """A redemption according to the journal."""
    return Redemption(
        id=redemption_id, contact_id=member, reward_attribution_id=intent.kept.get("voucher")
    )
