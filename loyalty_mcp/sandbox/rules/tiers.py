"""Tier rules: which tier a member belongs to, and when that is evaluated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from loyalty_mcp.sandbox.rules import periods
from loyalty_mcp.sandbox.rules.periods import DayOfYear, PeriodUnit

Strategy = Literal["real_time", "membership_anniversary", "tier_anniversary"]
ScheduleModifier = Literal["start_of_period", "end_of_period"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A balance that has to reach a minimum."""

    balance_definition_id: str
    minimum_value: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier: reached when all its conditions hold; its `rewards` are then issued."""

    id: str
    name: str
    conditions: tuple[Condition, ...]
    rewards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that replaces the yearly anniversary of a strategy.

    Attributes:
        duration_value: Evaluate every so many units from the origin, instead of every year.
        duration_unit: day, week, month or year.
        modifier: Snap each evaluation to the start or the end of its unit.
        scheduled_date: Evaluate at the start of that day each year; has priority.
    """

    duration_value: int | None = None
    duration_unit: PeriodUnit | None = None
    modifier: ScheduleModifier | None = None
    scheduled_date: DayOfYear | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A tier group as rules: its tiers from low to high, its strategies and schedules."""

    group_id: str
    tiers: tuple[Tier, ...]
    upgrade: Strategy = "real_time"
    downgrade: Strategy = "real_time"
    upgrade_schedule: Schedule | None = None
    downgrade_schedule: Schedule | None = None
    name: str = ""

    def tier(self, tier_id: str | None) -> Tier | None:
        """Return the tier with that id, or `None`."""
        return next((tier for tier in self.tiers if tier.id == tier_id), None)

    def rank(self, tier_id: str | None) -> int:
        """Return the rank of a tier, 0 for the lowest; -1 if it is not in this group."""
        return next((i for i, tier in enumerate(self.tiers) if tier.id == tier_id), -1)


@dataclass(frozen=True, slots=True)
class TierMembership:
    """A member's tier in a group: enrolled since, tier, and on this tier since."""

    member_since: datetime
    tier_id: str | None = None
    tier_since: datetime | None = None


def threshold(conditions: Iterable[Condition]) -> frozenset[tuple[str, Decimal]]:
    """Return the conditions without their order, to compare two tiers."""
    return frozenset((each.balance_definition_id, each.minimum_value) for each in conditions)


def from_low_to_high(tiers: Sequence[Tier], tier_order: Sequence[str]) -> tuple[Tier, ...]:
    """Order tiers by `tier_order`, and those it omits by their thresholds."""

    def height(tier: Tier) -> tuple[Decimal, str]:
        return sum((each.minimum_value for each in tier.conditions), Decimal(0)), tier.id

    by_id = {tier.id: tier for tier in tiers}
    ordered = [by_id.pop(tier_id) for tier_id in tier_order if tier_id in by_id]
    for tier in sorted(by_id.values(), key=height):
        place = next(
            (i for i, other in enumerate(ordered) if height(other) > height(tier)), len(ordered)
        )
        ordered.insert(place, tier)
    return tuple(ordered)


def conditions_hold(tier: Tier, balances: Mapping[str, Decimal]) -> bool:
    """Whether all conditions of a tier hold; a balance that was never opened is 0."""
    return all(
        balances.get(condition.balance_definition_id, Decimal(0)) >= condition.minimum_value
        for condition in tier.conditions
    )


def earned_tier(ladder: Ladder, balances: Mapping[str, Decimal]) -> Tier | None:
    """Return the highest tier whose conditions hold, or `None`."""
    return next((tier for tier in reversed(ladder.tiers) if conditions_hold(tier, balances)), None)


def entry_tier(ladder: Ladder) -> Tier | None:
    """Return the tier of a member without any balance, or `None`."""
    return earned_tier(ladder, {})


def evaluate_tier(
    ladder: Ladder,
    current: str | None,
    balances: Mapping[str, Decimal],
    *,
    upgrade_due: bool,
    downgrade_due: bool,
) -> str | None:
    """Return the id of the member's tier after an evaluation; `None` for no tier.

    A manually assigned tier is no exception: it stays until an upgrade, or until a downgrade is
    due. A member without a tier in the group first gets the entry tier, as at enrolment.

    Args:
        ladder: The group.
        current: The member's tier; a deleted one counts as none.
        balances: By balance definition.
        upgrade_due: Whether a higher tier may be given now.
        downgrade_due: Whether a lower tier may be given now.
    """
    if ladder.rank(current) < 0:
        first = entry_tier(ladder)
        current = None if first is None or not conditions_hold(first, balances) else first.id
    target = earned_tier(ladder, balances)
    reached = None if target is None else target.id
    before, after = ladder.rank(current), ladder.rank(reached)
    if (after > before and upgrade_due) or (after < before and downgrade_due):
        return reached
    return current


def on_balance_change(
    ladder: Ladder, current: str | None, balances: Mapping[str, Decimal]
) -> str | None:
    """Evaluate after a change of balance: only `real_time` strategies apply."""
    return evaluate_tier(
        ladder,
        current,
        balances,
        upgrade_due=ladder.upgrade == "real_time",
        downgrade_due=ladder.downgrade == "real_time",
    )


def upgrade_due_after(
    ladder: Ladder, membership: TierMembership, moment: datetime
) -> datetime | None:
    """Return the next upgrade evaluation after `moment`; `None` with `real_time`."""
    return _evaluation_after(ladder.upgrade, ladder.upgrade_schedule, membership, moment)


def downgrade_due_after(
    ladder: Ladder, membership: TierMembership, moment: datetime
) -> datetime | None:
    """Return the next downgrade evaluation after `moment`; `None` with `real_time`."""
    return _evaluation_after(ladder.downgrade, ladder.downgrade_schedule, membership, moment)


def _evaluation_after(
    strategy: Strategy, schedule: Schedule | None, membership: TierMembership, moment: datetime
) -> datetime | None:
    if strategy == "real_time":
        return None
    origin = membership.member_since
    if strategy == "tier_anniversary" and membership.tier_since is not None:
        origin = membership.tier_since
    if schedule is None:
        return anniversary_after(origin, moment)
    if schedule.scheduled_date is not None:
        return periods.start_of_next(schedule.scheduled_date, moment)
    value, unit = schedule.duration_value, schedule.duration_unit
    if value is None or unit is None:
        return anniversary_after(origin, moment)
    return _next_step(origin, value, unit, schedule.modifier, moment)


def anniversary_after(origin: datetime, moment: datetime, months: int = 12) -> datetime:
    """Return the first anniversary of `origin` after `moment`, in steps of `months`."""
    passed = (moment.year - origin.year) * 12 + moment.month - origin.month
    steps = max(passed // months, 1)
    while (due := periods.add_span(origin, steps * months, "month")) <= moment:
        steps += 1
    return due


def _next_step(
    origin: datetime,
    value: int,
    unit: PeriodUnit,
    modifier: ScheduleModifier | None,
    moment: datetime,
) -> datetime:
    # Start just below the result, whatever the snap does, and step up to it.
    if unit in ("day", "week"):
        passed = (moment - origin) // timedelta(days=7 if unit == "week" else 1)
    else:
        passed = (moment.year - origin.year) * 12 + moment.month - origin.month
        passed //= 12 if unit == "year" else 1
    steps = max(passed // value - 1, 1)
    while (
        due := _snapped(periods.add_span(origin, steps * value, unit), unit, modifier)
    ) <= moment:
        steps += 1
    return due


def _snapped(moment: datetime, unit: PeriodUnit, modifier: ScheduleModifier | None) -> datetime:
    if modifier is None:
        return moment
    edge = periods.start_of_period if modifier == "start_of_period" else periods.end_of_period
    return edge(moment, unit)
