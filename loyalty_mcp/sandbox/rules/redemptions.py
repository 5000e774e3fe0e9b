"""Redemption rules: the two phases of using a voucher."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from loyalty_mcp.sandbox.errors import PreconditionFailed

Resolution = Literal["completed", "rejected", "cancelled"]
RedemptionStatus = Literal["draft", "completed", "rejected", "cancelled", "expired"]


@dataclass(frozen=True, slots=True)
class Redemption:
    """One use of a voucher: opened, then completed, rejected, cancelled or expired."""

    id: str
    voucher_id: str
    created_at: datetime
    expires_at: datetime | None = None
    resolution: Resolution | None = None


def redemption_status(redemption: Redemption, now: datetime) -> RedemptionStatus:
    """Return the status of a redemption: its resolution, or draft until its ttl ends."""
    if redemption.resolution is not None:
        return redemption.resolution
    if redemption.expires_at is not None and now >= redemption.expires_at:
        return "expired"
    return "draft"


def redemption_expiry(opened_at: datetime, ttl: int | None) -> datetime | None:
    """Return when an open redemption expires; never without a ttl, or with 0."""
    return opened_at + timedelta(seconds=ttl) if ttl else None


def require_open_redemption(redemption: Redemption, now: datetime) -> None:
    """Refuse a redemption that is no longer open.

    Raises:
        PreconditionFailed: It is completed, rejected, cancelled or expired.
    """
    status = redemption_status(redemption, now)
    if status != "draft":
        raise PreconditionFailed(f"The redemption is {status} and can no longer change.")
