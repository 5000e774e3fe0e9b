"""Tier groups and tiers: their configuration, and putting a member on a tier by hand."""

from typing import Annotated, Literal

from pydantic import Field

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Address,
    Body,
    Day,
    Meta,
    Name,
    NoBody,
    NoQuery,
    PositiveCount,
    Uuid,
    VersionQuery,
)
from loyalty_mcp.sandbox.errors import Conflict, DependencyFailed, Invalid, NotAllowed, NotFound
from loyalty_mcp.sandbox.records import configuration, member_tiers, members, programs
from loyalty_mcp.sandbox.records.configuration import Version
from loyalty_mcp.sandbox.rules.entities import Item, Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.rules.tiers import Strategy
from loyalty_mcp.sandbox.store import Unit

Ids = Annotated[list[Uuid], Field(max_length=100)]
Threshold = Annotated[int, Field(strict=True, ge=0, lt=10**12)]


class ScheduleFields(Body):
    """What replaces the yearly anniversary of a strategy."""

    duration_value: PositiveCount | None = None
    duration_unit: PeriodUnit | None = None
    duration_modifier: Literal["start_of_period", "end_of_period"] | None = None
    scheduled_date: Day | None = None


class NewGroup(Body):
    """A tier group to make."""

    name: Name
    upgrade_strategy: Strategy = "real_time"
    downgrade_strategy: Strategy = "real_time"
    tier_order: Ids | None = None
    upgrade_schedule: ScheduleFields | None = None
    downgrade_schedule: ScheduleFields | None = None
    meta: Meta | None = None


class GroupFields(Body):
    """The settings of a tier group that can be replaced; schedules stay as they were made."""

    name: Name
    tier_order: Ids
    upgrade_strategy: Strategy
    downgrade_strategy: Strategy
    meta: Meta | None = None


class ConditionFields(Body):
    """A balance that has to reach a minimum."""

    balance_definition_id: Uuid
    minimum_value: Threshold = 0


class TierRewardFields(Body):
    """A reward that is issued to who reaches the tier."""

    reward_id: Uuid


Conditions = Annotated[list[ConditionFields], Field(max_length=20)]
TierRewards = Annotated[list[TierRewardFields], Field(max_length=50)]


class NewTier(Body):
    """A tier to make."""

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


def create_tier_group(call: Call[NoQuery, NewGroup]) -> Json:
    """Make a tier group, in the draft."""
    program, new = programs.get(call.unit, call.id("pid")), call.body
    if new.tier_order:
        raise Invalid("tierOrder: names no tiers of this group, for it has none yet")
    _check_meta(new.meta)
    _require_free_name(call.unit, program, new.name)
    body: Json = {
        "name": new.name,
        "upgradeStrategy": new.upgrade_strategy,
        "downgradeStrategy": new.downgrade_strategy,
        "tierOrder": [],
        "upgradeSchedule": _schedule(new.upgrade_schedule, "upgradeSchedule"),
        "downgradeSchedule": _schedule(new.downgrade_schedule, "downgradeSchedule"),
        "meta": new.meta or {},
    }
    return shown_group(call.unit, configuration.add(call.unit, program.id, "tier_group", body))


def list_tier_groups(call: Call[VersionQuery, NoBody]) -> Json:
    """List the tier groups."""
    program, version = programs.get(call.unit, call.id("pid")), call.query.version
    groups = configuration.every(call.unit, program.id, "tier_group", version)
    return {"items": [shown_group(call.unit, group, version) for group in groups]}


def get_tier_group(call: Call[VersionQuery, NoBody]) -> Json:
    """Read one tier group."""
    program, version = programs.get(call.unit, call.id("pid")), call.query.version
    return shown_group(call.unit, _group(call.unit, program, call.id("gid"), version), version)


def update_tier_group(call: Call[NoQuery, GroupFields]) -> Json:
    """Replace the name, the order and the strategies of a tier group, in the draft."""
    program, new = programs.get(call.unit, call.id("pid")), call.body
    group = _group(call.unit, program, call.id("gid"))
    _check_meta(new.meta)
    if new.name != group.body["name"]:
        _require_free_name(call.unit, program, new.name)
    own = {tier.id for tier in _tiers_of(call.unit, group)}
    if len(set(new.tier_order)) < len(new.tier_order) or not own.issuperset(new.tier_order):
        raise Invalid("tierOrder: names each tier of this group once, and no other")
    body = {
        **group.body,
        "name": new.name,
        "tierOrder": new.tier_order,
        "upgradeStrategy": new.upgrade_strategy,
        "downgradeStrategy": new.downgrade_strategy,
        "meta": new.meta or {},
    }
    return shown_group(call.unit, configuration.change(call.unit, group, body))


def delete_tier_group(call: Call[NoQuery, NoBody]) -> None:
    """Take an empty tier group out of the draft."""
    program = programs.get(call.unit, call.id("pid"))
    group = _group(call.unit, program, call.id("gid"))
    if _tiers_of(call.unit, group):
        raise Conflict("The tier group still has tiers: delete them first.", code="conflict")
    configuration.delete(call.unit, group)


def create_tier(call: Call[NoQuery, NewTier]) -> Json:
    """Add a tier to a group, in the draft."""
    program = programs.get(call.unit, call.id("pid"))
    group = _group(call.unit, program, call.id("gid"))
    body = _tier_body(call.unit, program, group.id, call.body, None)
    return shown_tier(configuration.add(call.unit, program.id, "tier", body, parent=group.id))


def list_tiers(call: Call[VersionQuery, NoBody]) -> Json:
    """List the tiers of all groups, each group from low to high."""
    program, version = programs.get(call.unit, call.id("pid")), call.query.version
    rungs = configuration.every(call.unit, program.id, "tier", version)
    by_id = {tier.id: tier for tier in rungs}
    groups = configuration.every(call.unit, program.id, "tier_group", version)
    ordered = [
        by_id[tier.id] for group in groups for tier in member_tiers.ladder_of(group, rungs).tiers
    ]
    return {"items": [shown_tier(tier) for tier in ordered]}


def update_tier(call: Call[NoQuery, TierFields]) -> Json:
    """Replace a tier, in the draft."""
    program = programs.get(call.unit, call.id("pid"))
    tier = _tier(call.unit, program, call.id("tid"))
    body = _tier_body(call.unit, program, tier.parent or "", call.body, tier.id)
    return shown_tier(configuration.change(call.unit, tier, body))


def delete_tier(call: Call[NoQuery, NoBody]) -> None:
    """Take a tier out of the draft."""
    program = programs.get(call.unit, call.id("pid"))
    configuration.delete(call.unit, _tier(call.unit, program, call.id("tid")))


def assign_tier(call: Call[NoQuery, NoBody]) -> Json:
    """Put a member on a tier by hand."""
    program = programs.get(call.unit, call.id("pid"))
    tier_id = call.id("tid")
    member = members.by_contact(call.unit, program.id, call.contact_id())
    for ladder in member_tiers.ladders(call.unit, program):
        tier = ladder.tier(tier_id)
        if tier is None:
            continue
        if member is None:
            raise NotFound("The contact is not enrolled in this program.")
        place = member_tiers.assign(call.unit, member, ladder, tier)
        return {
            "contactId": member.contact_id,
            "createdAt": stored_to_text(place.since),
            "groupId": place.group_id,
            "id": place.tier_id,
            "loyaltyProgramId": program.id,
            "meta": {},
            "updatedAt": stored_to_text(place.since),
        }
    _tier(call.unit, program, tier_id)
    raise DependencyFailed("The tier is not published yet: publish the program first.")


def shown_group(unit: Unit, group: Item, version: Version = "draft") -> Json:
    """Show a tier group as the API does; its order names all its tiers."""
    body = group.body
    ladder = member_tiers.ladder_of(
        group, configuration.every(unit, group.program_id, "tier", version, parent=group.id)
    )
    return {
        "createdAt": stored_to_text(group.created_at),
        "downgradeStrategy": body["downgradeStrategy"],
        "id": group.id,
        "loyaltyProgramId": group.program_id,
        "name": body["name"],
        "tierOrder": [tier.id for tier in ladder.tiers],
        "updatedAt": stored_to_text(group.updated_at),
        "upgradeStrategy": body["upgradeStrategy"],
        "upgradeSchedule": _shown_schedule(body.get("upgradeSchedule"), body["upgradeStrategy"]),
        "downgradeSchedule": _shown_schedule(
            body.get("downgradeSchedule"), body["downgradeStrategy"]
        ),
    }


def shown_tier(tier: Item) -> Json:
    """Show a tier as the API does."""
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


def tier_part(unit: Unit, program: Program, member: Member, include_internal: bool) -> list[Json]:
    """Show the tier a member is on in each group."""
    places = member_tiers.of(unit, member)
    version = configuration.version_in_force(unit, program)
    rungs = configuration.every(unit, program.id, "tier", version)
    shown = []
    for group in configuration.every(unit, program.id, "tier_group", version):
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
    unit: Unit, program: Program, group_id: str, new: NewTier | TierFields, own_id: str | None
) -> Json:
    wanted = [each.reward_id for each in new.tier_rewards or ()]
    if len(set(wanted)) < len(wanted):
        raise Invalid("tierRewards: names each reward once")
    for reward_id in wanted:
        if configuration.find(unit, program.id, "reward", reward_id) is None:
            raise Invalid("tierRewards: rewardId names no reward of this program")
    _check_conditions(unit, program, new)
    body: Json = {
        "name": new.name,
        "accessConditions": [each.model_dump(by_alias=True) for each in new.access_conditions],
        "tierRewards": [{"rewardId": reward_id} for reward_id in wanted],
        "imageRef": new.image_ref,
    }
    demanded = {
        (each["balanceDefinitionId"], each["minimumValue"]) for each in body["accessConditions"]
    }
    for other in configuration.every(unit, program.id, "tier", parent=group_id):
        theirs = {
            (each["balanceDefinitionId"], each["minimumValue"])
            for each in other.body["accessConditions"]
        }
        if other.id != own_id and theirs == demanded:
            raise NotAllowed("Another tier of this group has that threshold.")
    return body


def _check_conditions(unit: Unit, program: Program, new: NewTier | TierFields) -> None:
    named = [each.balance_definition_id for each in new.access_conditions]
    if len(set(named)) < len(named):
        raise Invalid("accessConditions: names each balance definition once")
    for definition_id in named:
        if configuration.find(unit, program.id, "balance_definition", definition_id) is None:
            raise Invalid(
                "accessConditions: balanceDefinitionId names no definition of this program"
            )


def _schedule(new: ScheduleFields | None, name: str) -> Json | None:
    if new is None:
        return None
    if (new.duration_value is None) != (new.duration_unit is None):
        raise Invalid(f"{name}: durationValue and durationUnit are given together")
    if new.duration_modifier is not None and new.duration_unit is None:
        raise Invalid(f"{name}: durationModifier is given with a duration only")
    value, unit = new.duration_value, new.duration_unit
    if value is not None and unit is not None and value > LONGEST[unit]:
        raise Invalid(
            f"{name}: durationValue must not be above a hundred years", code="out_of_range"
        )
    return new.model_dump(by_alias=True)


def _shown_schedule(schedule: Json | None, strategy: Strategy) -> Json | None:
    return None if schedule is None else {"strategy": strategy, **schedule}


def _check_meta(meta: Meta | None) -> None:
    if meta is not None and not isinstance(meta.get("isInternal", False), bool):
        raise Invalid("meta.isInternal: must be true or false")


def _require_free_name(unit: Unit, program: Program, name: str) -> None:
    groups = configuration.every(unit, program.id, "tier_group")
    if any(group.body["name"] == name for group in groups):
        raise Conflict("Another tier group of this program has that name.")


def _group(unit: Unit, program: Program, group_id: str, version: Version = "draft") -> Item:
    group = configuration.find(unit, program.id, "tier_group", group_id, version)
    if group is None:
        raise NotFound("There is no tier group with that id.")
    return group


def _tiers_of(unit: Unit, group: Item) -> list[Item]:
    return configuration.every(unit, group.program_id, "tier", parent=group.id)


def _tier(unit: Unit, program: Program, tier_id: str) -> Item:
    tier = configuration.find(unit, program.id, "tier", tier_id)
    if tier is None:
        raise NotFound("There is no tier with that id.")
    return tier
