"""Our operations send what the API declares, field by field."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_snake

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.request import Request
from tests.contract.arguments import annotations, calls, fewest
from tests.contract.declared import DECLARED, FREE, sent
from tests.contract.operations import OPERATIONS

every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS.values(), ids=lambda operation: operation.name
)

NOT_SENT = {
    "add_subscription_members": {"loyaltySubscriptionId"},
    "get_account_info": {"loyaltySubscriptionId"},
    "list_transaction_history": {"loyaltySubscriptionId", "sortField"},
    "list_active_balances": {"sortField"},
    "create_transaction": {"LoyaltySubscriptionId"},
    "create_voucher": {"loyaltySubscriptionId"},
    "validate_voucher": {"loyaltySubscriptionId"},
    "redeem_voucher": {"loyaltySubscriptionId"},
}
"""A member is always resolved to the contact id, and a field with one choice needs no argument."""

ALWAYS_SENT = {
    "add_subscription_members": {"contactId"},
    "get_account_info": {"contactId"},
    "create_transaction": {"contactId"},
    "create_voucher": {"contactId"},
    "list_transaction_history": {"limit"},
    "create_tier": {"accessConditions[].balanceDefinitionId", "accessConditions[].minimumValue"},
    "update_tier": {"accessConditions[].balanceDefinitionId", "accessConditions[].minimumValue"},
    "validate_voucher": {"code"},
    "redeem_voucher": {"code"},
    "revoke_vouchers": {"attributedRewardIds"},
}
"""Optional for the API, but without them the request would be incomplete or affect too much."""

ARGUMENT_OF = {
    "contactId": "member",
    "loyaltySubscriptionId": "own_id",
    "memberContactIds[]": "members",
}
PATH_ARGUMENTS = {
    "pid": ("program",),
    "cid": ("member",),
    "bdid": ("balance",),
    "blid": ("limit_id",),
    "gid": ("tier_group",),
    "tid": ("tier", "transaction_id", "redemption_id"),
    "rid": ("reward",),
    "cpid": ("code_pool_id",),
}


def fields(request: Request[Any]) -> Iterator[tuple[str, Any]]:
    """What a request sends, by path."""
    for name, value in {**request.query, **(request.body or {})}.items():
        yield from _fields_of(value, name, name)


def _fields_of(value: Any, path: str, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list | tuple):
        if not value:
            yield f"{path}[]", None
        for item in value:
            yield from _fields_of(item, f"{path}[]", name)
    elif isinstance(value, dict) and name != FREE:
        for key, inner in value.items():
            yield from _fields_of(inner, f"{path}.{key}", key)
    else:
        yield path, value


def test_the_tools_are_the_declared_operations() -> None:
    """The tools are exactly the fifty operations of the API, under their own names."""
    assert set(OPERATIONS) == set(DECLARED)
    assert len(OPERATIONS) == 50


@every_operation
def test_method_and_path_are_the_declared_ones(operation: Operation[..., Any]) -> None:
    """Each path argument is in its declared place."""
    declared, call = DECLARED[operation.name], fewest(operation)
    request = operation(**call)

    def filled(match: re.Match[str]) -> str:
        return str(next(call[name] for name in PATH_ARGUMENTS[match[1]] if name in call))

    assert request.method == declared["method"]
    assert request.path == re.sub(r"\{(\w+)\}", filled, declared["path"])


@every_operation
def test_everything_declared_can_be_sent_and_nothing_else(
    operation: Operation[..., Any],
) -> None:
    """All calls together send exactly the declared fields, in the API's spelling."""
    declared = set(sent(DECLARED[operation.name])) - NOT_SENT.get(operation.name, set())

    seen = {path for call in calls(operation) for path, _ in fields(operation(**call))}

    assert seen == declared


@every_operation
def test_the_fewest_arguments_send_what_is_required(operation: Operation[..., Any]) -> None:
    """A call with the fewest arguments sends the required fields, and no null."""
    operation_declared = DECLARED[operation.name]
    top = {**operation_declared["query"], **(operation_declared["body"] or {})}
    required = {name for name, field in top.items() if field.get("required")}

    request = operation(**fewest(operation))
    names = set(request.query) | set(request.body or {})
    extra = {path.split("[")[0] for path in ALWAYS_SENT.get(operation.name, set())}

    assert names == required | extra
    assert None not in (*request.query.values(), *(request.body or {}).values())


@every_operation
def test_a_choice_offers_exactly_the_declared_words(operation: Operation[..., Any]) -> None:
    """Choices are exactly the declared values."""
    declared = {
        path: set(field["enum"])
        for path, field in sent(DECLARED[operation.name]).items()
        if "enum" in field and path not in NOT_SENT.get(operation.name, set())
    }
    offered: dict[str, set[Any]] = {path: set() for path in declared}
    for call in calls(operation):
        for path, value in fields(operation(**call)):
            if path in offered:
                offered[path].add(value)

    assert offered == declared


@every_operation
def test_declared_bounds_are_kept(operation: Operation[..., Any]) -> None:
    """A value at a declared bound is accepted, one beyond it is refused before it is sent."""
    arguments = annotations(operation)
    for path, field in sent(DECLARED[operation.name]).items():
        if path in NOT_SENT.get(operation.name, set()):
            continue
        name = ARGUMENT_OF.get(path, to_snake(path))
        for good, bad in _at_bounds(field):
            if name == "member" and name not in arguments:
                name = "contact"
            adapter = TypeAdapter[Any](arguments[name])
            many = path.endswith("[]")
            adapter.validate_python((good,) if many else good)
            with pytest.raises(ValidationError):
                adapter.validate_python((bad,) if many else bad)


def _at_bounds(field: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    if "minimum" in field:
        yield field["minimum"], field["minimum"] - 1
    if "exclusiveMinimum" in field:
        yield field["exclusiveMinimum"] + 1, field["exclusiveMinimum"]
    if "maximum" in field:
        yield field["maximum"], field["maximum"] + 1
    if "maxLength" in field:
        yield "x" * field["maxLength"], "x" * (field["maxLength"] + 1)


@every_operation
def test_types_on_the_wire_are_the_declared_ones(operation: Operation[..., Any]) -> None:
    """Numbers are sent as numbers, text as text, in every field."""
    kinds: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float, Decimal),
        "boolean": (bool,),
        "object": (dict,),
    }
    declared = sent(DECLARED[operation.name])
    for call in calls(operation):
        for path, value in fields(operation(**call)):
            kind = declared[path]["type"]
            if kind == "string":
                assert json.loads(json.dumps(value, default=lambda moment: moment.isoformat()))
                assert not isinstance(value, int | float | Decimal | dict)
            else:
                assert isinstance(value, kinds[kind])


@every_operation
def test_risk_is_at_least_what_the_api_declares(operation: Operation[..., Any]) -> None:
    """Reads are declared as reads; operations that delete or move value are declared as such."""
    declared = DECLARED[operation.name]

    assert (operation.risk == "read") == (not declared["mutates"])
    assert (operation.risk == "destructive") == declared["destructive"]
    if declared["moves_value"]:
        assert operation.risk in {"moves_value", "destructive"}


@every_operation
def test_only_what_changes_nothing_may_be_sent_again(operation: Operation[..., Any]) -> None:
    """A request is marked as a read exactly if the API changes nothing."""
    request = operation(**fewest(operation))

    assert request.reads is not DECLARED[operation.name]["mutates"]
