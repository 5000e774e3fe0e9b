"""The tiers of one balance as ranges of that balance. Pure functions."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier, TierCondition
from loyalty_mcp.tools.members.tier_rules import earned, ladder


@dataclass(frozen=True, slots=True)
class GroupThresholds:
    """A tier group whose tiers depend on one balance only.

    Args:
        name: of the group.
        tiers: all of them, lowest first.
        thresholds: the balances at which a member's tier changes, ascending.
        tier_from: the tier id below the first threshold, then from each threshold on; None for no
            tier.
    """

    name: str
    tiers: Sequence[Tier]
    thresholds: Sequence[Decimal]
    tier_from: Sequence[str | None]

    def tier_of(self, value: Decimal) -> str | None:
        """The id of the tier for a balance; None if there is none."""
        return self.tier_from[bisect_right(self.thresholds, value)]

    def range_of(self, tier_id: str) -> tuple[Decimal | None, Decimal | None] | None:
        """The balances of a tier, from and below; None if nobody can reach it.

        An open end is None.
        """
        places = [place for place, held in enumerate(self.tier_from) if held == tier_id]
        if not places:
            return None
        edges = [None, *self.thresholds, None]
        return edges[places[0]], edges[places[-1] + 1]


def group_thresholds(
    group: TierGroup,
    tiers: Sequence[Tier],
    balance: str,
    instead: Mapping[str, Decimal] | None = None,
) -> GroupThresholds | None:
    """The thresholds of a group; None if one of its tiers also depends on another balance.

    Args:
        group: the group.
        tiers: the tiers of all groups.
        balance: the id of its definition.
        instead: tier id to an alternative threshold.
    """
    rungs = ladder(group, tiers)
    conditions = [condition for tier in rungs for condition in tier.access_conditions]
    if any(condition.balance_definition_id != balance for condition in conditions):
        return None
    rungs = [_with_threshold(tier, balance, instead or {}) for tier in rungs]
    conditions = [condition for tier in rungs for condition in tier.access_conditions]
    thresholds = sorted({Decimal(condition.minimum_value or 0) for condition in conditions})
    below = (thresholds[0] if thresholds else Decimal(0)) - 1
    reached = [earned(rungs, {balance: value}) for value in (below, *thresholds)]
    return GroupThresholds(
        group.name, rungs, thresholds, [None if tier is None else tier.tier_id for tier in reached]
    )


def _with_threshold(tier: Tier, balance: str, instead: Mapping[str, Decimal]) -> Tier:
    if tier.tier_id not in instead:
        return tier
    condition = TierCondition(balance_definition_id=balance, minimum_value=instead[tier.tier_id])
    return tier.model_copy(update={"access_conditions": (condition,)})
