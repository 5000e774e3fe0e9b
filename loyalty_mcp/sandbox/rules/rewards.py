"""Reward rules: when a voucher may be issued or redeemed, and what it costs."""

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
# By `limits[].type`: the action it counts, and whether for each consumer.
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
    """A limit of `value` actions of one kind, in total or per period.

    Attributes:
        type: One of `LIMIT_TYPES`.
        value: How many actions, zero or more.
        duration_value: Length of the period in `duration_unit`; None for no period.
        duration_unit: Unit of the period.
        sliding: Whether the period ends now instead of resetting with the calendar.
    """

    type: str
    value: int
    duration_value: int | None = None
    duration_unit: PeriodUnit | None = None
    sliding: bool = False


@dataclass(frozen=True, slots=True)
class Reward:
    """The settings of a reward that govern its vouchers; `None` if not set."""

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
    """At most `value` actions since `since` (`None` for ever), by this member or by all members."""

    value: int
    per_consumer: bool
    since: datetime | None = None
    since_excluded: bool = False


def closed_reason(reward: Reward, now: datetime) -> str | None:
    """Return why a reward cannot be issued or redeemed now, or `None` if it can."""
    if reward.disabled_at is not None and now >= reward.disabled_at:
        return "The reward is disabled."
    if reward.start_date is not None and now < reward.start_date:
        return "The reward has not started yet."
    if reward.end_date is not None and now >= reward.end_date:
        return "The reward has ended."
    return None


def ceilings(reward: Reward, action: Action, now: datetime) -> list[Ceiling]:
    """Return the ceilings on actions of this kind now.

    Args:
        reward: The reward.
        action: Issuing (`attribution`) or redeeming (`redeem`).
        now: The time, UTC.
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
    """Return which ceiling one more action would exceed, or `None`.

    Args:
        reward: The reward.
        action: Issuing or redeeming.
        now: The time, UTC.
        count: Returns how many actions count towards a ceiling so far.
    """
    for ceiling in ceilings(reward, action, now):
        if count(ceiling) >= ceiling.value:
            whose = "this member" if ceiling.per_consumer else "all members"
            span = "" if ceiling.since is None else " in the current window"
            verb = "issued to" if action == "attribution" else "redeemed by"
            return f"The reward may be {verb} {whose} at most {ceiling.value} times{span}."
    return None


def require_attributable(reward: Reward, now: datetime, count: Callable[[Ceiling], int]) -> None:
    """Refuse to issue a voucher of a closed reward, or beyond a ceiling.

    Raises:
        NotAllowed: The reward is closed now, or an attribution ceiling is reached.
    """
    reason = closed_reason(reward, now) or ceiling_reason(reward, "attribution", now, count)
    if reason is not None:
        raise NotAllowed(reason)


def require_redeemable(reward: Reward, now: datetime, count: Callable[[Ceiling], int]) -> None:
    """Refuse to redeem a voucher of a closed reward, or beyond a ceiling.

    Raises:
        ExpectationFailed: The reward is closed now, or a redemption ceiling is reached.
    """
    reason = closed_reason(reward, now) or ceiling_reason(reward, "redeem", now, count)
    if reason is not None:
        raise ExpectationFailed(reason)


def subtraction(reward: Reward, balance: Decimal) -> Decimal | None:
    """Return how much balance a voucher of this reward costs; `None` if it costs nothing.

    The whole balance with `subtractTotalBalance`, else `subtractBalanceValue`; with the strategy
    `partial`, at most the balance. A price of zero is refused by the caller.
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
