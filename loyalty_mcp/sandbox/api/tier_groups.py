"""Endpoints for tier groups: their strategies and the order of their tiers."""

from typing import Annotated, Literal

from pydantic import Field

from loyalty_mcp.sandbox.api.balance_definitions import check_internal
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
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
from loyalty_mcp.sandbox.errors import Conflict, Invalid, NotFound
from loyalty_mcp.sandbox.records import configuration, member_tiers, programs
from loyalty_mcp.sandbox.records.configuration import Version
from loyalty_mcp.sandbox.rules.entities import Item, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.rules.periods import LONGEST, PeriodUnit
from loyalty_mcp.sandbox.rules.tiers import Strategy
from loyalty_mcp.sandbox.store import UnitOfWork

Ids = Annotated[list[Uuid], Field(max_length=100)]


class ScheduleFields(Body):
    """A schedule that replaces the yearly anniversary of a strategy."""

    duration_value: PositiveCount | None = None
    duration_unit: PeriodUnit | None = None
    duration_modifier: Literal["start_of_period", "end_of_period"] | None = None
    scheduled_date: Day | None = None


class NewGroup(Body):
    """A tier group to create."""

    name: Name
    upgrade_strategy: Strategy = "real_time"
    downgrade_strategy: Strategy = "real_time"
    tier_order: Ids | None = None
    upgrade_schedule: ScheduleFields | None = None
    downgrade_schedule: ScheduleFields | None = None
    meta: Meta | None = None


class GroupFields(Body):
    """The settings of a tier group that can be replaced; its schedules cannot."""

    name: Name
    tier_order: Ids
    upgrade_strategy: Strategy
    downgrade_strategy: Strategy
    meta: Meta | None = None


def create_tier_group(call: Call[NoQuery, NewGroup]) -> Json:
    """Create a tier group in the draft."""
    program, new = programs.load_program(call.unit, call.id("pid")), call.body
    if new.tier_order:
        raise Invalid("tierOrder: a new group has no tiers yet; leave it out or empty")
    check_internal(new.meta)
    require_free_group_name(call.unit, program, new.name)
    body: Json = {
        "name": new.name,
        "upgradeStrategy": new.upgrade_strategy,
        "downgradeStrategy": new.downgrade_strategy,
        "tierOrder": [],
        "upgradeSchedule": _schedule_body(new.upgrade_schedule, "upgradeSchedule"),
        "downgradeSchedule": _schedule_body(new.downgrade_schedule, "downgradeSchedule"),
        "meta": new.meta or {},
    }
    return tier_group_reply(
        call.unit, configuration.add_item(call.unit, program.id, "tier_group", body)
    )


def list_tier_groups(call: Call[VersionQuery, NoBody]) -> Json:
    """List the tier groups."""
    program, version = programs.load_program(call.unit, call.id("pid")), call.query.version
    groups = configuration.all_items(call.unit, program.id, "tier_group", version)
    return {"items": [tier_group_reply(call.unit, group, version) for group in groups]}


def get_tier_group(call: Call[VersionQuery, NoBody]) -> Json:
    """Return one tier group."""
    program, version = programs.load_program(call.unit, call.id("pid")), call.query.version
    return tier_group_reply(call.unit, _group(call.unit, program, call.id("gid"), version), version)


def update_tier_group(call: Call[NoQuery, GroupFields]) -> Json:
    """Replace the name, tier order and strategies of a tier group in the draft."""
    program, new = programs.load_program(call.unit, call.id("pid")), call.body
    group = _group(call.unit, program, call.id("gid"))
    check_internal(new.meta)
    if new.name != group.body["name"]:
        require_free_group_name(call.unit, program, new.name)
    own = {tier.id for tier in _tiers_of(call.unit, group)}
    if len(set(new.tier_order)) < len(new.tier_order) or not own.issuperset(new.tier_order):
        raise Invalid("tierOrder: must name tiers of this group only, each once")
    body = {
        **group.body,
        "name": new.name,
        "tierOrder": new.tier_order,
        "upgradeStrategy": new.upgrade_strategy,
        "downgradeStrategy": new.downgrade_strategy,
        "meta": new.meta or {},
    }
    return tier_group_reply(call.unit, configuration.change_item(call.unit, group, body))


def delete_tier_group(call: Call[NoQuery, NoBody]) -> None:
    """Delete an empty tier group from the draft."""
    program = programs.load_program(call.unit, call.id("pid"))
    group = _group(call.unit, program, call.id("gid"))
    if _tiers_of(call.unit, group):
        raise Conflict("The tier group still has tiers: delete them first.", code="conflict")
    configuration.delete_item(call.unit, group)


def tier_group_reply(unit: UnitOfWork, group: Item, version: Version = "draft") -> Json:
    """Return a tier group as the API shows it; `tierOrder` lists all its tiers."""
    body = group.body
    ladder = member_tiers.ladder_of(
        group, configuration.all_items(unit, group.program_id, "tier", version, parent=group.id)
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


def _schedule_body(new: ScheduleFields | None, name: str) -> Json | None:
    if new is None:
        return None
    if (new.duration_value is None) != (new.duration_unit is None):
        raise Invalid(f"{name}: durationValue and durationUnit must be given together")
    if new.duration_modifier is not None and new.duration_unit is None:
        raise Invalid(f"{name}: durationModifier needs a duration")
    value, unit = new.duration_value, new.duration_unit
    if value is not None and unit is not None and value > LONGEST[unit]:
        raise Invalid(
            f"{name}: durationValue must not be above a hundred years", code="out_of_range"
        )
    return new.model_dump(by_alias=True)


def _shown_schedule(schedule: Json | None, strategy: Strategy) -> Json | None:
    return None if schedule is None else {"strategy": strategy, **schedule}


def require_free_group_name(unit: UnitOfWork, program: Program, name: str) -> None:
    """Check that no other tier group of the program has this name.

    Raises:
        Conflict: Another group has it.
    """
    groups = configuration.all_items(unit, program.id, "tier_group")
    if any(group.body["name"] == name for group in groups):
        raise Conflict("Another tier group of this program has that name.")


def _group(unit: UnitOfWork, program: Program, group_id: str, version: Version = "draft") -> Item:
    group = configuration.find_item(unit, program.id, "tier_group", group_id, version)
    if group is None:
        raise NotFound("There is no tier group with that id.")
    return group


def _tiers_of(unit: UnitOfWork, group: Item) -> list[Item]:
    return configuration.all_items(unit, group.program_id, "tier", parent=group.id)
