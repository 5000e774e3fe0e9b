"""The tool that redeems a member's voucher."""

from datetime import datetime
from typing import Any

from loyalty_mcp.brevo.operations.vouchers import Code, VoucherId
from loyalty_mcp.brevo.types import ContactId, ProgramId, Reply, RewardId
from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.rewards.redemption_preview import REDEEM, preview_redemption_of
from loyalty_mcp.tools.rewards.redemptions import (
    MAY_COMPLETE,
    OPEN_SECONDS,
    complete_opened,
    open_redemption,
    redemption_of,
    used_by,
)
from loyalty_mcp.tools.send_window import DidNotHappen
from loyalty_mcp.tools.task import guarded


class Redeemed(Reply):
    """A voucher that was used up."""

    redemption_id: str
    member: int
    voucher_id: str
    code: str | None = None
    reward: str
    debit_transaction_id: str | None = None


async def preview_member_redemption(
    context: Context,
    *,
    program: str,
    member: int,
    voucher_id: str | None = None,
    code: str | None = None,
    reward: str | None = None,
) -> Preparation:
    """The preview of redeeming a member's voucher.

    Raises:
        NotFound: the member has no such voucher.
        Refused: nothing names the voucher, or it cannot be redeemed now.
    """
    if voucher_id is None and code is None and reward is None:
        raise Refused("Name the voucher by voucher_id, code or reward.")
    return await preview_redemption_of(
        context, program, member, what=REDEEM, voucher_id=voucher_id, code=code, reward=reward
    )


async def reconcile_member_redemption(
    context: Context,
    intent: Intent,
    *,
    may_come: bool,
    program: str,
    member: int,
    **_rest: Any,
) -> Redeemed:
    """Determine by reading whether this intent used the voucher.

    If the journal has no redemption, nothing was completed. Otherwise, only this intent could use
    the voucher while the redemption was open.

    Raises:
        DidNotHappen: the voucher was not used; an open redemption expires by itself.
        OutcomeUnknown: its completion may still arrive.
        LoyaltyError: the voucher cannot be read.
    """
    if intent.transaction_id is None:
        raise DidNotHappen("The redemption was never completed; nothing was used up.")
    opened = redemption_of(intent, intent.transaction_id, member)
    if await used_by(context, program, opened, intent) is not None:
        return _redeemed(intent, member, intent.transaction_id)
    if may_come:
        raise OutcomeUnknown(MAY_COMPLETE)
    raise DidNotHappen("The redemption was not completed; it lapses, and nothing was used up.")


def _redeemed(
    intent: Intent, member: int, redemption_id: str, debit: str | None = None
) -> Redeemed:
    kept = intent.kept
    return Redeemed(
        redemption_id=redemption_id,
        member=member,
        voucher_id=kept["voucher"],
        code=kept.get("code"),
        reward=kept.get("reward_name") or kept["reward"],
        debit_transaction_id=debit,
    )


def redeemed_text(redeemed: Redeemed, _now: datetime) -> str:
    """The text after the sentence of a redeemed voucher."""
    debit = redeemed.debit_transaction_id
    took = f" Its points were taken by transaction {debit}." if debit else ""
    return f"The voucher is used up.{took}"


@guarded(
    "moves_value",
    prepare=preview_member_redemption,
    reconcile=reconcile_member_redemption,
    requests=16,
    after_agreement=7,
    text=redeemed_text,
)
async def redeem_for_member(
    context: Context,
    intent: Intent,
    program: ProgramId,
    member: ContactId,
    voucher_id: VoucherId | None = None,  # noqa: ARG001 - the preview determined the voucher
    code: Code | None = None,  # noqa: ARG001 - same reason
    reward: RewardId | None = None,  # noqa: ARG001 - same reason
) -> Redeemed:
    """Redeem a member's voucher, named by voucher_id, code or reward; it is used up for good."""
    fields = {"voucher_id": intent.kept["voucher"], "member": member, "ttl": OPEN_SECONDS}
    try:
        opened = await open_redemption(context, intent, program, fields)
    except OutcomeUnknown as lost:
        minutes = OPEN_SECONDS // 60
        raise Refused(
            f"{lost.cause} It was only the opening, which lapses within {minutes} minutes; "
            "nothing was used up."
        ) from None
    opened = opened.model_copy(update={"reward_attribution_id": intent.kept["voucher"]})
    done = await complete_opened(context, intent, program, opened, None)
    return _redeemed(intent, member, done.id, done.debit_transaction_id)
