"""Tier groups: an ordered set of tiers, and when members move between them."""

from typing import Annotated, Literal

from pydantic import Field

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
    YearDay,
)

Strategy = Literal["real_time", "membership_anniversary", "tier_anniversary"]
Upgrade = Annotated[Strategy, Field(description="When members move up")]
Downgrade = Annotated[Strategy, Field(description="When members move down")]
TierOrder = Annotated[tuple[TierId, ...], Field(description="Tier names or ids, lowest first")]


class Schedule(Input):
    """When a scheduled strategy evaluates members."""

    duration_value: Count | None = None
    duration_unit: DurationUnit | None = None
    duration_modifier: Literal["start_of_period", "end_of_period"] | None = None
    scheduled_date: Annotated[YearDay | None, Field(description="dd/mm")] = None


UpgradeSchedule = Annotated[Schedule, Field(description="When upgrades are evaluated")]
DowngradeSchedule = Annotated[Schedule, Field(description="When downgrades are evaluated")]


class GroupSchedule(Reply):
    """When a scheduled strategy evaluates members."""

    strategy: str | None = None
    duration_value: int | None = None
    duration_unit: str | None = None
    duration_modifier: str | None = None
    scheduled_date: DateText = None


class TierGroup(Reply):
    """An ordered set of tiers; `tier_order` goes from the lowest to the highest."""

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
    upgrade_strategy: Upgrade | None = None,
    downgrade_strategy: Downgrade | None = None,
    tier_order: TierOrder | None = None,
    upgrade_schedule: UpgradeSchedule | None = None,
    downgrade_schedule: DowngradeSchedule | None = None,
    meta: Meta | None = None,
) -> Request[TierGroup]:
    """Create a tier group in the draft. Schedules can be set only now."""
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
    """List tier groups with their tier order and strategies."""
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
    upgrade_strategy: Upgrade,
    downgrade_strategy: Downgrade,
    meta: Meta | None = None,
) -> Request[TierGroup]:
    """Replace name, order and strategies of a tier group in the draft."""
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
    """Delete a tier group from the draft; members lose its tiers at the next publish."""
    return delete(f"{_path(program)}/{tier_group}", Done)
