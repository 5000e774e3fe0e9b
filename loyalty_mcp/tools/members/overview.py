"""The contents of a member's overview."""

from datetime import timedelta
from typing import Final

from loyalty_mcp.brevo.types import Items, Moment, Number, Reply

SOON: Final = timedelta(days=30)
"""Points that expire within this period are shown with their date."""


class ExpiringPoints(Reply):
    """A part of a balance that expires soon."""

    amount: Number
    expires_at: Moment


class BalanceView(Reply):
    """One balance of a member; `internal` where it is hidden from them."""

    balance: str
    unit: str
    value: Number
    internal: bool | None = None
    expiring_soon: Items[ExpiringPoints] = ()


class TierView(Reply):
    """The member's tier in one group, and what is missing for the next.

    `missing` is empty where the next tier needs what members are not shown.
    """

    group: str
    tier: str | None = None
    next_tier: str | None = None
    missing: dict[str, Number] | None = None


class VoucherView(Reply):
    """A voucher that the member can use."""

    voucher_id: str
    reward: str
    code: str | None = None
    value: Number | None = None
    unit: str | None = None
    expires_at: str | None = None


class MovementView(Reply):
    """A credit or a debit."""

    transaction_id: str
    balance: str
    amount: Number
    unit: str = "points"
    status: str
    reason: str | None = None
    at: str | None = None


class MemberOverview(Reply):
    """Everything that a member has in a program."""

    member: int
    own_id: str | None = None
    program: str | None = None
    since: Moment | None = None
    balances: Items[BalanceView] = ()
    tiers: Items[TierView] = ()
    vouchers: Items[VoucherView] = ()
    movements: Items[MovementView] | None = None
    drafts: Items[MovementView] | None = None
    could_not_read: Items[str] = ()
