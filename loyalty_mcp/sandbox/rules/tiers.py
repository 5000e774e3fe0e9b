"""Tiers: which one a member belongs on, and when that is looked at again."""

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
    """A rung: reached when all its conditions hold; `rewards` are issued to who reaches it."""

    id: str
    name: str
    conditions: tuple[Condition, ...]
    rewards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """What replaces the yearly anniversary of a strategy.

    Attributes:
        duration_value: Evaluate every so many units from the origin, instead of every year.
        duration_unit: day, week, month or year.
        modifier: Move each of these to the first instant of its unit, or the first after it.
        scheduled_date: Evaluate at the beginning of that day each year; wins over the rest.
    """

    duration_value: int | None = None
    duration_unit: PeriodUnit | None = None
    modifier: ScheduleModifier | None = None
    scheduled_date: DayOfYear | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """A tier group: its tiers from low to high and how a member moves on them."""

    group_id: str
    tiers: tuple[Tier, ...]
    upgrade: Strategy = "real_time"
    downgrade: Strategy = "real_time"
    upgrade_schedule: Schedule | None = None
    downgrade_schedule: Schedule | None = None
    name: str = ""

    def tier(self, tier_id: str | None) -> Tier | None:
        """Give the tier with that id, or None."""
        return next((tier for tier in self.tiers if tier.id == tier_id), None)

    def rank(self, tier_id: str | None) -> int:
        """Give the place of a tier, from 0 for the lowest; -1 for none of this group."""
        return next((i for i, tier in enumerate(self.tiers) if tier.id == tier_id), -1)


@dataclass(frozen=True, slots=True)
class TierMembership:
    """Where a member stands in a group: since when a member, on which tier, since when on it."""

    member_since: datetime
    tier_id: str | None = None
    tier_since: datetime | None = None


def threshold(conditions: Iterable[Condition]) -> frozenset[tuple[str, Decimal]]:
    """Return what conditions demand, in whatever order; equal thresholds cannot be told apart."""
    return frozenset((each.balance_definition_id, each.minimum_value) for each in conditions)


def from_low_to_high(tiers: Sequence[Tier], tier_order: Sequence[str]) -> tuple[Tier, ...]:
    """Order tiers by `tier_order`; those it leaves out stand where their thresholds put them."""

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
    """Say whether all conditions of a tier hold; a balance never opened counts as 0."""
    return all(
        balances.get(condition.balance_definition_id, Decimal(0)) >= condition.minimum_value
        for condition in tier.conditions
    )


def earned_tier(ladder: Ladder, balances: Mapping[str, Decimal]) -> Tier | None:
    """Give the highest tier whose conditions hold, or None."""
    return next((tier for tier in reversed(ladder.tiers) if conditions_hold(tier, balances)), None)


def entry_tier(ladder: Ladder) -> Tier | None:
    """Give the tier of a member who has nothing yet, or None."""
    return earned_tier(ladder, {})


def evaluate_tier(
    ladder: Ladder,
    current: str | None,
    balances: Mapping[str, Decimal],
    *,
    upgrade_due: bool,
    downgrade_due: bool,
) -> str | None:
    """Give the id of the tier a member belongs on after an evaluation; None for no tier.

    A tier given by hand is no exception: it stays until this raises it, or until a downgrade is
    due. A member on no tier of the group is first put on the entry tier, as at enrolment.

    Args:
        ladder: The group.
        current: The tier the member is on; one that is gone counts as none.
        balances: By balance definition.
        upgrade_due: Whether a higher tier may be given now.
        downgrade_due: Whether the tier may be taken now.
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
    """Evaluate as far as the strategies `real_time` allow."""
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
    """Tell when the next upgrade evaluation after `moment` falls due; None with `real_time`."""
    return _evaluation_after(ladder.upgrade, ladder.upgrade_schedule, membership, moment)


def downgrade_due_after(
    ladder: Ladder, membership: TierMembership, moment: datetime
) -> datetime | None:
    """Tell when the next downgrade evaluation after `moment` falls due; None with `real_time`."""
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
    """Give the first anniversary of `origin`, in steps of `months`, later than `moment`."""
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
    # Begins just below the answer, whatever the snap does, and walks up to it.
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
