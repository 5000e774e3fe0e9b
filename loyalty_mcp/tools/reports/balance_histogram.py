"""Members counted by balance, and who moves when thresholds change."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from loyalty_mcp.tools.reports.program_figures import TierMove
from loyalty_mcp.tools.reports.tier_thresholds import GroupThresholds


class BalanceHistogram:
    """The number of members and points in each range between relevant balances.

    Args:
        edges: every balance at which something changes: a tier, or a range of the distribution.
    """

    def __init__(self, edges: Iterable[Decimal]) -> None:
        self.edges = sorted(set(edges))
        self.members = [0] * (len(self.edges) + 1)
        self.points = [Decimal(0)] * (len(self.edges) + 1)

    def add(self, value: Decimal) -> None:
        """Count one member."""
        place = bisect_right(self.edges, value)
        self.members[place] += 1
        self.points[place] += value

    def lowest(self, place: int) -> Decimal:
        """A balance in a range; all balances in a range are treated alike."""
        return self.edges[place - 1] if place else self.edges[0] - 1


def moved_members(
    changes: Iterable[tuple[GroupThresholds, GroupThresholds]], histogram: BalanceHistogram
) -> list[TierMove]:
    """Count the members who would change from one tier to another.

    Args:
        changes: each tier group as it is and as it would be.
        histogram: of the members' balances; its edges include the thresholds of both.
    """
    names: dict[str | None, str] = {}
    counts: Counter[tuple[str | None, str | None]] = Counter()
    for before, after in changes:
        names |= {tier.tier_id: tier.name for tier in (*after.tiers, *before.tiers)}
        for place, members in enumerate(histogram.members):
            value = histogram.lowest(place)
            origin, target = before.tier_of(value), after.tier_of(value)
            if members and origin != target:
                counts[origin, target] += members
    return [
        TierMove(origin=names.get(origin), target=names.get(target), members=members)
        for (origin, target), members in counts.items()
    ]
