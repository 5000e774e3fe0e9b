"""The tool that completes an open redemption by its id."""

from typing import Any

from loyalty_mcp.brevo.operations.vouchers import Redemption, RedemptionId
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import ProgramId
from loyalty_mcp.errors import OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.points.draft_transactions import in_todays_caps
from loyalty_mcp.tools.rewards.redeem_voucher import redemption_text
from loyalty_mcp.tools.rewards.redemption_preview import USED_FOR_GOOD, redeemed_sentence
from loyalty_mcp.tools.rewards.redemptions import (
    MAY_COMPLETE,
    complete_opened,
    completed,
    redemption_of,
    used_by,
)
from loyalty_mcp.tools.send_window import DidNotHappen
from loyalty_mcp.tools.task import guarded


async def preview_redemption_completion(
    context: Context, *, program: str, redemption_id: str
) -> Preparation:
    """The preview of completing a redemption, as far as the journal knows it.

    Raises:
        Refused: a cap needs a cost that is not known.
    """
    maker = await context.journal.open().made_by(redemption_id)
    movement = None if maker is None or in_todays_caps(context, maker) else maker.movement
    bounded = context.policy.caps.bind_points or context.policy.approval.operator_above is not None
    if maker is None and bounded:
        raise Refused("The operator's policy bounds amounts; use redeem_for_member instead.")
    kept = {} if maker is None else maker.kept
    code = kept.get("code")
    voucher = quoted(code) if code else str(kept.get("voucher"))
    who = kept.get("who")
    whose = f" of voucher {voucher} of {who}" if who else ""
    name = await context.references.name_of("program", program, None)
    unknown = (
        () if maker is not None else ("It was not opened here, so what it takes is not known.",)
    )
    return Preparation(
        Preview(
            f"Complete the redemption{whose or f' {redemption_id}'} in program "
            f"{quoted(name or program)}.",
            warnings=(USED_FOR_GOOD, *unknown),
            done=redeemed_sentence(voucher, who, kept["reward_name"], kept["worth"])
            if who
            else "Completed the redemption.",
        ),
        movement=movement,
        subject=None if maker is None else maker.subject,
    )


async def reconcile_redemption_completion(
    context: Context,
    _intent: Intent,
    *,
    may_come: bool,
    program: str,
    redemption_id: str,
    **_rest: Any,
) -> Redemption:
    """Determine by reading whether a redemption was completed; only one opened here is known.

    Raises:
        DidNotHappen: it was not completed.
        OutcomeUnknown: it may still be completed, or its voucher is not known.
        LoyaltyError: the voucher cannot be read.
    """
    opened, maker = await _opened_here(context, program, redemption_id)
    used = await used_by(context, program, opened, maker)
    if used is not None:
        return completed(opened, used)
    if may_come:
        raise OutcomeUnknown(MAY_COMPLETE)
    raise DidNotHappen("It was not completed.")


async def _opened_here(
    context: Context, program: str, redemption_id: str
) -> tuple[Redemption, Intent | None]:
    """A redemption according to the journal, and the intent that opened it here."""
    maker = await context.journal.open().made_by(redemption_id)
    if maker is None:
        return Redemption(id=redemption_id), None
    member = maker.arguments.get("member")
    contact = None if member is None else await context.references.member(program, str(member))
    return redemption_of(maker, redemption_id, contact), maker


@guarded(
    "moves_value",
    prepare=preview_redemption_completion,
    reconcile=reconcile_redemption_completion,
    requests=7,
    after_agreement=4,
    text=redemption_text,
)
async def complete_redemption(
    context: Context, intent: Intent, program: ProgramId, redemption_id: RedemptionId
) -> Redemption:
    """Complete an open redemption: the voucher is used up, linked points are debited."""
    opened, maker = await _opened_here(context, program, redemption_id)
    return await complete_opened(context, intent, program, opened, maker)
