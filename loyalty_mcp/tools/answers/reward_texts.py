"""Rewards in words."""

from collections.abc import Mapping
from typing import Any

from loyalty_mcp.brevo.operations.rewards import CodeCount, Reward, RewardLimit
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.tools.answers.listing import day_text, version_of
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.programs.setting_words import SNAPPED, span_word
from loyalty_mcp.tools.render import amount_text


async def code_count_text(
    _context: Context, _arguments: Mapping[str, Any], found: CodeCount
) -> str:
    """The number of codes in a pool."""
    if found.count is None:
        return "Brevo does not say how many codes the pool has."
    return f"The pool has {found.count:,} code{'' if found.count == 1 else 's'}."


async def reward_text(context: Context, arguments: Mapping[str, Any], found: Reward) -> str:
    """A reward with its worth, its cost and its terms."""
    title = quoted(found.name)
    if found.public_name:
        title += f", shown as {quoted(found.public_name)}"
    worth = worth_text(found.value, found.unit)
    lines = [f"{title}{f': {worth}' if worth else ''}."]
    if found.public_description:
        lines.append(quoted(found.public_description))
    lines += [f"{term}." for term in await _terms(context, arguments, found)]
    return "\n".join(lines)


def worth_text(value: Any, unit: str | None) -> str:
    """The worth of a reward or voucher: `10 EUR`, `15%`; empty if it has no value."""
    if value is None:
        return ""
    if unit == "PERCENT":
        return amount_text(value, "").strip() + "%"
    return amount_text(value, unit or "").strip()


async def _terms(context: Context, arguments: Mapping[str, Any], reward: Reward) -> list[str]:
    terms = [await price_of_reward(context, arguments, reward), _validity(reward)]
    if reward.disabled_at:
        terms.append(f"Disabled since {day_text(reward.disabled_at)}")
    if reward.start_date or reward.end_date:
        since = f" from {day_text(reward.start_date)}" if reward.start_date else ""
        until = f" until {day_text(reward.end_date)}" if reward.end_date else ""
        terms.append(f"Given{since}{until}")
    caps = (
        (reward.attribution_per_consumer, "given at most {} to each member"),
        (reward.redeem_per_consumer, "redeemed at most {} by each member"),
        (reward.total_attribution, "given at most {} in all"),
        (reward.total_redeem, "redeemed at most {} in all"),
    )
    terms += [text.format(_times(cap)).capitalize() for cap, text in caps if cap]
    terms += [_limit(limit) for limit in reward.limits]
    if reward.code_pool_id:
        terms.append(f"Codes come from pool {reward.code_pool_id}")
    return [term for term in terms if term]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


async def price_of_reward(context: Context, arguments: Mapping[str, Any], reward: Reward) -> str:
    """What a reward costs: `Costs 40 points of "Purchase Points"`; empty if it costs nothing.

    Raises:
        LoyaltyError: the balances cannot be read.
    """
    balance = reward.subtract_balance_definition_id
    if balance is None:
        return ""
    definitions = await context.references.balances(arguments["program"], version_of(arguments))
    definition = next((item for item in definitions if item.id == balance), None)
    name = "a balance that is not there" if definition is None else quoted(definition.name)
    if reward.subtract_total_balance:
        return f"Costs everything in {name}"
    if reward.subtract_balance_value is None:
        return ""
    unit = "points" if definition is None else unit_of(definition)
    return f"Costs {amount_text(reward.subtract_balance_value, unit)} of {name}"


def _validity(reward: Reward) -> str:
    if reward.expiration_date:
        return f"Its vouchers are valid until {day_text(reward.expiration_date)}"
    if reward.expiration_value and reward.expiration_unit:
        snap = SNAPPED.get(reward.expiration_modifier or "", "")
        span = span_word(reward.expiration_value, reward.expiration_unit)
        edge = snap.format(unit=reward.expiration_unit).replace("moved to ", "to ")
        return f"Its vouchers are valid for {span}{edge}"
    return ""


def _limit(limit: RewardLimit) -> str:
    if limit.limit_value is None or limit.duration_value is None or limit.duration_unit is None:
        return ""
    what = {"attribution": "Given", "redeem": "Redeemed", "redemption": "Redeemed"}
    verb = what.get(limit.type or "", "Used")
    span = span_word(limit.duration_value, limit.duration_unit)
    return f"{verb} at most {_times(limit.limit_value)} in {span}"
