"""Rewards: rules with field names that are Python keywords."""

from loyalty_mcp.brevo.operations.rewards import Reward


def test_a_rule_is_read_to_its_operands() -> None:
    """Fields whose names are Python keywords are read too."""
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
