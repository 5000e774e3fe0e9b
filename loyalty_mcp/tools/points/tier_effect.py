"""The immediate effect of changed balances on a member's tiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.tier_rules import after_change, holds, ladder

NO_TIER = "none"


@dataclass(frozen=True, slots=True)
class TierEffect:
    """The tiers of a member before and after.

    Args:
        before: name of the group to the name of the tier.
        after: the same after the change.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def warnings(self) -> list[str]:
        """A sentence for each tier that changes."""
        return [
            f"Tier group {quoted(group)}: {quoted(tier)} becomes {quoted(self.after[group])}."
            for group, tier in self.before.items()
            if tier != self.after[group]
        ]


async def tier_effect(
    context: Context,
    program: str,
    info: AccountInfo,
    tiers: Sequence[Tier],
    before: Mapping[str, Decimal],
    after: Mapping[str, Decimal],
) -> TierEffect:
    """The effect of changed balances on tiers.

    The groups are read only if different thresholds are reached, or if they do not match the
    current tiers. Otherwise no group moves the member, however it evaluates.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        info: the member.
        tiers: all live tiers of the program.
        before: balance definition id to the present total.
        after: the same after the change.

    Raises:
        LoyaltyError: the groups cannot be read.
    """
    if not tiers:
        return TierEffect({}, {})
    if _nothing_changes(info, tiers, before, after):
        held = {t.group_name or t.group_id or "": t.tier_name or t.tier_id for t in info.tier}
        return TierEffect(held, held)
    groups = await context.references.tier_groups(program)
    return TierEffect(
        {group.name: _held(group, tiers, info) for group in groups},
        {group.name: _after(group, tiers, info, after) for group in groups},
    )


def _nothing_changes(
    info: AccountInfo,
    tiers: Sequence[Tier],
    before: Mapping[str, Decimal],
    after: Mapping[str, Decimal],
) -> bool:
    """Whether the member has exactly the tiers that thresholds give, before and after."""
    for group_id in {tier.group_id for tier in tiers}:
        of_group = [tier for tier in tiers if tier.group_id == group_id]
        met = [[tier.tier_id for tier in of_group if holds(tier, held)] for held in (before, after)]
        if met[0] != met[1]:
            return False
        held = next((item.tier_id for item in info.tier if item.group_id == group_id), None)
        if held != _highest(of_group, met[1]):
            return False
    return True


def _highest(tiers: Sequence[Tier], met: Sequence[str]) -> str | None:
    """The highest of the reached tiers if one threshold orders them; otherwise nothing."""
    candidates = [tier for tier in tiers if tier.tier_id in met]
    if any(len(tier.access_conditions) > 1 for tier in candidates):
        return ""
    heights = [
        (max((Decimal(c.minimum_value or 0) for c in tier.access_conditions), default=Decimal(0)))
        for tier in candidates
    ]
    if not heights:
        return None
    top = max(heights)
    return candidates[heights.index(top)].tier_id if heights.count(top) == 1 else ""


def _held(group: TierGroup, tiers: Sequence[Tier], info: AccountInfo) -> str:
    held = next((item.tier_id for item in info.tier if item.group_id == group.id), None)
    rungs = ladder(group, tiers)
    return next((tier.name for tier in rungs if tier.tier_id == held), NO_TIER)


def _after(
    group: TierGroup, tiers: Sequence[Tier], info: AccountInfo, balances: Mapping[str, Decimal]
) -> str:
    held = next((item.tier_id for item in info.tier if item.group_id == group.id), None)
    tier = after_change(group, ladder(group, tiers), held, balances)
    return NO_TIER if tier is None else tier.name
