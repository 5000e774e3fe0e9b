"""The vouchers that a member holds: found, and whether they can be, or were, used."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from loyalty_mcp.brevo.operations.vouchers import HeldVoucher, list_vouchers, validate_voucher
from loyalty_mcp.errors import NotFound
from loyalty_mcp.tools.context import Context

VOUCHER_PAGE: Final = 100


async def held_voucher(
    context: Context, program: str, member: int, fits: Callable[[HeldVoucher], bool]
) -> HeldVoucher | None:
    """The newest voucher of a member that fits, used ones included, or None."""
    offset = 0
    while True:
        request = list_vouchers(
            program, member, limit=VOUCHER_PAGE, offset=offset, sort="desc", sort_field="createdAt"
        )
        page = (await context.brevo.send(request)).contact_rewards
        for item in page:
            if fits(item):
                return item
        if len(page) < VOUCHER_PAGE:
            return None
        offset += VOUCHER_PAGE


async def can_be_redeemed(context: Context, program: str, voucher_id: str) -> bool:
    """Whether a voucher could be redeemed now.

    Raises:
        LoyaltyError: it cannot be read.
    """
    try:
        found = await context.brevo.send(validate_voucher(program, voucher_id=voucher_id))
    except NotFound:
        return False
    return found.authorize is True


def consumed_at(held: HeldVoucher | None) -> datetime | None:
    """When a voucher was used up; None if it was not."""
    try:
        return datetime.fromisoformat((held and held.consumed_at) or "")
    except ValueError:
        return None
