"""Rewards: rules with names that Python reserves."""

from loyalty_mcp.brevo.operations.rewards import Reward


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
