"""Say whether a voucher could be redeemed, and if not, why."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from loyalty_mcp.brevo.operations import vouchers
from loyalty_mcp.brevo.operations.vouchers import Code, HeldVoucher, Text, Validation, VoucherId
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.brevo.types import ContactId, ProgramId, RewardId
from loyalty_mcp.errors import LoyaltyError, NotFound, UnknownReference
from loyalty_mcp.tools.answers.listing import day_text
from loyalty_mcp.tools.answers.voucher_texts import voucher_state
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.operation_request import request_of
from loyalty_mcp.tools.rewards.member_vouchers import find_voucher, is_voucher_meant
from loyalty_mcp.tools.task import reads

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""The form of the API's ids."""


class VoucherValidation(Validation):
    """Whether a voucher may be redeemed now; `reason` says why not, or until when it can."""

    code: str | None = None
    reason: str | None = None


def validation_text(found: VoucherValidation, _now: datetime) -> str:
    """Whether a voucher could be redeemed, in one sentence."""
    which = quoted(found.code) if found.code else "that voucher"
    if found.authorize:
        return f"Can be redeemed: {which}{f' is {found.reason}' if found.reason else ''}."
    return f"Cannot be redeemed: {which} {found.reason or 'is refused by a rule or a limit'}."


@reads(text=validation_text)
async def validate_voucher(
    context: Context,
    program: ProgramId,
    *,
    voucher_id: VoucherId | None = None,
    code: Code | None = None,
    member: ContactId | None = None,
    reward: RewardId | None = None,
    point_of_sell_id: Annotated[Text | None, Field(description="Point of sale")] = None,
) -> VoucherValidation:
    """Check whether a voucher can be redeemed now: by voucher_id, code, or reward and member."""
    given = {
        "program": program,
        "voucher_id": voucher_id,
        "code": code.strip() if code else None,
        "member": member,
        "reward": reward,
        "point_of_sell_id": point_of_sell_id,
    }
    request_of(vouchers.validate_voucher, given)
    held = await _held(context, program, member, voucher_id, code)
    if held is not None and voucher_id is not None:
        given["voucher_id"] = held.id
    elif held is not None and held.code:
        given["code"] = held.code
    elif voucher_id is not None and not UUID.fullmatch(voucher_id):
        raise UnknownReference(
            f"No voucher has the id {quoted(voucher_id)}. If that is a code, give it as code; "
            "list_vouchers shows both."
        )
    try:
        found = await context.brevo.send(request_of(vouchers.validate_voucher, given))
    except NotFound:
        what = "code" if code else "id" if voucher_id else "reward for this member"
        raise UnknownReference(
            f"No voucher has that {what}. list_vouchers shows what a member holds."
        ) from None
    now = context.brevo.upstream_now()
    return VoucherValidation(
        authorize=found.authorize is True,
        code=held.code if held is not None else given["code"],
        reason=None if held is None else _reason(held, now, can=found.authorize is True),
    )


async def _held(
    context: Context, program: str, member: int | None, voucher_id: str | None, code: str | None
) -> HeldVoucher | None:
    """The voucher in the member's list; None if no member is named, or it cannot be read."""
    if member is None or (voucher_id is None and code is None):
        return None
    try:
        return await find_voucher(
            context,
            program,
            member,
            lambda item: is_voucher_meant(item, voucher_id, code),
        )
    except LoyaltyError:
        return None


def _reason(held: HeldVoucher, now: datetime, *, can: bool) -> str | None:
    """The reason from a voucher's dates; None if it must be a rule or a limit."""
    used, ends = read_moment(held.consumed_at), read_moment(held.expiration_date)
    if can:
        return voucher_state(held, now)
    if used is not None:
        return f"was used on {day_text(used)}"
    if ends is not None and ends <= now:
        return f"expired on {day_text(ends)}"
    if held.valid_from is not None and held.valid_from > now:
        return f"is not valid before {day_text(held.valid_from)}"
    return None
