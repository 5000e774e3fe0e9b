"""Balance limits: this call describes that request."""

from loyalty_mcp.brevo.operations.limits import (
    BalanceLimit,
    create_balance_limit,
    delete_balance_limit,
    get_balance_limit,
    update_balance_limit,
)
from loyalty_mcp.brevo.request import delete, get, post, put
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/balance/programs/p-1/balance-definitions/b-1/limits"
BODY = {
    "constraintType": "amount",
    "transactionType": "credit",
    "durationValue": 1,
    "durationUnit": "day",
    "value": 500,
    "slidingSchedule": False,
}


def test_a_limit_is_created_under_its_balance() -> None:
    """A window that does not slide is said as false, not left out."""
    assert create_balance_limit(
        "p-1",
        "b-1",
        constraint_type="amount",
        transaction_type="credit",
        duration_value=1,
        duration_unit="day",
        value=500,
        sliding_schedule=False,
    ) == post(PATH, BalanceLimit, BODY)


def test_a_limit_is_replaced_as_a_whole() -> None:
    """An update sends what a creation sends, to the limit's own path."""
    assert update_balance_limit(
        "p-1",
        "b-1",
        "l-1",
        constraint_type="amount",
        transaction_type="credit",
        duration_value=1,
        duration_unit="day",
        value=500,
        sliding_schedule=False,
    ) == put(f"{PATH}/l-1", BalanceLimit, BODY)


def test_a_limit_is_read_and_deleted_by_its_id() -> None:
    """There is no list of limits, only this."""
    assert get_balance_limit("p-1", "b-1", "l-1", "active") == get(
        f"{PATH}/l-1", BalanceLimit, {"version": "active"}
    )
    assert delete_balance_limit("p-1", "b-1", "l-1") == delete(f"{PATH}/l-1", Done)


def test_a_limit_per_hour_can_be_read() -> None:
    """The app can set an hour although the API takes none."""
    limit = BalanceLimit.model_validate({"id": "l-1", "durationUnit": "hour", "value": 2.5})

    assert limit.duration_unit == "hour"
