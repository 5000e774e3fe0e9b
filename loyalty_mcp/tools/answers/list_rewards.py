"""List rewards, and say what they cost and are worth to whoever cannot ask for one alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from loyalty_mcp.brevo.operations import rewards
from loyalty_mcp.brevo.operations.rewards import Rewards, RewardSummary
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items
from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.intents.roles import offers
from loyalty_mcp.tools.answers.listing import (
    LINES_SHOWN,
    day_text,
    list_text,
    version_heading,
    version_of,
    with_filters,
)
from loyalty_mcp.tools.answers.reward_texts import price_of_reward, worth_text
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import together
from loyalty_mcp.tools.operation_request import request_of
from loyalty_mcp.tools.operation_tool import tool_of

ALONE: Final = "get_reward"
"""The tool that reads one reward with all its terms."""


class OfferedReward(RewardSummary):
    """A reward of the list; what it costs and is worth only where get_reward is not offered."""

    public_name: str | None = None
    public_description: str | None = None
    worth: str | None = None
    price: str | None = None


class OfferedRewards(Rewards):
    """A page of rewards; `total_count` counts all of them."""

    items: Items[OfferedReward] = ()


async def offered_rewards_text(
    context: Context, arguments: Mapping[str, Any], found: OfferedRewards
) -> str:
    """Each reward with its state, the time in which it is given, and its price if it was read."""
    heading = with_filters(version_heading("rewards", arguments), arguments, "state")
    if _reads_each_alone(context):
        heading += "; get_reward has price and terms"
    lines = [_line(reward) for reward in found.items]
    return list_text(heading, lines, found.total_count, arguments.get("offset"))


def _line(reward: OfferedReward) -> str:
    line = quoted(reward.name)
    if reward.public_name:
        line += f", shown as {quoted(reward.public_name)}"
    if reward.worth:
        line += f" ({reward.worth})"
    if reward.state not in {None, "active"}:
        line += f": {quoted(reward.state)}"
    if reward.start_date:
        line += f", from {day_text(reward.start_date)}"
    if reward.end_date:
        line += f", until {day_text(reward.end_date)}"
    terms = [
        f"{reward.price}." if reward.price else "",
        quoted(reward.public_description) if reward.public_description else "",
    ]
    return ". ".join([line, " ".join(filter(None, terms))]).removesuffix(". ")


def _reads_each_alone(context: Context) -> bool:
    return offers(context.role, ALONE, "rewards", moves_value=False)


async def list_offered_rewards(context: Context, **arguments: Any) -> OfferedRewards:
    """List rewards; a role that cannot read one alone gets price and worth of those shown.

    Raises:
        LoyaltyError: the list cannot be read.
    """
    page = await context.brevo.send(request_of(rewards.list_rewards, arguments))
    items = [OfferedReward.model_validate(item.model_dump(by_alias=True)) for item in page.items]
    if not _reads_each_alone(context):
        shown = items[:LINES_SHOWN]
        items[:LINES_SHOWN] = await together(*[_offer(context, arguments, each) for each in shown])
    return OfferedRewards(items=tuple(items), total_count=page.total_count)


async def _offer(
    context: Context, arguments: Mapping[str, Any], item: OfferedReward
) -> OfferedReward:
    """A reward with what it costs and is worth; as it was listed where that cannot be read."""
    request = rewards.get_reward(arguments["program"], item.id, version_of(arguments))
    try:
        reward = await context.brevo.configuration(request)
        price = await price_of_reward(context, arguments, reward)
    except LoyaltyError:
        return item
    return item.model_copy(
        update={
            "public_name": reward.public_name,
            "public_description": reward.public_description,
            "worth": worth_text(reward.value, reward.unit) or None,
            "price": price or None,
        }
    )


list_rewards = replace(
    tool_of(rewards.list_rewards),
    answer=OfferedRewards,
    run=list_offered_rewards,
    read_text=offered_rewards_text,
    requests=1 + LINES_SHOWN,
)
