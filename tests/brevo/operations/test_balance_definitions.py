"""Balance definitions: this call describes that request."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from loyalty_mcp.brevo.operations.balance_definitions import (
    BalanceDefinition,
    BalanceDefinitions,
    ExpiryDay,
    ExpiryDayOrNone,
    Unit,
    create_balance_definition,
    delete_balance_definition,
    get_balance_definition,
    list_balance_definitions,
    update_balance_definition,
)
from loyalty_mcp.brevo.request import delete, get, post, put
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/balance/programs/p-1/balance-definitions"


def test_definitions_live_on_the_balance_path() -> None:
    """One guide says the config path; every other source says this one."""
    assert list_balance_definitions("p-1", sort_field="created_at", version="active") == get(
        PATH, BalanceDefinitions, {"sortField": "created_at", "version": "active"}
    )
    assert get_balance_definition("p-1", "b-1") == get(f"{PATH}/b-1", BalanceDefinition)
    assert delete_balance_definition("p-1", "b-1") == delete(f"{PATH}/b-1", Done)


def test_a_definition_is_created_with_its_caps_and_expiry() -> None:
    """Every setting has the API's own long name."""
    request = create_balance_definition(
        "p-1",
        "Points",
        "POINTS",
        max_amount=Decimal(1000),
        balance_option_amount_overtaking_strategy="partial",
        balance_availability_duration_value=12,
        balance_availability_duration_unit="month",
    )

    assert request == post(
        PATH,
        BalanceDefinition,
        {
            "name": "Points",
            "unit": "POINTS",
            "maxAmount": Decimal(1000),
            "balanceOptionAmountOvertakingStrategy": "partial",
            "balanceAvailabilityDurationValue": 12,
            "balanceAvailabilityDurationUnit": "month",
        },
    )


def test_a_fixed_day_excludes_a_duration() -> None:
    """A credit lapses after a time or on a day, not both."""
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
    """Anything but two digits, a stroke and two digits of a calendar is refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(ExpiryDay).validate_python(day)


def test_only_an_update_clears_the_day() -> None:
    """The empty text means something to an update alone."""
    assert TypeAdapter(ExpiryDayOrNone).validate_python("") == ""


@pytest.mark.parametrize("unit", ["points", "Points", "€", "BTC"])
def test_a_unit_is_one_of_the_seventeen(unit: str) -> None:
    """The API refuses lower case and free text; so do we, before anything is sent."""
    with pytest.raises(ValidationError):
        TypeAdapter(Unit).validate_python(unit)
