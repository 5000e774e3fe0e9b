"""Endpoints for tiers: their configuration, and manual assignment of a member."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Address,
    Body,
    Name,
    NoBody,
    NoQuery,
    Uuid,
    VersionQuery,
)
from loyalty_mcp.sandbox.api.tier_groups import _group
from loyalty_mcp.sandbox.errors import DependencyFailed, Invalid, NotAllowed, NotFound
from loyalty_mcp.sandbox.records import configuration, member_tiers, members, programs
from loyalty_mcp.sandbox.rules.entities import Item, Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.tiers import Condition, threshold
from loyalty_mcp.sandbox.store import UnitOfWork

Threshold = Annotated[int, Field(strict=True, ge=0, lt=10**12)]


class ConditionFields(Body):
    """A balance that has to reach a minimum."""

    balance_definition_id: Uuid
    minimum_value: Threshold = 0


class TierRewardFields(Body):
    """A reward that is issued to members who reach the tier."""

    reward_id: Uuid


Conditions = Annotated[list[ConditionFields], Field(max_length=20)]
TierRewards = Annotated[list[TierRewardFields], Field(max_length=50)]


class NewTier(Body):
    """A tier to create."""

    name: Name
    access_conditions: Conditions
    tier_rewards: TierRewards | None = None
    image_ref: Address | None = None


class TierFields(Body):
    """All settings of a tier."""

    name: Name
    access_conditions: Conditions
    tier_rewards: TierRewards
    image_ref: Address | None = None


def create_tier(call: Call[NoQuery, NewTier]) -> Json:
    """Create a tier of a group in the draft."""
    program = programs.load_program(call.unit, call.id("pid"))
    group = _group(call.unit, program, call.id("gid"))
    body = _tier_body(call.unit, program, group.id, call.body, None)
    return tier_reply(configuration.add_item(call.unit, program.id, "tier", body, parent=group.id))


def list_tiers(call: Call[VersionQuery, NoBody]) -> Json:
    """List the tiers of all groups, from low to high within each group."""
    program, version = programs.load_program(call.unit, call.id("pid")), call.query.version
    rungs = configuration.all_items(call.unit, program.id, "tier", version)
    by_id = {tier.id: tier for tier in rungs}
    groups = configuration.all_items(call.unit, program.id, "tier_group", version)
    ordered = [
        by_id[tier.id] for group in groups for tier in member_tiers.ladder_of(group, rungs).tiers
    ]
    return {"items": [tier_reply(tier) for tier in ordered]}


def update_tier(call: Call[NoQuery, TierFields]) -> Json:
    """Replace a tier in the draft."""
    program = programs.load_program(call.unit, call.id("pid"))
    tier = _tier_item(call.unit, program, call.id("tid"))
    body = _tier_body(call.unit, program, tier.parent or "", call.body, tier.id)
    return tier_reply(configuration.change_item(call.unit, tier, body))


def delete_tier(call: Call[NoQuery, NoBody]) -> None:
    """Delete a tier from the draft."""
    program = programs.load_program(call.unit, call.id("pid"))
    configuration.delete_item(call.unit, _tier_item(call.unit, program, call.id("tid")))


def assign_tier(call: Call[NoQuery, NoBody]) -> Json:
    """Assign a member to a tier manually."""
    program = programs.load_program(call.unit, call.id("pid"))
    tier_id = call.id("tid")
    member = members.member_by_contact(call.unit, program.id, call.contact_id())
    for ladder in member_tiers.ladders_in_force(call.unit, program):
        tier = ladder.tier(tier_id)
        if tier is None:
            continue
        if member is None:
            raise NotFound("The contact is not enrolled in this program.")
        place = member_tiers.assign_by_hand(call.unit, member, ladder, tier)
        return {
            "contactId": member.contact_id,
            "createdAt": stored_to_text(place.since),
            "groupId": place.group_id,
            "id": place.tier_id,
            "loyaltyProgramId": program.id,
            "meta": {},
            "updatedAt": stored_to_text(place.since),
        }
    _tier_item(call.unit, program, tier_id)
    raise DependencyFailed("The tier is not published yet: publish the program first.")


def tier_reply(tier: Item) -> Json:
    """Return a tier as the API shows it."""
    created, updated = stored_to_text(tier.created_at), stored_to_text(tier.updated_at)
    return {
        "accessConditions": [
            {**condition, "createdAt": created, "updatedAt": updated}
            for condition in tier.body["accessConditions"]
        ],
        "createdAt": created,
        "groupId": tier.parent,
        "imageRef": tier.body.get("imageRef"),
        "loyaltyProgramId": tier.program_id,
        "name": tier.body["name"],
        "tierId": tier.id,
        "tierRewards": [
            {**reward, "createdAt": created, "updatedAt": updated}
            for reward in tier.body.get("tierRewards") or ()
        ],
        "updatedAt": updated,
    }


def tier_part(
    unit: UnitOfWork, program: Program, member: Member, include_internal: bool
) -> list[Json]:
    """Return the member's tier in each group."""
    places = member_tiers.tiers_of_member(unit, member)
    version = configuration.version_in_force(unit, program)
    rungs = configuration.all_items(unit, program.id, "tier", version)
    shown = []
    for group in configuration.all_items(unit, program.id, "tier_group", version):
        place = places.get(group.id)
        tier = None if place is None else member_tiers.ladder_of(group, rungs).tier(place.tier_id)
        internal = (group.body.get("meta") or {}).get("isInternal") is True
        if place is None or tier is None or (internal and not include_internal):
            continue
        shown.append(
            {
                "contactId": member.contact_id,
                "createdAt": stored_to_text(place.since),
                "groupId": group.id,
                "groupName": group.body["name"],
                "loyaltyProgramId": program.id,
                "meta": {},
                "tierId": tier.id,
                "tierName": tier.name,
                "updatedAt": stored_to_text(place.since),
            }
        )
    return shown


def _tier_body(
    unit: UnitOfWork, program: Program, group_id: str, new: NewTier | TierFields, own_id: str | None
) -> Json:
    wanted = [each.reward_id for each in new.tier_rewards or ()]
    if len(set(wanted)) < len(wanted):
        raise Invalid("tierRewards: must name each reward only once")
    for reward_id in wanted:
        if configuration.find_item(unit, program.id, "reward", reward_id) is None:
            raise Invalid("tierRewards: there is no reward with that id in this program")
    _check_conditions(unit, program, new)
    body: Json = {
        "name": new.name,
        "accessConditions": [each.model_dump(by_alias=True) for each in new.access_conditions],
        "tierRewards": [{"rewardId": reward_id} for reward_id in wanted],
        "imageRef": new.image_ref,
    }
    demanded = threshold(
        Condition(each.balance_definition_id, Decimal(each.minimum_value))
        for each in new.access_conditions
    )
    for other in configuration.all_items(unit, program.id, "tier", parent=group_id):
        taken = threshold(member_tiers.tier_from_item(other).conditions)
        if other.id != own_id and taken == demanded:
            raise NotAllowed("Another tier of this group has that threshold.")
    return body


def _check_conditions(unit: UnitOfWork, program: Program, new: NewTier | TierFields) -> None:
    named = [each.balance_definition_id for each in new.access_conditions]
    if len(set(named)) < len(named):
        raise Invalid("accessConditions: must name each balance definition only once")
    for definition_id in named:
        if configuration.find_item(unit, program.id, "balance_definition", definition_id) is None:
            raise Invalid(
                "accessConditions: there is no balance definition with that id in this program"
            )


def _tier_item(unit: UnitOfWork, program: Program, tier_id: str) -> Item:
    tier = configuration.find_item(unit, program.id, "tier", tier_id)
    if tier is None:
        raise NotFound("There is no tier with that id.")
    return tier
