"""Counts the members whose tier would change with other thresholds, from their balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, tiers_of
from loyalty_mcp.tools.reports.balance_histogram import BalanceHistogram, moved_members
from loyalty_mcp.tools.reports.balance_pages import MEMBERS_A_PAGE, BalancePages, value_of
from loyalty_mcp.tools.reports.program_figures import TierMove, members_text
from loyalty_mcp.tools.reports.tier_thresholds import group_thresholds

MOST_PAGES: Final = 20
"""The maximum number of pages of 500 members in a preview, which must not use up the budget."""

SPARED: Final = 100
"""Requests of the hourly budget that counting leaves for other work."""

NOT_COUNTED: Final = (
    "How many members would move was not counted; get_program_report counts it with if_thresholds."
)


@dataclass(frozen=True, slots=True)
class ThresholdEffects:
    """The effect of changed thresholds on members.

    Args:
        moves: from which tier to which, with the number of members; None if they were not counted,
            because that takes many requests or a tier depends on several balances.
    """

    moves: tuple[TierMove, ...] | None

    @property
    def text(self) -> str:
        """The effects in a sentence."""
        if self.moves is None:
            return NOT_COUNTED
        if not self.moves:
            return "By their balances, no member would change tier."
        moves = [
            f"{members_text(move.members)} from {_tier_text(move.origin)} to "
            f"{_tier_text(move.target)}"
            for move in self.moves
        ]
        return f"By their balances, members would move: {'; '.join(moves)}."


def _tier_text(name: str | None) -> str:
    return "no tier" if name is None else quoted(name)


async def count_threshold_effects(
    context: Context, program: str, live: ProgramConfiguration, later: ProgramConfiguration
) -> ThresholdEffects | None:
    """Count the members who would be on another tier, if the budget allows it.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        live: the live version.
        later: the version after the change.

    Returns:
        None if no threshold changes, or the program was never published.
    """
    if live.program is None or live.program.state != "active":
        return None
    groups = {group.id: group for group in live.tier_groups}
    changed = [
        (groups[group.id], group)
        for group in later.tier_groups
        if group.id in groups and _thresholds(group, live) != _thresholds(group, later)
    ]
    if not changed:
        return None
    moves: list[TierMove] = []
    for was, will in changed:
        balances = {balance for balance, _ in (*_demands(was, live), *_demands(will, later))}
        if len(balances) != 1:
            return ThresholdEffects(None)
        (balance,) = balances
        found = await _group_moves(context, program, balance, (was, live), (will, later))
        if found is None:
            return ThresholdEffects(None)
        moves += found
    return ThresholdEffects(tuple(moves))


def _thresholds(group: TierGroup, version: ProgramConfiguration) -> dict[str, set[tuple[str, int]]]:
    """Return the thresholds of each tier of a group, by its id."""
    return {
        tier.tier_id: {
            (each.balance_definition_id or "", int(each.minimum_value or 0))
            for each in tier.access_conditions
        }
        for tier in tiers_of(group, version)
    }


def _demands(group: TierGroup, version: ProgramConfiguration) -> set[tuple[str, int]]:
    return {demand for demands in _thresholds(group, version).values() for demand in demands}


async def _group_moves(
    context: Context,
    program: str,
    balance: str,
    was: tuple[TierGroup, ProgramConfiguration],
    will: tuple[TierGroup, ProgramConfiguration],
) -> Sequence[TierMove] | None:
    """Count the moves of one group; None if the budget does not allow it."""
    before = group_thresholds(was[0], was[1].tiers, balance)
    after = group_thresholds(will[0], will[1].tiers, balance)
    if before is None or after is None:
        return None
    pages = BalancePages(context, program, balance)
    histogram = BalanceHistogram([*before.thresholds, *after.thresholds])
    try:
        members = await pages.count()
        if not _affordable(context, ceil(members / MEMBERS_A_PAGE)):
            return None
        async for page in pages.all(members):
            for holder in page:
                histogram.add(value_of(holder))
    except LoyaltyError:
        # The preview is complete without this figure.
        return None
    return moved_members([(before, after)], histogram)


def _affordable(context: Context, pages: int) -> bool:
    budget = context.brevo.budget
    left = SPARED + pages if budget is None else budget.remaining
    return pages <= MOST_PAGES and left >= SPARED + pages
