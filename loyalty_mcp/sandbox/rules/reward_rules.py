"""Reward rules: whether a completed movement matches the condition of a reward."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.sandbox.errors import Invalid

Json = Mapping[str, Any]

EVENTS: Final = frozenset({"balance_value_updated", "transaction_completed"})
"""The event names for a completed movement."""

_DEEPEST: Final = 20
_LITERALS: Final = ("number", "string", "boolean", "date", "array", "float", "int")


def _is_in(left: Any, right: Any) -> bool:
    return left in right if isinstance(right, list) else False


def _contains(left: Any, right: Any) -> bool:
    return right in left if isinstance(left, list) else str(right) in str(left)


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "in": _is_in,
    "contains": _contains,
}
_SPELLINGS: Final = {
    "=": "eq",
    "==": "eq",
    "equals": "eq",
    "!=": "ne",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
}


def rule_matches(rule: Json, event: Json, contact: Json) -> bool:
    """Whether a completed movement matches a rule.

    Args:
        rule: The `rule` of a reward, validated by `check_rule`.
        event: The properties of the movement: `amount`, `balance`, `transactionType`,
            `balanceDefinitionId` and the keys of the movement's `meta`.
        contact: The contact's attributes.
    """
    waits_for = (rule.get("event") or {}).get("name")
    if waits_for is not None and waits_for not in EVENTS:
        return False
    return _condition_holds(rule.get("condition") or {}, event, contact)


def check_rule(rule: Json) -> None:
    """Refuse a rule that the engine cannot evaluate.

    Raises:
        Invalid: A condition is nested too deeply, compares with an unknown operator, or has an
            operand that is computed.
    """
    _check_condition(rule.get("condition") or {}, _DEEPEST)


def _check_condition(condition: Any, depth: int) -> None:
    if depth == 0 or not isinstance(condition, Mapping):
        raise Invalid("rule: a condition must be an object, nested at most 20 deep")
    for key in ("and", "or"):
        inner = condition.get(key)
        if inner is None:
            continue
        if not isinstance(inner, list):
            raise Invalid(f"rule: {key} must be a list of conditions")
        for each in inner:
            _check_condition(each, depth - 1)
    if "op" in condition:
        _check_comparison(condition)


def _check_comparison(condition: Json) -> None:
    operator = condition["op"]
    if not isinstance(operator, str) or _SPELLINGS.get(operator, operator) not in _COMPARISONS:
        raise Invalid(f"rule: op must be one of {', '.join([*_COMPARISONS, *_SPELLINGS])}")
    for side in ("lhs", "rhs"):
        operand = condition.get(side)
        if not isinstance(operand, Mapping):
            raise Invalid(f"rule: {side} must be an object with a value or a property")
        expression = operand.get("expression")
        if expression is not None and (
            not isinstance(expression, Mapping) or "op" in expression or "args" in expression
        ):
            raise Invalid("rule: computed expressions are not evaluated by the sandbox")


def _condition_holds(condition: Json, event: Json, contact: Json) -> bool:
    every = condition.get("and") or []
    some = condition.get("or") or []
    if not all(_condition_holds(each, event, contact) for each in every):
        return False
    if some and not any(_condition_holds(each, event, contact) for each in some):
        return False
    if "op" not in condition:
        return True
    left = _operand_value(condition["lhs"], event, contact)
    right = _operand_value(condition["rhs"], event, contact)
    operator = str(condition["op"])
    operator = _SPELLINGS.get(operator, operator)
    if isinstance(left, bool) != isinstance(right, bool) and operator in ("eq", "ne"):
        # 1 == True in Python, but not in a rule.
        return operator == "ne"
    try:
        return _COMPARISONS[operator](left, right)
    except TypeError:  # a text cannot be compared with a number
        return False


def _operand_value(operand: Json, event: Json, contact: Json) -> Any:
    if operand.get("eventProperty") is not None:
        return _plain(event.get(str(operand["eventProperty"])))
    if operand.get("contactProperty") is not None:
        return _plain(contact.get(str(operand["contactProperty"])))
    holder = operand.get("expression") or operand
    return next(
        (_plain(holder[key]) for key in _LITERALS if holder.get(key) is not None),
        None,
    )


def _plain(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
