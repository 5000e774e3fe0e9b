"""Subscriptions: what is refused before it is sent, and how an account is read."""

import pytest

from loyalty_mcp.brevo.operations.subscriptions import (
    AccountInfo,
    add_subscription_members,
    remove_subscription_members,
)
from loyalty_mcp.brevo.request import delete
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/config/programs/p-1"


def test_contacts_are_detached_by_a_query() -> None:
    """A DELETE has no body, so its ids are joined by commas."""
    assert remove_subscription_members("p-1", (102, 103)) == delete(
        f"{PATH}/subscription-members", Done, {"memberContactIds": "102,103"}
    )


def test_an_owner_cannot_share_with_themselves() -> None:
    """The API would refuse it too, but only after the confirmation."""
    with pytest.raises(ValueError, match="must not name the owner"):
        add_subscription_members("p-1", 101, (101,))


def test_sharing_names_at_least_one_contact() -> None:
    """A request without any contact to attach or detach is never sent."""
    with pytest.raises(ValueError, match="at least one contact"):
        add_subscription_members("p-1", 101, ())
    with pytest.raises(ValueError, match="at least one contact"):
        remove_subscription_members("p-1", ())


def test_an_account_has_lists_under_singular_names() -> None:
    """`tier` and `reward` are lists, and null means an empty list."""
    account = AccountInfo.model_validate(
        {
            "balance": {"balances": [{"balanceDefinitionId": "b-1", "value": 280}]},
            "tier": [{"tierId": "t-1", "tierName": "Bronze"}],
            "reward": None,
        }
    )

    assert account.balance is not None
    assert account.balance.balances[0].value == 280
    assert account.tier[0].tier_name == "Bronze"
    assert account.reward == ()
