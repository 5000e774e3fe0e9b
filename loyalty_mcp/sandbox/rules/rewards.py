"""Rewards: when a voucher may be issued, used, opened and finished, as rules over plain values."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from loyalty_mcp.sandbox.errors import ExpectationFailed, NotAllowed, PreconditionFailed
from loyalty_mcp.sandbox.rules import ledger, limits, moments
from loyalty_mcp.sandbox.rules.ledger import BalanceRules, Span
from loyalty_mcp.sandbox.rules.periods import PeriodUnit

Action = Literal["attribution", "redeem"]
Resolution = Literal["completed", "rejected", "cancelled"]
RedemptionStatus = Literal["draft", "completed", "rejected", "cancelled", "expired"]
VoucherState = Literal["usable", "not_yet_valid", "expired", "consumed", "revoked", "held"]

_DAY: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{2}/\d{2}/\d{4}) (\d{1,2}):(\d{2}) ?([AaPp])[Mm]", re.ASCII)
_ISO_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PATTERN_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH: Final = 10

_UNUSABLE: Final = {
    "not_yet_valid": "The voucher is not valid yet.",
    "expired": "The voucher has expired.",
    "consumed": "The voucher has been redeemed already.",
    "revoked": "The voucher has been revoked.",
    "held": "Another open redemption holds the voucher.",
}

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
class Voucher:
    """One reward in the hands of one member."""

    id: str
    reward_id: str
    contact_id: int
    created_at: datetime
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    consumed_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Redemption:
    """One use of a voucher: opened, then completed, rejected, cancelled or lapsed."""

    id: str
    voucher_id: str
    created_at: datetime
    expires_at: datetime | None = None
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """At most `value` actions since `since` (None: ever), of this member or of all."""

    value: int
    per_consumer: bool
    since: datetime | None = None
    since_excluded: bool = False


def voucher_state(voucher: Voucher, now: datetime, *, held: bool = False) -> VoucherState:
    """Say whether a voucher can be used now, and if not why.

    Args:
        voucher: The voucher asked about.
        now: The moment, UTC.
        held: Whether another open redemption holds it.
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
        PreconditionFailed: It is revoked, consumed, expired, not yet valid or held.
    """
    state = voucher_state(voucher, now, held=held)
    if state != "usable":
        raise PreconditionFailed(_UNUSABLE[state])


def redemption_status(redemption: Redemption, now: datetime) -> RedemptionStatus:
    """Name the state of a redemption: its resolution, or draft until its ttl is over."""
    if redemption.resolution is not None:
        return redemption.resolution
    if redemption.expires_at is not None and now >= redemption.expires_at:
        return "expired"
    return "draft"


def redemption_expiry(opened_at: datetime, ttl: int | None) -> datetime | None:
    """Tell when an open redemption lapses: after `ttl` seconds; never without one, or with 0."""
    return opened_at + timedelta(seconds=ttl) if ttl else None


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


def require_open(redemption: Redemption, now: datetime) -> None:
    """Refuse a redemption that has come to its end.

    Raises:
        PreconditionFailed: It is completed, rejected, cancelled or expired.
    """
    status = redemption_status(redemption, now)
    if status != "draft":
        raise PreconditionFailed(f"The redemption is {status}: it is resolved once, for good.")


def voucher_expiry(
    reward: Reward, issued_at: datetime, valid_from: datetime | None
) -> datetime | None:
    """Tell when a voucher of this reward lapses.

    A fixed `expirationDate` wins over a duration; a duration runs from the first moment the
    voucher is valid. None: never.
    """
    if reward.expiration_date is not None:
        return reward.expiration_date
    begins = issued_at if valid_from is None else max(issued_at, valid_from)
    return ledger.expiry(BalanceRules(life=reward.life), begins)


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


def best_voucher(vouchers: Sequence[Voucher]) -> Voucher | None:
    """Choose which of a member's equal vouchers to use: the soonest to expire, then the oldest."""
    never = datetime.max.replace(tzinfo=UTC)
    return min(
        vouchers,
        key=lambda each: (each.expires_at or never, each.created_at, each.id),
        default=None,
    )


def parse_moment(text: str) -> datetime:
    """Read RFC 3339, or DD/MM/YYYY HH:MM AM/PM in the account's time zone, which is UTC.

    Raises:
        ValueError: It is neither, names no real moment, or lies outside the years 1901 to 2999.
    """
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return moments.parse(text)
    hour, minute = int(clock[2]), int(clock[3])
    if not 1 <= hour <= 12:  # a clock of twelve hours
        raise ValueError(text)
    afternoon = clock[4].upper() == "P"
    return _day(clock[1]).replace(hour=hour % 12 + 12 * afternoon, minute=minute)


def parse_expiration(text: str) -> datetime:
    """Read when a voucher lapses: as `parse_moment`, or a day (DD/MM/YYYY, YYYY-MM-DD) to its end.

    Raises:
        ValueError: It is none of these, or names no real day.
    """
    if _DAY.fullmatch(text) or _ISO_DAY.fullmatch(text):
        return _day(text) + timedelta(days=1)
    return parse_moment(text)


def _day(text: str) -> datetime:
    match = _DAY.fullmatch(text)
    year, month, day = (match[3], match[2], match[1]) if match else text.split("-")
    return moments.parse(f"{year}-{month}-{day}T00:00:00Z")


def generated_code(pattern: str | None, draw: Callable[[int], int]) -> str:
    """Make a voucher code.

    Args:
        pattern: `#` stands for a digit, `?` for a letter, anything else for itself; None for ten
            letters and digits that cannot be mistaken for one another.
        draw: Gives a whole number from 0 up to, not including, its argument.
    """
    if not pattern:
        return "".join(_CODE_LETTERS[draw(len(_CODE_LETTERS))] for _ in range(_CODE_LENGTH))
    choices = {"#": "0123456789", "?": _PATTERN_LETTERS}
    return "".join(
        choices[mark][draw(len(choices[mark]))] if mark in choices else mark for mark in pattern
    )
