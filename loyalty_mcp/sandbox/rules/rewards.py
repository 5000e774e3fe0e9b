"""Rewards: when a voucher may be issued, used, opened and finished, as rules over plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from loyalty_mcp.sandbox.errors import ExpectationFailed, NotAllowed
from loyalty_mcp.sandbox.rules import limits
from loyalty_mcp.sandbox.rules.ledger import Span
from loyalty_mcp.sandbox.rules.periods import PeriodUnit

Action = Literal["attribution", "redeem"]
# The words of `limits[].type`: whose actions it counts, and which.
LIMIT_TYPES: Final[dict[str, tuple[Action, bool]]] = {
    "attribution": ("attribution", False),
    "totalAttribution": ("attribution", False),
    "attributionPerConsumer": ("attribution", True),
    "redeem": ("redeem", False),
    "totalRedeem": ("redeem", False),
    "redeemPerConsumer": ("redeem", True),
}


@dataclass(frozen=True, slots=True)
class RewardLimit:
    """At most `value` actions of one kind, for ever or in a window.

    Attributes:
        type: One of `LIMIT_TYPES`.
        value: How many actions, zero or more.
        duration_value: Length of the window in `duration_unit`; None for ever.
        duration_unit: Unit of the window.
        sliding: Whether the window ends now, rather than resetting with the calendar.
    """

    type: str
    value: int
    duration_value: int | None = None
    duration_unit: PeriodUnit | None = None
    sliding: bool = False


@dataclass(frozen=True, slots=True)
class Reward:
    """What steers the vouchers of one reward; None means that nothing was set."""

    id: str
    start_date: datetime | None = None
    end_date: datetime | None = None
    disabled_at: datetime | None = None
    total_attribution: int | None = None
    attribution_per_consumer: int | None = None
    total_redeem: int | None = None
    redeem_per_consumer: int | None = None
    limits: tuple[RewardLimit, ...] = ()
    expiration_date: datetime | None = None
    life: Span | None = None
    subtract_balance_definition_id: str | None = None
    subtract_balance_strategy: str | None = None
    subtract_balance_value: Decimal | None = None
    subtract_total_balance: bool = False

    @property
    def subtracts_at_issue(self) -> bool:
        """Whether the balance is taken when the voucher is issued, not when it is redeemed."""
        strategy = (self.subtract_balance_strategy or "").lower()
        return strategy.removeprefix("on_").startswith("attribut")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """At most `value` actions since `since` (None: ever), of this member or of all."""

    value: int
    per_consumer: bool
    since: datetime | None = None
    since_excluded: bool = False


def closed_reason(reward: Reward, now: datetime) -> str | None:
    """Say why a reward cannot be issued or used now: disabled, not begun or over; else None."""
    if reward.disabled_at is not None and now >= reward.disabled_at:
        return "The reward is disabled."
    if reward.start_date is not None and now < reward.start_date:
        return "The reward has not begun yet."
    if reward.end_date is not None and now >= reward.end_date:
        return "The reward has ended."
    return None


def ceilings(reward: Reward, action: Action, now: datetime) -> list[Ceiling]:
    """List what bounds one more action of this kind now.

    Args:
        reward: The reward.
        action: Issuing (`attribution`) or using (`redeem`).
        now: The moment, UTC; windows end or reset around it.
    """
    flat = {
        "attribution": (reward.total_attribution, reward.attribution_per_consumer),
        "redeem": (reward.total_redeem, reward.redeem_per_consumer),
    }[action]
    found = [
        Ceiling(value, per_consumer)
        for value, per_consumer in zip(flat, (False, True), strict=True)
        if value is not None
    ]
    return found + [
        _windowed(limit, now) for limit in reward.limits if LIMIT_TYPES[limit.type][0] == action
    ]


def _windowed(limit: RewardLimit, now: datetime) -> Ceiling:
    per_consumer = LIMIT_TYPES[limit.type][1]
    if limit.duration_value is None or limit.duration_unit is None:
        return Ceiling(limit.value, per_consumer)
    since = limits.window_start(limit.duration_value, limit.duration_unit, limit.sliding, now)
    return Ceiling(limit.value, per_consumer, since, since_excluded=limit.sliding)


def ceiling_reason(
    reward: Reward, action: Action, now: datetime, count: Callable[[Ceiling], int]
) -> str | None:
    """Say which ceiling one more action would pass, or None.

    Args:
        reward: The reward.
        action: Issuing or using.
        now: The moment, UTC.
        count: Tells how many actions a ceiling has seen so far.
    """
    for ceiling in ceilings(reward, action, now):
        if count(ceiling) >= ceiling.value:
            whose = "this member" if ceiling.per_consumer else "all members"
            span = "" if ceiling.since is None else " in the current window"
            verb = "issued to" if action == "attribution" else "redeemed by"
            return f"The reward may be {verb} {whose} at most {ceiling.value} times{span}."
    return None


def require_attributable(reward: Reward, now: datetime, count: Callable[[Ceiling], int]) -> None:
    """Refuse to issue a voucher of a closed reward, or one too many.

    Raises:
        NotAllowed: The reward is closed now, or an attribution ceiling is reached.
    """
    reason = closed_reason(reward, now) or ceiling_reason(reward, "attribution", now, count)
    if reason is not None:
        raise NotAllowed(reason)


def require_redeemable(reward: Reward, now: datetime, count: Callable[[Ceiling], int]) -> None:
    """Refuse to use a voucher of a closed reward, or one too many.

    Raises:
        ExpectationFailed: The reward is closed now, or a redemption ceiling is reached.
    """
    reason = closed_reason(reward, now) or ceiling_reason(reward, "redeem", now, count)
    if reason is not None:
        raise ExpectationFailed(reason)


def subtraction(reward: Reward, balance: Decimal) -> Decimal | None:
    """Tell how much balance a voucher of this reward costs; None when it costs nothing.

    The whole balance with `subtractTotalBalance`, else `subtractBalanceValue`; with the strategy
    `partial` no more than is there. Zero means that there is nothing to take, so it is refused.
    """
    if reward.subtract_balance_definition_id is None:
        return None
    available = max(balance, Decimal(0))
    if reward.subtract_total_balance:
        return available
    if not reward.subtract_balance_value:
        return None
    if reward.subtract_balance_strategy == "partial":
        return min(reward.subtract_balance_value, available)
    return reward.subtract_balance_value
