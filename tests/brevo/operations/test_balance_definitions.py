"""Balance definitions: what is refused before it is sent."""

import pytest
from pydantic import TypeAdapter, ValidationError

from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    ExpiryDay,
    ExpiryDayOrNone,
    Unit,
    create_balance_definition,
    update_balance_definition,
)
from loyalty_mcp.brevo.request import put

PATH = "/loyalty/balance/programs/p-1/balance-definitions"


def test_a_fixed_day_excludes_a_duration() -> None:
    """A credit expires after a duration or on a day, not both."""
    with pytest.raises(ValueError, match="exclude each other"):
        create_balance_definition(
            "p-1",
            "Points",
            "POINTS",
            balance_expiration_date="31/12",
            balance_availability_duration_unit="year",
        )
    with pytest.raises(ValueError, match="exclude each other"):
        update_balance_definition(
            "p-1",
            "b-1",
            "Points",
            "POINTS",
            balance_expiration_date="31/12",
            balance_availability_duration_value=1,
        )


def test_an_update_may_turn_a_fixed_day_into_a_duration() -> None:
    """The empty text clears the day, so a duration may be set with it."""
    request = update_balance_definition(
        "p-1",
        "b-1",
        "Points",
        "POINTS",
        balance_expiration_date="",
        balance_availability_duration_value=1,
        balance_availability_duration_unit="year",
    )

    assert request == put(
        f"{PATH}/b-1",
        BalanceDefinition,
        {
            "name": "Points",
            "unit": "POINTS",
            "balanceExpirationDate": "",
            "balanceAvailabilityDurationValue": 1,
            "balanceAvailabilityDurationUnit": "year",
        },
    )


@pytest.mark.parametrize("day", ["2026-12-31", "31-12", "32/01", "01/13", "1/1", "31/12\n", ""])
def test_a_fixed_day_is_dd_mm(day: str) -> None:
    """Only two digits, a slash and two digits that are a calendar day are accepted."""
    with pytest.raises(ValidationError):
        TypeAdapter(ExpiryDay).validate_python(day)


def test_only_an_update_clears_the_day() -> None:
    """The empty text has a meaning only in an update."""
    assert TypeAdapter(ExpiryDayOrNone).validate_python("") == ""


@pytest.mark.parametrize("unit", ["points", "Points", "€", "BTC"])
def test_a_unit_is_one_of_the_seventeen(unit: str) -> None:
    """The API refuses lower case and free text, so they are refused before anything is sent."""
    with pytest.raises(ValidationError):
        TypeAdapter(Unit).validate_python(unit)
