"""Balances: this call describes that request."""

from loyalty_mcp.brevo.operations.balances import (
    ActiveBalances,
    ContactBalances,
    SubscriptionBalance,
    SubscriptionBalances,
    create_subscription_balance,
    get_subscription_balances,
    list_active_balances,
    list_contact_balances,
)
from loyalty_mcp.brevo.request import get, post

PATH = "/loyalty/balance/programs/p-1"


def test_the_holders_of_a_balance_are_listed_by_its_id() -> None:
    """The balance is a parameter of the query here, not a part of the path."""
    assert list_contact_balances("p-1", "b-1", limit=10, sort_field="value", sort="desc") == get(
        f"{PATH}/contact-balances",
        ContactBalances,
        {"balanceDefinitionId": "b-1", "limit": 10, "sort": "desc", "sortField": "value"},
    )


def test_a_members_totals_are_read_by_contact_id() -> None:
    """The contact id stands in the path."""
    assert get_subscription_balances("p-1", 101) == get(
        f"{PATH}/subscriptions/101/balances", SubscriptionBalances
    )


def test_a_balance_is_opened_for_a_member() -> None:
    """Only the balance is sent; the amount is not ours to say."""
    assert create_subscription_balance("p-1", 101, "b-1") == post(
        f"{PATH}/subscriptions/101/balances", SubscriptionBalance, {"balanceDefinitionId": "b-1"}
    )


def test_lots_are_listed_by_member_and_balance() -> None:
    """Both are parameters of the query."""
    assert list_active_balances("p-1", 101, "b-1", offset=0, include_internal=False) == get(
        f"{PATH}/active-balance",
        ActiveBalances,
        {
            "contactId": 101,
            "balanceDefinitionId": "b-1",
            "offset": 0,
            "includeInternal": False,
        },
    )
