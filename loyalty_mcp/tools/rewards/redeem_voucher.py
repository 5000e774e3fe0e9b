"""The tool that opens a redemption, and completes it if requested."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from loyalty_mcp.brevo.operations.vouchers import Code, OrderArgument, Redemption, Ttl, VoucherId
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import ContactId, Meta, ProgramId, RewardId
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.render import moment_text
from loyalty_mcp.tools.rewards.member_vouchers import can_be_redeemed
from loyalty_mcp.tools.rewards.redemption_preview import REDEEM, preview_redemption_of
from loyalty_mcp.tools.rewards.redemptions import (
    MAY_COMPLETE,
    OPEN_SECONDS,
    complete_opened,
    completed,
    open_redemption,
    redemption_of,
    used_by,
)
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen
from loyalty_mcp.tools.task import guarded

WHOSE: Final = "Give member, so that what it costs can be known."


async def preview_opening(
    context: Context,
    *,
    program: str,
    voucher_id: str | None = None,
    code: str | None = None,
    member: int | None = None,
    reward: str | None = None,
    auto_complete: bool | None = None,
    **_rest: Any,
) -> Preparation:
    """The preview of opening a redemption.

    Raises:
        Refused: the call names no voucher, or a cap needs a cost that is not known.
    """
    if not (voucher_id or code or (reward and member)):
        raise Refused("Name the voucher by voucher_id or code, or by reward and member.")
    what = REDEEM if auto_complete else "Open the redemption of"
    if member is not None:
        return await preview_redemption_of(
            context, program, member, what=what, voucher_id=voucher_id, code=code, reward=reward
        )
    if context.policy.caps.bind_points or context.policy.approval.operator_above is not None:
        raise Refused(f"The operator's policy bounds amounts. {WHOSE}")
    named = f"voucher {voucher_id}" if voucher_id else f"the voucher with code {quoted(code or '')}"
    return Preparation(
        Preview(f"{what} {named}.", warnings=(f"Whose it is is not known. {WHOSE}",)),
        subject=f"{program} voucher {voucher_id or code}",
    )


def redemption_text(redemption: Redemption, now: datetime) -> str:
    """The outcome of a redemption: completed, or open until a time."""
    debit = redemption.debit_transaction_id
    took = f" Its points are in transaction {debit}." if debit else ""
    if redemption.status == "completed":
        return f"The voucher is used up.{took}"
    until = (
        "" if redemption.expires_at is None else f" by {moment_text(redemption.expires_at, now)}"
    )
    return (
        f"The redemption is open and holds the voucher. complete_redemption with id "
        f"{redemption.id}{until} uses it up; otherwise it lapses.{took}"
    )


async def reconcile_opening(
    context: Context,
    intent: Intent,
    *,
    may_come: bool,
    program: str,
    member: int | None = None,
    auto_complete: bool | None = None,
    **_rest: Any,
) -> Redemption:
    """Determine the outcome of a redemption by reading.

    A redemption cannot be read without its id. If a voucher that could be redeemed no longer can,
    it is open.

    Raises:
        DidNotHappen: it was not opened or not completed; an open redemption expires by itself.
        OutcomeUnknown: it may be open, may still arrive, or its voucher is not known.
        LoyaltyError: the voucher cannot be read.
    """
    if intent.transaction_id is None:
        raise await _unopened(context, intent, program, may_come, auto_complete)
    opened = redemption_of(intent, intent.transaction_id, member)
    if not auto_complete:
        return opened
    used = await used_by(context, program, opened, intent)
    if used is not None:
        return completed(opened, used)
    if may_come:
        raise OutcomeUnknown(MAY_COMPLETE)
    raise DidNotHappen("The redemption was not completed; it lapses by itself.")


async def _unopened(
    context: Context, intent: Intent, program: str, may_come: bool, auto_complete: bool | None
) -> LoyaltyError:
    """What is known about a redemption whose id is not in the journal."""
    if auto_complete:
        return DidNotHappen("The redemption was never completed; nothing was used up.")
    voucher = intent.kept.get("voucher")
    if voucher is None:
        return OutcomeUnknown(f"It may be open, which no read can tell. {WHOSE}")
    if not await can_be_redeemed(context, program, str(voucher)):
        return OutcomeUnknown(
            "It seems to be open: it holds the voucher until it lapses, and its id is lost. "
            "validate_voucher tells when the voucher is free again."
        )
    if may_come:
        return OutcomeUnknown("It is not open yet, and may still come.")
    return DidNotHappen("The redemption is not open; nothing was used up.")


async def _opened_all_the_same(
    context: Context, intent: Intent, program: str, failure: LoyaltyError
) -> LoyaltyError:
    """The outcome of a failed opening; it may have been carried out behind a gateway."""
    voucher = intent.kept.get("voucher")
    if voucher is None or isinstance(failure, OutcomeUnknown):
        return failure
    try:
        free = await can_be_redeemed(context, program, str(voucher))
    except LoyaltyError:
        free = False
    return failure if free else await _unopened(context, intent, program, True, None)


@guarded(
    "moves_value",
    prepare=preview_opening,
    reconcile=reconcile_opening,
    requests=16,
    after_agreement=7,
    text=redemption_text,
)
async def redeem_voucher(
    context: Context,
    intent: Intent,
    program: ProgramId,
    *,
    voucher_id: VoucherId | None = None,
    code: Code | None = None,
    member: ContactId | None = None,
    reward: RewardId | None = None,
    ttl: Ttl | None = None,
    auto_complete: Annotated[bool | None, Field(description="Complete at once")] = None,
    meta: Meta | None = None,
    order: OrderArgument | None = None,
) -> Redemption:
    """Open a redemption, which may debit points. Prefer redeem_for_member."""
    # Of several vouchers of a reward, use the agreed one.
    agreed = intent.kept.get("voucher")
    named = {"voucher_id": voucher_id, "code": code, "reward": reward}
    # Because completing is a second request, a lost answer to the first one is harmless.
    fields = {
        **(named if agreed is None else {"voucher_id": agreed}),
        "member": member,
        "ttl": OPEN_SECONDS if ttl is None else ttl,
        "meta": meta,
        "order": order,
    }
    try:
        opened = await open_redemption(context, intent, program, fields)
    except DOUBTFUL as failure:
        if not auto_complete:
            raise await _opened_all_the_same(context, intent, program, failure) from None
        if isinstance(failure, OutcomeUnknown):
            raise Refused(
                f"{failure.cause} It was only the opening; nothing was used up."
            ) from None
        raise
    if not auto_complete:
        return opened
    if agreed is not None:
        opened = opened.model_copy(update={"reward_attribution_id": agreed})
    return await complete_opened(context, intent, program, opened, None)
