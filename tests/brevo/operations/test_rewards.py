"""Rewards: this call describes that request."""

from loyalty_mcp.brevo.operations.rewards import (
    CodeCount,
    CreatedReward,
    Reward,
    Rewards,
    create_reward,
    get_code_count,
    get_reward,
    list_rewards,
)
from loyalty_mcp.brevo.request import get, post

PATH = "/loyalty/offer/programs/p-1"


def test_rewards_are_listed_and_created_as_offers_and_read_as_rewards() -> None:
    """The API has two words for one thing; the paths follow it, the tools do not."""
    assert list_rewards("p-1", limit=100, state="all") == get(
        f"{PATH}/offers", Rewards, {"limit": 100, "state": "all"}
    )
    assert create_reward("p-1", "COFFEE", public_name="A coffee") == post(
        f"{PATH}/offers", CreatedReward, {"name": "COFFEE", "publicName": "A coffee"}
    )
    assert get_reward("p-1", "r-1", "active") == get(
        f"{PATH}/rewards/r-1", Reward, {"version": "active"}
    )


def test_codes_are_counted_by_pool() -> None:
    """A pool is named by its id alone."""
    assert get_code_count("p-1", "c-1") == get(f"{PATH}/code-pools/c-1/codes-count", CodeCount)


def test_a_rule_is_read_to_its_operands() -> None:
    """Names that Python keeps for itself are read all the same."""
    reward = Reward.model_validate(
        {
            "id": "r-1",
            "rule": {"condition": {"lhs": {"expression": {"int": 3}}, "op": ">", "and": [{}]}},
        }
    )

    assert reward.rule is not None
    assert reward.rule.condition is not None
    assert reward.rule.condition.and_ == ({},)
    assert reward.rule.condition.lhs is not None
    assert reward.rule.condition.lhs.expression is not None
    assert reward.rule.condition.lhs.expression.int_ == 3
