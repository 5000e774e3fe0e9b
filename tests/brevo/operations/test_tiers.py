"""Tiers: this call describes that request."""

from loyalty_mcp.brevo.operations.tiers import (
    AccessCondition,
    Tier,
    TierAssignment,
    Tiers,
    assign_tier,
    create_tier,
    delete_tier,
    list_tiers,
    update_tier,
)
from loyalty_mcp.brevo.request import delete, get, post, put
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/tier/programs/p-1"
GOLD = (AccessCondition(balance="b-1", minimum_value=500),)


def test_a_tier_is_created_in_its_group() -> None:
    """Balances and rewards are sent as ids, inside objects."""
    assert create_tier("p-1", "g-1", "Gold", GOLD, tier_rewards=("r-1",)) == post(
        f"{PATH}/tier-groups/g-1/tiers",
        Tier,
        {
            "name": "Gold",
            "accessConditions": [{"balanceDefinitionId": "b-1", "minimumValue": 500}],
            "tierRewards": [{"rewardId": "r-1"}],
        },
    )


def test_a_new_tier_without_rewards_sends_none() -> None:
    """Rewards are optional when a tier is created."""
    assert "tierRewards" not in (create_tier("p-1", "g-1", "Gold", GOLD).body or {})


def test_an_update_always_sends_the_rewards() -> None:
    """The API requires them here; no rewards are an empty list. The group is not in the path."""
    assert update_tier("p-1", "t-1", "Gold", GOLD) == put(
        f"{PATH}/tiers/t-1",
        Tier,
        {
            "name": "Gold",
            "accessConditions": [{"balanceDefinitionId": "b-1", "minimumValue": 500}],
            "tierRewards": [],
        },
    )


def test_tiers_are_listed_across_groups_and_deleted_by_id() -> None:
    """No operation reads a single tier."""
    assert list_tiers("p-1", "active") == get(f"{PATH}/tiers", Tiers, {"version": "active"})
    assert delete_tier("p-1", "t-1") == delete(f"{PATH}/tiers/t-1", Done)


def test_a_member_is_put_on_a_tier_without_a_body() -> None:
    """Member and tier are in the path; nothing else is sent."""
    assert assign_tier("p-1", 101, "t-1") == post(f"{PATH}/contacts/101/tiers/t-1", TierAssignment)


def test_a_tier_is_known_by_its_tier_id() -> None:
    """Tiers call their id tierId."""
    assert Tier.model_validate({"tierId": "t-1", "accessConditions": None}).tier_id == "t-1"
