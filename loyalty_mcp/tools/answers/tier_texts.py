"""Tiers and tier groups in words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from loyalty_mcp.brevo.operations.tier_groups import TierGroup, TierGroups
from loyalty_mcp.brevo.operations.tiers import Tier, TierCondition, Tiers
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.tools.answers.listing import list_text, version_heading, version_of
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.programs.setting_words import EVALUATED, choice_word
from loyalty_mcp.tools.render import amount_text


async def tiers_text(context: Context, arguments: Mapping[str, Any], found: Tiers) -> str:
    """Each tier with its thresholds and rewards, and its group if there are several."""
    program, version = arguments["program"], version_of(arguments)
    balances = {item.id: item for item in await context.references.balances(program, version)}
    names = {key: item.name for key, item in balances.items()}
    units = {key: unit_of(item) for key, item in balances.items()}
    rewards: dict[str, str] = {}
    if any(tier.tier_rewards for tier in found.items):
        rewards = {
            item.id: item.name for item in await context.references.rewards(program, version)
        }
    groups = {item.id: item.name for item in await context.references.tier_groups(program, version)}
    several = len({tier.group_id for tier in found.items}) > 1
    lines = []
    for tier in found.items:
        group = f" ({quoted(groups.get(tier.group_id or '', 'another group'))})" if several else ""
        lines.append(f"{quoted(tier.name)}{group}: {_tier_words(tier, names, units, rewards)}")
    return list_text(version_heading("tiers", arguments), lines)


def _tier_words(
    tier: Tier, names: Mapping[str, str], units: Mapping[str, str], rewards: Mapping[str, str]
) -> str:
    thresholds = [_threshold(each, names, units) for each in tier.access_conditions]
    words = f"from {' and '.join(thresholds)}" if thresholds else "no threshold"
    given = [
        quoted(rewards.get(each.reward_id or "", "a reward that is not there"))
        for each in tier.tier_rewards
    ]
    if given:
        words += f"; reward{'' if len(given) == 1 else 's'} {', '.join(given)}"
    return words


def _threshold(condition: TierCondition, names: Mapping[str, str], units: Mapping[str, str]) -> str:
    balance = condition.balance_definition_id
    if balance is None:
        return "what is not shown here"
    name, unit = quoted(names.get(balance, "a balance that is not there")), units.get(balance, "")
    least = condition.minimum_value or Decimal(0)
    if unit == "points":
        return f"{least:,f} {name}"
    return f"{amount_text(least, unit).strip()} of {name}"


async def tier_groups_text(
    context: Context, arguments: Mapping[str, Any], found: TierGroups
) -> str:
    """Each tier group with its tiers and the time at which members move."""
    names = await _tier_names(context, arguments)
    lines = [_group_line(group, names) for group in found.items]
    return list_text(version_heading("tier groups", arguments), lines)


async def tier_group_text(context: Context, arguments: Mapping[str, Any], found: TierGroup) -> str:
    """One tier group with its tiers and the time at which members move."""
    return f"{_group_line(found, await _tier_names(context, arguments))}."


def _group_line(group: TierGroup, names: Mapping[str, str]) -> str:
    order = [quoted(names[each]) for each in group.tier_order if each in names]
    up, down = (
        choice_word(EVALUATED, strategy)
        for strategy in (group.upgrade_strategy, group.downgrade_strategy)
    )
    tiers = " < ".join(order) or "no tier yet"
    return f"{quoted(group.name)}: {tiers}; members move up {up} and down {down}"


async def _tier_names(context: Context, arguments: Mapping[str, Any]) -> dict[str, str]:
    tiers = await context.references.tiers(arguments["program"], version_of(arguments))
    return {tier.tier_id: tier.name for tier in tiers}
