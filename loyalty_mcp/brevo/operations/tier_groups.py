"""Tier groups: a ladder of tiers, and when members are moved along it."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from loyalty_mcp.brevo.operation import destructive, read, write
from loyalty_mcp.brevo.reply_values import DateText, ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, post, put
from loyalty_mcp.brevo.types import (
    Count,
    Done,
    DurationUnit,
    Input,
    Items,
    Meta,
    Name,
    ProgramId,
    Reply,
    TierGroupId,
    TierId,
    Version,
)

Strategy = Literal["real_time", "membership_anniversary", "tier_anniversary"]
TierOrder = Annotated[tuple[TierId, ...], Field(description="Lowest first")]


class Schedule(Input):
    """When a scheduled strategy evaluates members."""

    duration_value: Count | None = None
    duration_unit: DurationUnit | None = None
    duration_modifier: Literal["start_of_period", "end_of_period"] | None = None
    scheduled_date: Annotated[
        str | None, Field(pattern=r"^(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])$")
    ] = None


ScheduleArgument = Annotated[
    Schedule,
    WithJsonSchema(
        {
            "type": "object",
            "description": "{duration_value, duration_unit, duration_modifier, scheduled_date}",
        }
    ),
]
"""Published with its field names alone, because it is seldom needed; validated in full."""

SameSchedule = Annotated[
    Schedule, WithJsonSchema({"type": "object", "description": "As upgrade_schedule"})
]


class GroupSchedule(Reply):
    """When a scheduled strategy evaluates members."""

    strategy: str | None = None
    duration_value: int | None = None
    duration_unit: str | None = None
    duration_modifier: str | None = None
    scheduled_date: DateText = None


class TierGroup(Reply):
    """A ladder of tiers; `tier_order` goes from the lowest to the highest."""

    created_at: ReplyMoment = None
    downgrade_strategy: str | None = None
    id: str
    loyalty_program_id: str | None = None
    name: str = ""
    tier_order: Items[str] = ()
    updated_at: ReplyMoment = None
    upgrade_strategy: str | None = None
    upgrade_schedule: GroupSchedule | None = None
    downgrade_schedule: GroupSchedule | None = None


class TierGroups(Reply):
    """The tier groups of a program."""

    items: Items[TierGroup] = ()


def _path(program: ProgramId) -> str:
    return f"/loyalty/tier/programs/{program}/tier-groups"


@write("Create tier group {name} in the draft of program {program}.")
def create_tier_group(
    program: ProgramId,
    name: Name,
    *,
    upgrade_strategy: Strategy | None = None,
    downgrade_strategy: Strategy | None = None,
    tier_order: TierOrder | None = None,
    upgrade_schedule: ScheduleArgument | None = None,
    downgrade_schedule: SameSchedule | None = None,
    meta: Meta | None = None,
) -> Request[TierGroup]:
    """Create a draft tier group; schedules can be set only now."""
    body = {
        "name": name,
        "upgradeStrategy": upgrade_strategy,
        "downgradeStrategy": downgrade_strategy,
        "tierOrder": None if tier_order is None else list(tier_order),
        "upgradeSchedule": upgrade_schedule and upgrade_schedule.spelled(),
        "downgradeSchedule": downgrade_schedule and downgrade_schedule.spelled(),
        "meta": meta,
    }
    return post(_path(program), TierGroup, body)


@read
def list_tier_groups(program: ProgramId, version: Version | None = None) -> Request[TierGroups]:
    """List tier groups and their strategies."""
    return get(_path(program), TierGroups, {"version": version})


@read
def get_tier_group(
    program: ProgramId, tier_group: TierGroupId, version: Version | None = None
) -> Request[TierGroup]:
    """Read one tier group."""
    return get(f"{_path(program)}/{tier_group}", TierGroup, {"version": version})


@write("Replace tier group {tier_group} in the draft of program {program}.", before=get_tier_group)
def update_tier_group(
    program: ProgramId,
    tier_group: TierGroupId,
    name: Name,
    *,
    tier_order: TierOrder,
    upgrade_strategy: Strategy,
    downgrade_strategy: Strategy,
    meta: Meta | None = None,
) -> Request[TierGroup]:
    """Replace a draft tier group, as create_tier_group."""
    body = {
        "name": name,
        "tierOrder": list(tier_order),
        "upgradeStrategy": upgrade_strategy,
        "downgradeStrategy": downgrade_strategy,
        "meta": meta,
    }
    return put(f"{_path(program)}/{tier_group}", TierGroup, body)


@destructive(
    "Delete tier group {tier_group} from program {program}; members lose its tiers at the next "
    "publish.",
    before=get_tier_group,
)
def delete_tier_group(program: ProgramId, tier_group: TierGroupId) -> Request[Done]:
    """Delete a tier group; once published, members lose its tiers."""
    return delete(f"{_path(program)}/{tier_group}", Done)
