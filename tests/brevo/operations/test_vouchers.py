"""Vouchers: this call describes that request."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from loyalty_mcp.brevo.operations.vouchers import (
    Billing,
    OrderIdentifiers,
    OrderProduct,
    PurchaseOrder,
    Redemption,
    Validation,
    Voucher,
    Vouchers,
    complete_redemption,
    create_voucher,
    list_vouchers,
    redeem_voucher,
    revoke_vouchers,
    validate_voucher,
)
from loyalty_mcp.brevo.request import ask, delete, get, post
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/offer/programs/p-1"


def test_a_voucher_is_issued_of_a_reward_to_a_member() -> None:
    """The member is always sent by contact id."""
    start = datetime(2026, 5, 1, tzinfo=UTC)

    assert create_voucher("p-1", 101, "r-1", value=Decimal(10), valid_from=start) == post(
        f"{PATH}/rewards/attribute",
        Voucher,
        {"rewardId": "r-1", "contactId": 101, "value": Decimal(10), "validFrom": start},
    )


def test_vouchers_are_listed_with_the_apis_two_spellings() -> None:
    """One parameter is snake_case among camelCase ones."""
    assert list_vouchers("p-1", 101, metadata_key_value="a:b", reward="r-1") == get(
        f"{PATH}/vouchers",
        Vouchers,
        {"contactId": 101, "metadata_key_value": "a:b", "rewardId": "r-1"},
    )


def test_validating_is_a_read_although_it_is_a_post() -> None:
    """It changes nothing, so it may be sent again."""
    request = validate_voucher("p-1", voucher_id="v-1", point_of_sell_id="shop")

    assert request == ask(
        f"{PATH}/rewards/validate",
        Validation,
        {"attributedRewardId": "v-1", "pointOfSellId": "shop"},
    )
    assert request.reads


def test_an_order_is_spelled_as_the_api_mixes_it() -> None:
    """Three of its names stay in snake_case, the rest do not."""
    order = PurchaseOrder(
        id="o-1",
        store_id="s-1",
        contact_id=101,
        amount=Decimal("19.90"),
        identifiers=OrderIdentifiers(ext_id="e-1", loyalty_subscription_id="CARD-7"),
        products=(OrderProduct(product_id="x", quantity=Decimal(2)),),
        billing=Billing(country_code="FR", post_code=75001),
    )

    request = redeem_voucher("p-1", code="C-1", ttl=0, order=order)

    assert request == post(
        f"{PATH}/rewards/redeem",
        Redemption,
        {
            "code": "C-1",
            "ttl": 0,
            "order": {
                "id": "o-1",
                "storeId": "s-1",
                "contact_id": 101,
                "amount": 19.9,
                "identifiers": {"ext_id": "e-1", "loyalty_subscription_id": "CARD-7"},
                "products": ({"productId": "x", "quantity": 2},),
                "billing": {"countryCode": "FR", "postCode": 75001},
            },
        },
    )


def test_an_order_refuses_the_apis_spelling() -> None:
    """The assistant speaks snake_case; a field that is not understood is not dropped."""
    with pytest.raises(ValidationError):
        PurchaseOrder.model_validate({"storeId": "s-1"})


@pytest.mark.parametrize("named", [{}, {"member": 101}, {"reward": "r-1"}])
def test_a_voucher_must_be_named(named: dict[str, Any]) -> None:
    """A member alone, or a reward alone, does not say which voucher."""
    with pytest.raises(ValueError, match="name the voucher"):
        validate_voucher("p-1", **named)
    with pytest.raises(ValueError, match="name the voucher"):
        redeem_voucher("p-1", **named)


def test_reward_and_member_together_name_a_voucher() -> None:
    """The API takes the pair in place of a code."""
    assert redeem_voucher("p-1", member=101, reward="r-1").body == {
        "contactId": 101,
        "rewardId": "r-1",
    }


def test_a_redemption_is_completed_without_a_body() -> None:
    """The redemption is named in the path."""
    assert complete_redemption("p-1", "x-1") == post(
        f"{PATH}/rewards/redeem/x-1/complete", Redemption
    )


def test_vouchers_are_revoked_by_a_query() -> None:
    """Their ids are joined by commas."""
    assert revoke_vouchers("p-1", ("v-1", "v-2")) == delete(
        f"{PATH}/rewards/revoke", Done, {"attributedRewardIds": "v-1,v-2"}
    )


@pytest.mark.parametrize("ids", [(), ("",), ("", "")])
def test_nothing_is_revoked_without_ids(ids: tuple[str, ...]) -> None:
    """Nobody says what the API would revoke then, so it is never asked."""
    with pytest.raises(ValueError, match="at least one voucher"):
        revoke_vouchers("p-1", ids)
