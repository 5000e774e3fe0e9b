"""Subscriptions: this call describes that request."""

from datetime import UTC, datetime

import pytest

from loyalty_mcp.brevo.operations.subscriptions import (
    AccountInfo,
    SharedSubscription,
    Subscription,
    add_subscription_members,
    create_subscription,
    delete_subscription,
    get_account_info,
    remove_subscription_members,
)
from loyalty_mcp.brevo.request import delete, get, post
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/config/programs/p-1"


def test_enrolment_sends_the_own_id_under_the_apis_name() -> None:
    """A member's own id is the API's loyaltySubscriptionId."""
    joined = datetime(2025, 1, 2, tzinfo=UTC)

    assert create_subscription("p-1", 101, own_id="CARD-7", creation_date=joined) == post(
        f"{PATH}/subscriptions",
        Subscription,
        {"contactId": 101, "loyaltySubscriptionId": "CARD-7", "creationDate": joined},
    )


def test_a_membership_ends_under_the_singular_path() -> None:
    """The API says `contact` here, not `contacts`."""
    assert delete_subscription("p-1", 101) == delete(f"{PATH}/contact/101", Done)


def test_further_contacts_are_attached_to_their_owner() -> None:
    """The owner is the member, the rest share the membership."""
    assert add_subscription_members("p-1", 101, (102, 103)) == post(
        f"{PATH}/subscription-members",
        SharedSubscription,
        {"contactId": 101, "memberContactIds": [102, 103]},
    )


def test_contacts_are_detached_by_a_query() -> None:
    """A DELETE has no body, so its ids are joined by commas."""
    assert remove_subscription_members("p-1", (102, 103)) == delete(
        f"{PATH}/subscription-members", Done, {"memberContactIds": "102,103"}
    )


def test_the_account_is_asked_for_by_the_contact_id_as_text() -> None:
    """The API declares text for a number here."""
    assert get_account_info("p-1", 101, include_internal=True) == get(
        f"{PATH}/account-info", AccountInfo, {"contactId": "101", "includeInternal": True}
    )


def test_an_owner_cannot_share_with_themselves() -> None:
    """The API would refuse it too, after it was confirmed."""
    with pytest.raises(ValueError, match="must not name the owner"):
        add_subscription_members("p-1", 101, (101,))


def test_sharing_names_at_least_one_contact() -> None:
    """Nobody to attach or to detach is a mistake, and no request is made of it."""
    with pytest.raises(ValueError, match="at least one contact"):
        add_subscription_members("p-1", 101, ())
    with pytest.raises(ValueError, match="at least one contact"):
        remove_subscription_members("p-1", ())


def test_an_account_has_lists_under_singular_names() -> None:
    """`tier` and `reward` are lists; null means that there is nothing."""
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
