"""The tiers of a program after applying a spec."""

from dataclasses import replace

from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier, TierCondition
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named, tiers_of
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.programs.tier_group_steps import wanted_order
from loyalty_mcp.tools.programs.tier_spec import TierSpec


def with_planned_tiers(spec: ProgramSpec, existing: ProgramConfiguration) -> ProgramConfiguration:
    """Return the configuration with the thresholds and the order of tiers that a spec describes.

    A new tier gets its name as id. Thresholds of balances that do not exist yet are omitted,
    because nobody has such a balance.

    Args:
        spec: the wanted state.
        existing: the draft.
    """
    groups = {group.id: group for group in existing.tier_groups}
    tiers = {tier.tier_id: tier for tier in existing.tiers}
    for wanted in spec.tier_groups:
        group = find_named("tier group", wanted.name, existing.tier_groups)
        if group is None:
            group = TierGroup(id=wanted.name, name=wanted.name)
        current = tiers_of(group, existing)
        ids = {name_key(tier.name): tier.tier_id for tier in current}
        for tier in wanted.tiers:
            identity = ids.setdefault(name_key(tier.name), tier.name)
            tiers[identity] = _planned_tier(tier, identity, group, existing)
        order = wanted_order(wanted, current, existing)
        tier_order = tuple(ids[name_key(name)] for name in order)
        groups[group.id] = group.model_copy(update={"tier_order": tier_order})
    return replace(existing, tier_groups=tuple(groups.values()), tiers=tuple(tiers.values()))


def _planned_tier(
    wanted: TierSpec, identity: str, group: TierGroup, existing: ProgramConfiguration
) -> Tier:
    conditions = []
    for name, least in wanted.minimum.items():
        balance = find_named("balance", name, existing.balances)
        if balance is not None:
            conditions.append(TierCondition(balance_definition_id=balance.id, minimum_value=least))
    return Tier(
        tier_id=identity,
        group_id=group.id,
        name=wanted.name,
        access_conditions=tuple(conditions),
    )
