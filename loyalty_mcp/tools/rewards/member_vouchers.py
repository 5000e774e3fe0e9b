"""Reads of a member's vouchers: which exist, and whether they can be or were used."""

import unicodedata
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

from loyalty_mcp.brevo.name_matching import folded
from loyalty_mcp.brevo.operations.vouchers import HeldVoucher, list_vouchers, validate_voucher
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.errors import NotFound
from loyalty_mcp.tools.context import Context

VOUCHER_PAGE: Final = 100
HELD: Final = "vouchers of that reward"
"""The key under which a preview stores the ids of the member's vouchers."""


async def member_vouchers(
    context: Context, program: str, member: int
) -> AsyncIterator[HeldVoucher]:
    """The vouchers of a member, newest first, including used ones.

    Raises:
        LoyaltyError: they cannot be read.
    """
    offset = 0
    while True:
        request = list_vouchers(
            program, member, limit=VOUCHER_PAGE, offset=offset, sort="desc", sort_field="createdAt"
        )
        page = (await context.brevo.send(request)).contact_rewards
        for item in page:
            yield item
        if len(page) < VOUCHER_PAGE:
            return
        offset += VOUCHER_PAGE


async def find_voucher(
    context: Context, program: str, member: int, fits: Callable[[HeldVoucher], bool]
) -> HeldVoucher | None:
    """The newest matching voucher of a member, including used ones, or None.

    Raises:
        LoyaltyError: they cannot be read.
    """
    async for item in member_vouchers(context, program, member):
        if fits(item):
            return item
    return None


def is_voucher_meant(item: HeldVoucher, voucher_id: str | None, code: str | None) -> bool:
    """Whether a voucher is the one that is named; its id counts as a code, and its code as an id.

    Args:
        item: a voucher of a member.
        voucher_id: names it.
        code: names it, where no id is given.
    """
    named = code if voucher_id is None else voucher_id
    return named is not None and (item.id == named or is_same_code(item.code, named))


def is_same_code(one: str | None, other: str) -> bool:
    """Whether two codes are equal apart from spaces, dashes, invisible characters and case."""
    return one is not None and _bare_code(one) == _bare_code(other)


def _bare_code(code: str) -> str:
    return "".join(
        char for char in folded(code) if char != " " and unicodedata.category(char) != "Pd"
    )


async def can_be_redeemed(
    context: Context, program: str, voucher_id: str, member: int | None = None
) -> bool:
    """Whether a voucher could be redeemed now.

    Raises:
        LoyaltyError: it cannot be read.
    """
    request = validate_voucher(program, voucher_id=voucher_id, member=member)
    try:
        found = await context.brevo.send(request)
    except NotFound:
        return False
    return found.authorize is True


def consumed_at(held: HeldVoucher | None) -> datetime | None:
    """When a voucher was used; None if it was not."""
    return None if held is None else read_moment(held.consumed_at)
