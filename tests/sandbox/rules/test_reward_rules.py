from decimal import Decimal
from typing import Any

import pytest

from loyalty_mcp.sandbox.errors import Invalid
from loyalty_mcp.sandbox.rules.reward_rules import check_rule, rule_matches

EVENT = {"amount": Decimal(120), "transactionType": "credit", "shop": "Paris", "first": True}
CONTACT = {"COUNTRY": "FR", "AGE": 30}


def compare(name: str, operator: str, **right: Any) -> dict[str, Any]:
    """Make a condition on a property of the event."""
    return {"lhs": {"eventProperty": name}, "op": operator, "rhs": right}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, True),
        (compare("amount", "gte", number=120), True),
        (compare("amount", ">", number=120), False),
        (compare("amount", "lt", number=Decimal("120.5")), True),
        (compare("amount", "<=", expression={"int": 100}), False),
        (compare("shop", "==", string="Paris"), True),
        (compare("shop", "!=", string="Paris"), False),
        (compare("shop", "in", array=["Rome", "Paris"]), True),
        (compare("shop", "contains", string="ari"), True),
        (compare("shop", "gt", number=3), False),
        (compare("first", "eq", boolean=True), True),
        (compare("first", "eq", number=1), False),
        (compare("nothing", "eq", number=1), False),
        ({"lhs": {"contactProperty": "AGE"}, "op": "gte", "rhs": {"number": 18}}, True),
        ({"and": [compare("amount", "gt", number=1), compare("amount", "gt", number=500)]}, False),
        ({"or": [compare("amount", "gt", number=1), compare("amount", "gt", number=500)]}, True),
    ],
)
def test_conditions(condition: dict[str, Any], expected: bool) -> None:
    """A rule matches when its condition holds for the movement and the contact (documented)."""
    rule = {"condition": condition}
    check_rule(rule)

    assert expected == rule_matches(rule, EVENT, CONTACT)


def test_a_rule_waits_for_its_event() -> None:
    """A rule that names another event is not matched by a completed movement."""
    assert rule_matches({"event": {"name": "balance_value_updated"}}, EVENT, CONTACT)
    assert not rule_matches({"event": {"name": "birthday"}}, EVENT, CONTACT)


def nested(depth: int) -> dict[str, Any]:
    """Make a condition inside conditions."""
    return {"and": [nested(depth - 1)]} if depth else {}


@pytest.mark.parametrize(
    "condition",
    [
        [],
        nested(40),
        {"and": {}},
        {"or": ["x"]},
        compare("amount", "resembles", number=1),
        {"lhs": {"number": 1}, "op": "eq"},
        {"lhs": 1, "op": "eq", "rhs": 1},
        {"lhs": {"expression": {"op": "+", "args": []}}, "op": "eq", "rhs": {"number": 1}},
    ],
)
def test_what_would_not_be_understood_is_refused(condition: Any) -> None:
    """A rule that the engine cannot evaluate is refused when it is set, not ignored later."""
    with pytest.raises(Invalid):
        check_rule({"condition": condition or [1]})
