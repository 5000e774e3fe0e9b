"""Tiers: the levels of a tier group, their conditions, and their members."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from loyalty_mcp.brevo.operation import destructive, moves_value, read, write
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.brevo.reply_values import ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, post, put
from loyalty_mcp.brevo.types import (
    BalanceId,
    ContactId,
    Done,
    ImageUrl,
    Input,
    Items,
    Meta,
    Name,
    Number,
    ProgramId,
    Reply,
    RewardId,
    TierGroupId,
    TierId,
    Version,
)

PROGRAMS = "/loyalty/tier/programs"


class AccessCondition(Input):
    """The minimum of a balance for a tier."""

    balance: BalanceId
    minimum_value: Annotated[int, Field(ge=0, le=1_000_000_000)]


AccessConditions = Annotated[
    tuple[AccessCondition, ...], Field(min_length=1, description="What a member must have")
]
TierRewards = Annotated[
    tuple[RewardId, ...], Field(description="Names or ids of rewards given on entry")
]


class TierCondition(Reply):
    """A threshold of a tier."""

    balance_definition_id: str | None = None
    created_at: ReplyMoment = None
    minimum_value: Number | None = None
    updated_at: ReplyMoment = None


class TierReward(Reply):
    """A reward issued to members who reach a tier."""

    created_at: ReplyMoment = None
    reward_id: str | None = None
    updated_at: ReplyMoment = None


class Tier(Reply):
    """A tier; its own id is `tier_id`."""

    access_conditions: Items[TierCondition] = ()
    created_at: ReplyMoment = None
    group_id: str | None = None
    image_ref: str | None = None
    loyalty_program_id: str | None = None
    name: str = ""
    tier_id: str
    tier_rewards: Items[TierReward] = ()
    updated_at: ReplyMoment = None


class Tiers(Reply):
    """The tiers of a program, across its groups."""

    items: Items[Tier] = ()


class TierAssignment(Reply):
    """A tier assigned to a member; `id` is the tier's."""

    contact_id: int | None = None
    created_at: ReplyMoment = None
    group_id: str | None = None
    id: str | None = None
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    updated_at: ReplyMoment = None


def _conditions(conditions: Iterable[AccessCondition]) -> list[dict[str, Any]]:
    return [
        {"balanceDefinitionId": condition.balance, "minimumValue": condition.minimum_value}
        for condition in conditions
    ]


def _rewards(rewards: Iterable[RewardId]) -> list[dict[str, Any]]:
    return [{"rewardId": reward} for reward in rewards]


@write("Add tier {name} to tier group {tier_group} in the draft of program {program}.")
def create_tier(
    program: ProgramId,
    tier_group: TierGroupId,
    name: Name,
    access_conditions: AccessConditions,
    *,
    tier_rewards: TierRewards | None = None,
    image_ref: ImageUrl | None = None,
) -> Request[Tier]:
    """Add a tier to a group in the draft. Thresholds in a group must differ."""
    body = {
        "name": name,
        "accessConditions": _conditions(access_conditions),
        "tierRewards": None if tier_rewards is None else _rewards(tier_rewards),
        "imageRef": image_ref,
    }
    return post(f"{PROGRAMS}/{program}/tier-groups/{tier_group}/tiers", Tier, body)


@read
def list_tiers(program: ProgramId, version: Version | None = None) -> Request[Tiers]:
    """List the tiers of a program with their thresholds and rewards."""
    return get(f"{PROGRAMS}/{program}/tiers", Tiers, {"version": version})


@write("Replace tier {tier} in the draft of program {program}.", before=list_tiers)
def update_tier(
    program: ProgramId,
    tier: TierId,
    name: Name,
    access_conditions: AccessConditions,
    *,
    tier_rewards: TierRewards = (),
    image_ref: ImageUrl | None = None,
) -> Request[Tier]:
    """Replace a tier in the draft; what is left out is cleared."""
    body = {
        "name": name,
        "accessConditions": _conditions(access_conditions),
        "tierRewards": _rewards(tier_rewards),
        "imageRef": image_ref,
    }
    return put(f"{PROGRAMS}/{program}/tiers/{tier}", Tier, body)


@destructive(
    "Delete tier {tier} from program {program}; its members fall to another at the next publish.",
    before=list_tiers,
)
def delete_tier(program: ProgramId, tier: TierId) -> Request[Done]:
    """Delete a tier from the draft; its members lose it at the next publish."""
    return delete(f"{PROGRAMS}/{program}/tiers/{tier}", Done)


@moves_value(
    "Put member {member} of program {program} on tier {tier}, with the rewards of its entry.",
    before=get_account_info,
)
def assign_tier(program: ProgramId, member: ContactId, tier: TierId) -> Request[TierAssignment]:
    """Put a member on a tier by hand. The next evaluation may move them again."""
    return post(f"{PROGRAMS}/{program}/contacts/{member}/tiers/{tier}", TierAssignment)
