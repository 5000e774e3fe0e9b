"""Vouchers: rewards that members have, redeemed in two steps."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from loyalty_mcp.brevo.operation import destructive, moves_value, read
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.brevo.reply_values import DateText, Entries, ReplyMoment
from loyalty_mcp.brevo.request import Request, ask, delete, get, post
from loyalty_mcp.brevo.types import (
    Amount,
    ContactId,
    Count,
    Done,
    Expiry,
    Id,
    Input,
    Instant,
    Meta,
    Number,
    Offset,
    Order,
    ProgramId,
    Reply,
    RewardId,
    ShortLimit,
    SignedAmount,
)

PROGRAMS = "/loyalty/offer/programs"
Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128),
    Field(description="Voucher code"),
]
NewCode = Annotated[Code, Field(description="Code to use; default: one is made")]
VoucherId = Annotated[Id, Field(description="From list_vouchers")]
VoucherIds = Annotated[
    tuple[Id, ...], Field(min_length=1, max_length=100, description="From list_vouchers")
]
RedemptionId = Annotated[Id, Field(description="From redeem_voucher")]
Ttl = Annotated[
    int, Field(ge=0, le=1_000_000_000, description="Seconds until an open redemption lapses")
]
Text = Annotated[str, Field(max_length=256)]


class Voucher(Reply):
    """A newly issued voucher."""

    code: str | None = None
    consumed_at: DateText = None
    contact_id: int | None = None
    created_at: ReplyMoment = None
    expiration_date: ReplyMoment = None
    id: str
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    reward_id: str | None = None
    updated_at: ReplyMoment = None
    value: Number | None = None
    valid_from: ReplyMoment = None


class HeldVoucher(Reply):
    """A voucher in a member's list."""

    code: str | None = None
    consumed_at: DateText = None
    created_at: DateText = None
    expiration_date: DateText = None
    id: str
    meta: Meta | None = None
    reward_id: str | None = None
    unit: str | None = None
    updated_at: DateText = None
    value: Number | None = None
    valid_from: ReplyMoment = None


class Vouchers(Reply):
    """A page of a member's vouchers."""

    contact_id: int | None = None
    contact_rewards: Entries[HeldVoucher] = ()
    count: int | None = None
    loyalty_program_id: str | None = None
    loyalty_subscription_id: str | None = None


class Validation(Reply):
    """Whether a voucher may be redeemed now."""

    authorize: bool | None = None


class Redemption(Reply):
    """A use of a voucher; open until it is completed or expires."""

    cancelled_at: ReplyMoment = None
    completed_at: ReplyMoment = None
    contact_id: int | None = None
    created_at: ReplyMoment = None
    debit_transaction_id: str | None = None
    expires_at: ReplyMoment = None
    id: str
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    reject_reason: str | None = None
    rejected_at: ReplyMoment = None
    reward_attribution_id: str | None = None
    status: str | None = None
    updated_at: ReplyMoment = None


class OrderIdentifiers(Input):
    """The buyer's other ids; the API spells these in snake_case."""

    ext_id: Text | None = Field(default=None, serialization_alias="ext_id")
    loyalty_subscription_id: Text | None = Field(
        default=None, serialization_alias="loyalty_subscription_id"
    )


class OrderProduct(Input):
    """A line of the order."""

    product_id: Text | None = None
    variant_id: Text | None = None
    category: tuple[Text, ...] | None = None
    price: SignedAmount | None = None
    quantity: SignedAmount | None = None


class Billing(Input):
    """A billing address; the API accepts phone and post code as numbers, without leading zeros."""

    address: Text | None = None
    city: Text | None = None
    country_code: Text | None = None
    payment_method: Text | None = None
    phone: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    post_code: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    region: Text | None = None


class PurchaseOrder(Input):
    """The order in which a voucher is used; the API mixes two naming styles in it."""

    id: Text | None = None
    store_id: Text | None = None
    status: Text | None = None
    email: Text | None = None
    contact_id: Count | None = Field(default=None, serialization_alias="contact_id")
    amount: SignedAmount | None = None
    coupons: tuple[Text, ...] | None = None
    identifiers: OrderIdentifiers | None = None
    products: tuple[OrderProduct, ...] | None = None
    billing: Billing | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


ORDER_SCHEMA: Final = {
    "type": "object",
    "description": "The purchase it is used in",
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": "number"},
        "store_id": {"type": "string"},
    },
}
OrderArgument = Annotated[PurchaseOrder, WithJsonSchema(ORDER_SCHEMA)]
"""Published with its main fields only, because it is rarely needed; validated in full."""


def _refuse_unnamed(*, named: bool) -> None:
    """Raise ValueError if no voucher is named."""
    if not named:
        raise ValueError("name the voucher by voucher_id or code, or by reward and member")


@moves_value(
    "Issue a voucher of reward {reward} to member {member} of program {program}.",
    before=get_account_info,
)
def create_voucher(
    program: ProgramId,
    member: ContactId,
    reward: RewardId,
    *,
    code: NewCode | None = None,
    value: Annotated[Amount | None, Field(description="Instead of the reward's value")] = None,
    expiration_date: Annotated[Expiry | None, Field(description="Last day or moment")] = None,
    valid_from: Annotated[Instant | None, Field(description="First day or moment")] = None,
    meta: Meta | None = None,
) -> Request[Voucher]:
    """Give a member a voucher of a reward. Some rewards take points for it."""
    body = {
        "rewardId": reward,
        "contactId": member,
        "code": code,
        "value": value,
        "expirationDate": expiration_date,
        "validFrom": valid_from,
        "meta": meta,
    }
    return post(f"{PROGRAMS}/{program}/rewards/attribute", Voucher, body)


@read
def list_vouchers(
    program: ProgramId,
    member: ContactId,
    *,
    limit: ShortLimit | None = None,
    offset: Offset | None = None,
    sort: Order | None = None,
    sort_field: Annotated[
        Literal["updatedAt", "createdAt"] | None, Field(description="What to sort by")
    ] = None,
    metadata_key_value: Annotated[
        str | None, Field(max_length=256, description="Only with this metadata, key:value")
    ] = None,
    reward: RewardId | None = None,
) -> Request[Vouchers]:
    """List a member's vouchers, used ones included."""
    query = {
        "contactId": member,
        "limit": limit,
        "offset": offset,
        "sort": sort,
        "sortField": sort_field,
        "metadata_key_value": metadata_key_value,
        "rewardId": reward,
    }
    return get(f"{PROGRAMS}/{program}/vouchers", Vouchers, query)


@read
def validate_voucher(
    program: ProgramId,
    *,
    voucher_id: VoucherId | None = None,
    code: Code | None = None,
    member: ContactId | None = None,
    reward: RewardId | None = None,
    point_of_sell_id: Annotated[Text | None, Field(description="Point of sale")] = None,
) -> Request[Validation]:
    """Check whether a voucher can be redeemed now: by voucher_id, code, or reward and member."""
    _refuse_unnamed(named=bool(voucher_id or code or (reward and member)))
    body = {
        "attributedRewardId": voucher_id,
        "code": code,
        "contactId": member,
        "rewardId": reward,
        "pointOfSellId": point_of_sell_id,
    }
    return ask(f"{PROGRAMS}/{program}/rewards/validate", Validation, body)


@moves_value("Redeem a voucher of program {program}.")
def redeem_voucher(
    program: ProgramId,
    *,
    voucher_id: VoucherId | None = None,
    code: Code | None = None,
    member: ContactId | None = None,
    reward: RewardId | None = None,
    ttl: Ttl | None = None,
    auto_complete: Annotated[bool | None, Field(description="Complete at once")] = None,
    meta: Meta | None = None,
    order: OrderArgument | None = None,
) -> Request[Redemption]:
    """Open a redemption, which may debit points. Prefer redeem_for_member."""
    _refuse_unnamed(named=bool(voucher_id or code or (reward and member)))
    body = {
        "attributedRewardId": voucher_id,
        "code": code,
        "contactId": member,
        "rewardId": reward,
        "ttl": ttl,
        "autoComplete": auto_complete,
        "meta": meta,
        "order": order and order.spelled(),
    }
    return post(f"{PROGRAMS}/{program}/rewards/redeem", Redemption, body)


@moves_value("Complete redemption {redemption_id}: the voucher is used up for good.")
def complete_redemption(program: ProgramId, redemption_id: RedemptionId) -> Request[Redemption]:
    """Complete an open redemption: the voucher is used up, linked points are debited."""
    return post(f"{PROGRAMS}/{program}/rewards/redeem/{redemption_id}/complete", Redemption)


@destructive("Revoke {voucher_ids}: whoever holds it loses it for good.")
def revoke_vouchers(
    program: ProgramId,
    voucher_ids: VoucherIds,
) -> Request[Done]:
    """Take vouchers away from their members for good."""
    ids = ",".join(voucher_ids)
    if not ids.strip(","):
        raise ValueError("voucher_ids must name at least one voucher")
    query = {"attributedRewardIds": ids}
    return delete(f"{PROGRAMS}/{program}/rewards/revoke", Done, query)
