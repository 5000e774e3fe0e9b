"""Tier groups: this call describes that request."""

import pytest
from pydantic import ValidationError

from loyalty_mcp.brevo.operations.tier_groups import (
    Schedule,
    TierGroup,
    TierGroups,
    create_tier_group,
    delete_tier_group,
    get_tier_group,
    list_tier_groups,
    update_tier_group,
)
from loyalty_mcp.brevo.request import delete, get, post, put
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/tier/programs/p-1/tier-groups"


def test_a_group_is_created_with_its_schedules() -> None:
    """Schedules have the API's spelling, and modifiers the snake_case of tiers."""
    request = create_tier_group(
        "p-1",
        "Status",
        downgrade_strategy="tier_anniversary",
        downgrade_schedule=Schedule(
            duration_value=1, duration_unit="year", duration_modifier="end_of_period"
        ),
    )

    assert request == post(
        PATH,
        TierGroup,
        {
            "name": "Status",
            "downgradeStrategy": "tier_anniversary",
            "downgradeSchedule": {
                "durationValue": 1,
                "durationUnit": "year",
                "durationModifier": "end_of_period",
            },
        },
    )


def test_a_schedule_refuses_what_it_does_not_know() -> None:
    """An unknown field is a mistake, not something to drop."""
    with pytest.raises(ValidationError):
        Schedule.model_validate({"every": "year"})


def test_groups_are_read_and_deleted_under_the_tier_path() -> None:
    """One guide says the config path; every other source says this one."""
    assert list_tier_groups("p-1", "active") == get(PATH, TierGroups, {"version": "active"})
    assert get_tier_group("p-1", "g-1") == get(f"{PATH}/g-1", TierGroup)
    assert delete_tier_group("p-1", "g-1") == delete(f"{PATH}/g-1", Done)


def test_an_update_sends_the_order_even_when_empty() -> None:
    """The order is required, and a group without tiers has an empty one."""
    assert update_tier_group(
        "p-1",
        "g-1",
        "Status",
        tier_order=(),
        upgrade_strategy="real_time",
        downgrade_strategy="membership_anniversary",
    ) == put(
        f"{PATH}/g-1",
        TierGroup,
        {
            "name": "Status",
            "tierOrder": [],
            "upgradeStrategy": "real_time",
            "downgradeStrategy": "membership_anniversary",
        },
    )
