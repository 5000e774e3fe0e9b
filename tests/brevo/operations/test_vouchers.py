"""Vouchers: how an order is written, and what is refused before it is sent."""

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
    redeem_voucher,
    revoke_vouchers,
    validate_voucher,
)
from loyalty_mcp.brevo.request import delete, post
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/offer/programs/p-1"


def test_an_order_is_spelled_as_the_api_mixes_it() -> None:
    """Three of its fields stay in snake_case, the others do not."""
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
    """Arguments are in snake_case; an unknown field is not dropped."""
    with pytest.raises(ValidationError):
        PurchaseOrder.model_validate({"storeId": "s-1"})


@pytest.mark.parametrize("named", [{}, {"member": 101}, {"reward": "r-1"}])
def test_a_voucher_must_be_named(named: dict[str, Any]) -> None:
    """A member alone, or a reward alone, does not identify a voucher."""
    with pytest.raises(ValueError, match="name the voucher"):
        validate_voucher("p-1", **named)
    with pytest.raises(ValueError, match="name the voucher"):
        redeem_voucher("p-1", **named)


def test_vouchers_are_revoked_by_a_query() -> None:
    """Their ids are joined by commas."""
    assert revoke_vouchers("p-1", ("v-1", "v-2")) == delete(
        f"{PATH}/rewards/revoke", Done, {"attributedRewardIds": "v-1,v-2"}
    )


@pytest.mark.parametrize("ids", [(), ("",), ("", "")])
def test_nothing_is_revoked_without_ids(ids: tuple[str, ...]) -> None:
    """The API does not document what it would revoke then, so it is never called."""
    with pytest.raises(ValueError, match="at least one voucher"):
        revoke_vouchers("p-1", ids)
