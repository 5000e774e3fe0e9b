"""Endpoints for redemptions: validate a voucher, and redeem it in two phases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Amount,
    Body,
    ContactId,
    Flag,
    Meta,
    Moment,
    NoBody,
    NoQuery,
    OwnId,
    ShortText,
    Text,
    Uuid,
    VoucherCode,
)
from loyalty_mcp.sandbox.api.vouchers import enrolled_member
from loyalty_mcp.sandbox.errors import Invalid, NotFound
from loyalty_mcp.sandbox.records import members, programs, redemptions, vouchers
from loyalty_mcp.sandbox.records.redemptions import StoredRedemption
from loyalty_mcp.sandbox.records.vouchers import IssuedVoucher
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import optional_to_text, stored_to_text, to_text
from loyalty_mcp.sandbox.rules.redemptions import redemption_status
from loyalty_mcp.sandbox.rules.vouchers import best_voucher, voucher_state
from loyalty_mcp.sandbox.store import UnitOfWork

A_CENTURY_OF_SECONDS: Final = 3_155_760_000
Seconds = Annotated[int, Field(strict=True, ge=0, le=A_CENTURY_OF_SECONDS)]
WholeNumber = Annotated[int, Field(strict=True, ge=0, lt=10**18)]


class VoucherChoice(Body):
    """Identifies a voucher by its id, its code, or a reward and a member."""

    attributed_reward_id: Uuid | None = None
    code: VoucherCode | None = None
    contact_id: ContactId | None = None
    loyalty_subscription_id: OwnId | None = None
    reward_id: Uuid | None = None


class VoucherToValidate(VoucherChoice):
    """A voucher to validate."""

    point_of_sell_id: ShortText | None = None


class OrderIdentifiers(Body):
    """Identifiers of the buyer."""

    ext_id: ShortText | None = Field(None, alias="ext_id")
    loyalty_subscription_id: ShortText | None = Field(None, alias="loyalty_subscription_id")


class OrderProduct(Body):
    """A product that was bought."""

    product_id: ShortText | None = None
    variant_id: ShortText | None = None
    category: Annotated[list[ShortText], Field(max_length=100)] | None = None
    price: Amount | None = None
    quantity: Amount | None = None


class OrderBilling(Body):
    """Billing address and payment."""

    address: Text | None = None
    city: ShortText | None = None
    country_code: ShortText | None = None
    payment_method: ShortText | None = None
    phone: WholeNumber | None = None
    post_code: WholeNumber | None = None
    region: ShortText | None = None


class Order(Body):
    """The purchase that a voucher is redeemed for; stored as sent."""

    id: ShortText | None = None
    store_id: ShortText | None = None
    status: ShortText | None = None
    email: Text | None = None
    contact_id: ContactId | None = Field(None, alias="contact_id")
    amount: Amount | None = None
    coupons: Annotated[list[ShortText], Field(max_length=100)] | None = None
    identifiers: OrderIdentifiers | None = None
    products: Annotated[list[OrderProduct], Field(max_length=1000)] | None = None
    billing: OrderBilling | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


class NewRedemption(VoucherChoice):
    """A voucher to redeem."""

    ttl: Seconds | None = None
    auto_complete: Flag | None = None
    meta: Meta | None = None
    order: Order | None = None


def validate_voucher(call: Call[NoQuery, VoucherToValidate]) -> Json:
    """Return whether a voucher could be redeemed now, without changing anything."""
    program = programs.load_program(call.unit, call.id("pid"))
    issued = _chosen_voucher(call.unit, program, call.body)
    return {"authorize": redemptions.is_redeemable(call.unit, program, issued)}


def redeem_voucher(call: Call[NoQuery, NewRedemption]) -> Json:
    """Open the redemption of a voucher, and complete it if `autoComplete` is set."""
    program, new = programs.load_running_program(call.unit, call.id("pid")), call.body
    redeeming = redemptions.open_redemption(
        call.unit,
        program,
        _chosen_voucher(call.unit, program, new),
        ttl=new.ttl,
        meta=new.meta,
        purchase=_purchase(new.order),
    )
    if new.auto_complete:
        redeeming = redemptions.finish_redemption(call.unit, program, redeeming)
    return redemption_reply(call.unit, redeeming)


def complete_redemption(call: Call[NoQuery, NoBody]) -> Json:
    """Complete an open redemption."""
    program = programs.load_running_program(call.unit, call.id("pid"))
    redeeming = redemptions.load_redemption(call.unit, program.id, call.id("tid"))
    return redemption_reply(call.unit, redemptions.finish_redemption(call.unit, program, redeeming))


def redemption_reply(unit: UnitOfWork, redeeming: StoredRedemption) -> Json:
    """Return a redemption as the API shows it."""
    redemption = redeeming.redemption
    status = redemption_status(redemption, unit.now)
    ended = stored_to_text(redeeming.resolved_at)
    updated = ended or optional_to_text(redemption.expires_at if status == "expired" else None)
    return {
        "cancelledAt": ended if status == "cancelled" else None,
        "completedAt": ended if status == "completed" else None,
        "contactId": members.member_by_seq(unit, redeeming.member_seq).contact_id,
        "createdAt": optional_to_text(redemption.created_at),
        "debitTransactionId": redeeming.debit,
        "expiresAt": optional_to_text(redemption.expires_at),
        "id": redemption.id,
        "loyaltyProgramId": redeeming.program_id,
        "meta": redeeming.meta,
        "rejectReason": redeeming.reason if status == "rejected" else None,
        "rejectedAt": ended if status == "rejected" else None,
        "rewardAttributionId": redemption.voucher_id,
        "status": status,
        "updatedAt": updated or optional_to_text(redemption.created_at),
    }


def _chosen_voucher(unit: UnitOfWork, program: Program, choice: VoucherChoice) -> IssuedVoucher:
    member = None
    if choice.contact_id is not None or choice.loyalty_subscription_id is not None:
        member = enrolled_member(unit, program, choice.contact_id, choice.loyalty_subscription_id)
    found = [
        issued
        for issued in _named_vouchers(unit, program, choice, member)
        if (member is None or issued.member_seq == member.seq)
        and choice.reward_id in (None, issued.voucher.reward_id)
        and choice.code in (None, issued.code)
    ]
    if not found:
        raise NotFound("There is no such voucher.")
    if len({issued.member_seq for issued in found}) > 1:
        raise Invalid("code: several members have it; also give contactId or loyaltySubscriptionId")
    return _best_of(unit, found)


def _named_vouchers(
    unit: UnitOfWork, program: Program, choice: VoucherChoice, member: Member | None
) -> Sequence[IssuedVoucher]:
    if choice.attributed_reward_id is not None:
        issued = vouchers.voucher_by_id(unit, program.id, choice.attributed_reward_id)
        return [] if issued is None else [issued]
    if choice.code is not None:
        return vouchers.vouchers_by_code(unit, program.id, choice.code)
    if choice.reward_id is not None and member is not None:
        return vouchers.vouchers_of_member(unit, member, choice.reward_id)
    raise Invalid(
        "attributedRewardId or code is required, or rewardId with a member",
        code="missing_parameter",
    )


def _best_of(unit: UnitOfWork, found: Sequence[IssuedVoucher]) -> IssuedVoucher:
    """Return the usable voucher that expires first, or else the first voucher."""
    usable = [
        issued
        for issued in found
        if voucher_state(issued.voucher, unit.now, held=redemptions.voucher_is_held(unit, issued))
        == "usable"
    ]
    best = best_voucher([issued.voucher for issued in usable])
    return next((issued for issued in found if issued.voucher is best), found[0])


def _purchase(order: Order | None) -> Json | None:
    if order is None:
        return None
    return {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in order.model_dump(by_alias=True, exclude_none=True).items()
    }
