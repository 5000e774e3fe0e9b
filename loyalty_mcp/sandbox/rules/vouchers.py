"""Voucher rules: when a voucher can be used, and when it expires."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from loyalty_mcp.sandbox.errors import PreconditionFailed
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.ledger import BalanceRules
from loyalty_mcp.sandbox.rules.rewards import Reward

VoucherState = Literal["usable", "not_yet_valid", "expired", "consumed", "revoked", "held"]
_UNUSABLE: Final = {
    "not_yet_valid": "The voucher is not valid yet.",
    "expired": "The voucher has expired.",
    "consumed": "The voucher has already been redeemed.",
    "revoked": "The voucher has been revoked.",
    "held": "Another open redemption holds the voucher.",
}


@dataclass(frozen=True, slots=True)
class Voucher:
    """A reward issued to a member."""

    id: str
    reward_id: str
    contact_id: int
    created_at: datetime
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    consumed_at: datetime | None = None
    revoked_at: datetime | None = None


def voucher_state(voucher: Voucher, now: datetime, *, held: bool = False) -> VoucherState:
    """Return whether a voucher can be used now, and if not, why.

    Args:
        voucher: The voucher.
        now: The time, UTC.
        held: Whether another open redemption has reserved it.
    """
    if voucher.revoked_at is not None:
        return "revoked"
    if voucher.consumed_at is not None:
        return "consumed"
    if voucher.expires_at is not None and now >= voucher.expires_at:
        return "expired"
    if voucher.valid_from is not None and now < voucher.valid_from:
        return "not_yet_valid"
    return "held" if held else "usable"


def require_usable(voucher: Voucher, now: datetime, *, held: bool = False) -> None:
    """Refuse a voucher that cannot be used now.

    Raises:
        PreconditionFailed: It is revoked, consumed, expired, not yet valid or reserved.
    """
    state = voucher_state(voucher, now, held=held)
    if state != "usable":
        raise PreconditionFailed(_UNUSABLE[state])


def voucher_expiry(
    reward: Reward, issued_at: datetime, valid_from: datetime | None
) -> datetime | None:
    """Return when a voucher of this reward expires; `None` for never.

    A fixed `expirationDate` has priority over a duration, which counts from the first moment the
    voucher is valid.
    """
    if reward.expiration_date is not None:
        return reward.expiration_date
    begins = issued_at if valid_from is None else max(issued_at, valid_from)
    return ledger.lot_expiry(BalanceRules(life=reward.life), begins)


def best_voucher(vouchers: Sequence[Voucher]) -> Voucher | None:
    """Return the voucher to use: the soonest to expire, then the oldest."""
    never = datetime.max.replace(tzinfo=UTC)
    return min(
        vouchers,
        key=lambda each: (each.expires_at or never, each.created_at, each.id),
        default=None,
    )
