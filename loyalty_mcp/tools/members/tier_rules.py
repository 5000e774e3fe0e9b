"""Tier rules: the tier that balances earn, and what is missing for the next. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier


@dataclass(frozen=True, slots=True)
class Missing:
    """What a member lacks for a tier.

    Args:
        tier: the tier's name.
        by_balance: balance definition id to the missing amount, always positive; empty if the tier
            needs a balance that may not be shown.
    """

    tier: str
    by_balance: Mapping[str, Decimal]


def ladder(group: TierGroup, tiers: Sequence[Tier]) -> list[Tier]:
    """The tiers of a group from low to high.

    In the order of the group. Tiers that are missing in that order are placed by their thresholds.
    """
    own = {tier.tier_id: tier for tier in tiers if tier.group_id == group.id}
    rungs = [own.pop(tier_id) for tier_id in group.tier_order if tier_id in own]
    for tier in sorted(own.values(), key=_threshold_sum):
        higher = (
            position
            for position, rung in enumerate(rungs)
            if _threshold_sum(rung) > _threshold_sum(tier)
        )
        rungs.insert(next(higher, len(rungs)), tier)
    return rungs


def _threshold_sum(tier: Tier) -> tuple[Decimal, str]:
    thresholds = [Decimal(c.minimum_value or 0) for c in tier.access_conditions]
    return sum(thresholds, Decimal(0)), tier.tier_id


def holds(tier: Tier, balances: Mapping[str, Decimal]) -> bool:
    """Whether every access condition of a tier is met."""
    return not shortfall(tier, balances)


def shortfall(tier: Tier, balances: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Balance definition id to the amount missing for a tier; empty if nothing is missing."""
    missing: dict[str, Decimal] = {}
    for condition in tier.access_conditions:
        if condition.balance_definition_id is None:
            continue
        held = balances.get(condition.balance_definition_id, Decimal(0))
        lacking = Decimal(condition.minimum_value or 0) - held
        if lacking > 0:
            missing[condition.balance_definition_id] = lacking
    return missing


def earned(rungs: Sequence[Tier], balances: Mapping[str, Decimal]) -> Tier | None:
    """The highest tier whose conditions all hold."""
    return next((tier for tier in reversed(rungs) if holds(tier, balances)), None)


def next_after(
    rungs: Sequence[Tier], current: str | None, balances: Mapping[str, Decimal]
) -> Missing | None:
    """The next tier above the current one, and what is missing; None at the top."""
    ids = [tier.tier_id for tier in rungs]
    above = rungs[ids.index(current) + 1 :] if current in ids else rungs
    for tier in above:
        lacking = shortfall(tier, balances)
        hidden = any(each.balance_definition_id is None for each in tier.access_conditions)
        if lacking or hidden:
            return Missing(tier.name, lacking)
    return None


def after_change(
    group: TierGroup,
    rungs: Sequence[Tier],
    current: str | None,
    balances: Mapping[str, Decimal],
) -> Tier | None:
    """The tier of a member right after a balance change.

    In a group that is evaluated on anniversaries, the tier stays until then. A member without a
    tier starts on the entry tier, which has no conditions.
    """
    ids = [tier.tier_id for tier in rungs]
    here = rungs[ids.index(current)] if current in ids else _entry_tier(rungs, balances)
    target = earned(rungs, balances)
    place, reached = (-1 if tier is None else ids.index(tier.tier_id) for tier in (here, target))
    strategy = group.upgrade_strategy if reached > place else group.downgrade_strategy
    return target if strategy in {None, "real_time"} else here


def _entry_tier(rungs: Sequence[Tier], balances: Mapping[str, Decimal]) -> Tier | None:
    first = earned(rungs, {})
    return first if first is not None and holds(first, balances) else None
