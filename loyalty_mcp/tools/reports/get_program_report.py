"""Reports on a program: members, points, tiers, and who would move with other thresholds."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field, WithJsonSchema

from loyalty_mcp.brevo.name_matching import Candidate, choose
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import BalanceId, Pairs, ProgramId, pairs_schema
from loyalty_mcp.errors import InvalidArgument, UnknownReference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.reports.balance_histogram import BalanceHistogram, moved_members
from loyalty_mcp.tools.reports.balance_pages import BalancePages, value_of
from loyalty_mcp.tools.reports.program_figures import (
    BalanceRange,
    ProgramReport,
    TierCount,
    program_report_text,
)
from loyalty_mcp.tools.reports.tier_thresholds import GroupThresholds, group_thresholds
from loyalty_mcp.tools.task import reads

RANGES: Final = (
    *map(Decimal, (0, 1, 50, 100, 250, 500)),
    *(Decimal(step) * 10**power for power in range(3, 9) for step in ("1", "2.5", "5")),
)
"""Where the ranges of the distribution begin; ranges without members are omitted."""

Thresholds = Annotated[
    dict[str, Annotated[int, Field(ge=0, le=1_000_000_000)]],
    Field(min_length=1, max_length=50),
    Pairs("tier", "minimum_value"),
    WithJsonSchema(pairs_schema("tier", "minimum_value")),
    Field(description="Other thresholds to try"),
]
"""Other thresholds by the name of the tier: `{"Gold": 600}`, or a list of pairs."""


@reads(text=program_report_text)
async def get_program_report(
    context: Context,
    program: ProgramId,
    balance: BalanceId,
    if_thresholds: Thresholds | None = None,
) -> ProgramReport:
    """Report members, outstanding points and tiers; with if_thresholds, who would move."""
    definitions = await context.references.balances(program)
    definition = next((item for item in definitions if item.id == balance), None)
    if definition is None:
        raise UnknownReference("That balance is not live, so nobody has it.")
    tiers = await context.references.tiers(program)
    groups = await context.references.tier_groups(program)
    instead = _other_thresholds(tiers, if_thresholds or {})
    by_group = {group.name: group_thresholds(group, tiers, balance) for group in groups}
    now = [found for found in by_group.values() if found is not None and found.tiers]
    later = [
        found
        for group in groups
        if (found := group_thresholds(group, tiers, balance, instead)) is not None and found.tiers
    ]
    _refuse_uncounted(tiers, now, instead)
    edges = [edge for group in (*now, *later) for edge in group.thresholds]
    histogram = BalanceHistogram([*RANGES, *edges])
    pages = BalancePages(context, program, balance)
    async for page in pages.all(await pages.count()):
        for holder in page:
            histogram.add(value_of(holder))
    return ProgramReport(
        program=await context.references.name_of("program", program, None) or program,
        balance=definition.name,
        unit=unit_of(definition),
        members=sum(histogram.members),
        points_outstanding=sum(histogram.points, Decimal(0)),
        tiers=tuple(count for group in now for count in _tier_counts(group, histogram)),
        distribution=tuple(_distribution(histogram)),
        would_move=tuple(moved_members(zip(now, later, strict=True), histogram))
        if if_thresholds
        else None,
        not_counted=tuple(name for name, found in by_group.items() if found is None),
        requests=pages.requests,
    )


def _other_thresholds(tiers: Sequence[Tier], given: Mapping[str, int]) -> dict[str, Decimal]:
    """Tier id to its alternative threshold.

    Raises:
        UnknownReference: there is no such tier.
        AmbiguousReference: several tiers have that name.
        InvalidArgument: a tier is named twice.
    """
    candidates = [Candidate(tier.tier_id, tier.name) for tier in tiers]
    found: dict[str, Decimal] = {}
    for name, threshold in given.items():
        tier = choose("tier", name, candidates).id
        if tier in found:
            raise InvalidArgument("Argument if_thresholds names one tier twice.")
        found[tier] = Decimal(threshold)
    return found


def _refuse_uncounted(
    tiers: Sequence[Tier], groups: Sequence[GroupThresholds], instead: Mapping[str, Decimal]
) -> None:
    """Refuse an alternative threshold for a tier that does not depend only on this balance.

    Raises:
        InvalidArgument: names the tiers.
    """
    known = {tier.tier_id for group in groups for tier in group.tiers}
    if left := [tier.name for tier in tiers if tier.tier_id in instead.keys() - known]:
        names = ", ".join(map(quoted, left))
        raise InvalidArgument(f"These tiers do not depend on this balance alone: {names}.")


def _tier_counts(group: GroupThresholds, histogram: BalanceHistogram) -> list[TierCount]:
    """Members of each tier of a group, the highest tier last, followed by those without a tier."""
    counts: Counter[str | None] = Counter()
    for place, members in enumerate(histogram.members):
        counts[group.tier_of(histogram.lowest(place))] += members
    found = [
        TierCount(group=group.name, name=tier.name, members=counts[tier.tier_id])
        for tier in group.tiers
    ]
    if counts[None]:
        found.append(TierCount(group=group.name, members=counts[None]))
    return found


def _distribution(histogram: BalanceHistogram) -> list[BalanceRange]:
    """The members and points of each range, without empty ranges."""
    found: dict[int, BalanceRange] = {}
    for place, members in enumerate(histogram.members):
        if not members:
            continue
        number = bisect_right(RANGES, histogram.lowest(place))
        known = found.get(number)
        found[number] = BalanceRange(
            minimum=RANGES[number - 1] if number else None,
            below=RANGES[number] if number < len(RANGES) else None,
            members=members + (known.members if known else 0),
            points=histogram.points[place] + (known.points if known else 0),
        )
    return list(found.values())
