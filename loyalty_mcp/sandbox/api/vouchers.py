"""Vouchers: issued, listed, validated, redeemed in two phases, and revoked."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    UUID,
    Amount,
    Body,
    ContactId,
    Flag,
    Meta,
    Moment,
    NoBody,
    NoQuery,
    Offset,
    OwnId,
    Query,
    QueryContactId,
    SmallLimit,
    Sort,
    Text,
    Uuid,
)
from loyalty_mcp.sandbox.errors import Invalid, NotAllowed, NotFound, Rejected
from loyalty_mcp.sandbox.records import members, programs, redemptions, vouchers
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.records.redemptions import Redeeming
from loyalty_mcp.sandbox.records.vouchers import Issued
from loyalty_mcp.sandbox.rules import rewards
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_text
from loyalty_mcp.sandbox.rules.rewards import parse_expiration, parse_moment
from loyalty_mcp.sandbox.store import Unit

A_CENTURY_OF_SECONDS: Final = 3_155_760_000


def _written(parse: Callable[[str], datetime], words: str) -> BeforeValidator:
    def read(value: object) -> datetime:
        try:
            return parse(value if isinstance(value, str) else "")
        except (ValueError, OverflowError):
            raise PydanticCustomError("unfit", "{words}", {"words": words}) from None

    return BeforeValidator(read)


ShortText = Annotated[str, StringConstraints(strict=True, max_length=128)]
Code = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=A_CENTURY_OF_SECONDS)]
WholeNumber = Annotated[int, Field(strict=True, ge=0, lt=10**18)]
_TEXT_SCHEMA: Final = WithJsonSchema({"type": "string"})
WrittenMoment = Annotated[
    datetime, _TEXT_SCHEMA, _written(parse_moment, "must be RFC 3339 or DD/MM/YYYY HH:MM AM/PM")
]
WrittenDay = Annotated[
    datetime,
    _TEXT_SCHEMA,
    _written(
        parse_expiration,
        "must be a day (DD/MM/YYYY, YYYY-MM-DD), RFC 3339 or DD/MM/YYYY HH:MM AM/PM",
    ),
]


class NewVoucher(Body):
    """A voucher to issue."""

    reward_id: Uuid
    contact_id: ContactId | None = None
    loyalty_subscription_id: OwnId | None = None
    code: Code | None = None
    value: Amount | None = None
    expiration_date: WrittenDay | None = None
    valid_from: WrittenMoment | None = None
    meta: Meta | None = None


class VoucherPage(Query):
    """A page of a member's vouchers."""

    contact_id: QueryContactId
    limit: SmallLimit = 25
    offset: Offset = 0
    sort: Sort = "desc"
    sort_field: Literal["updatedAt", "createdAt"] = "updatedAt"
    metadata_key_value: str | None = Field(None, alias="metadata_key_value")
    reward_id: Uuid | None = None


class VoucherChoice(Body):
    """Which voucher is meant: by its id, its code, or a reward and a member."""

    attributed_reward_id: Uuid | None = None
    code: Code | None = None
    contact_id: ContactId | None = None
    loyalty_subscription_id: OwnId | None = None
    reward_id: Uuid | None = None


class VoucherToValidate(VoucherChoice):
    """A voucher that might be redeemed."""

    point_of_sell_id: ShortText | None = None


class OrderIdentifiers(Body):
    """By what the buyer is known."""

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
    """Where the bill goes."""

    address: Text | None = None
    city: ShortText | None = None
    country_code: ShortText | None = None
    payment_method: ShortText | None = None
    phone: WholeNumber | None = None
    post_code: WholeNumber | None = None
    region: ShortText | None = None


class Order(Body):
    """The purchase that a voucher is redeemed for; kept as it is."""

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


class VouchersToRevoke(Query):
    """Vouchers to take away, divided by commas."""

    attributed_reward_ids: str | None = None


def create_voucher(call: Call[NoQuery, NewVoucher]) -> Json:
    """Issue a voucher of a reward to a member."""
    program, new = programs.get_running(call.unit, call.id("pid")), call.body
    if new.value is not None and new.value < 0:
        raise Invalid("value: must be 0 or more", code="out_of_range")
    if new.contact_id is None and new.loyalty_subscription_id is None:
        raise Invalid("contactId or loyaltySubscriptionId: is required", code="missing_parameter")
    item = reward_records.get_in_force(call.unit, program, new.reward_id)
    member = _member(call.unit, program, new.contact_id, new.loyalty_subscription_id)
    try:
        issued = vouchers.issue(
            call.unit,
            program,
            member,
            item,
            code=new.code,
            value=new.value,
            valid_from=new.valid_from,
            expires_at=new.expiration_date,
            meta=new.meta,
        )
    except NotAllowed as refusal:
        vouchers.announce_failure(call.unit, member, item.id, refusal.message)
        raise Rejected(refusal.message, code=refusal.code) from None
    return {
        "code": issued.code,
        "consumedAt": None,
        "contactId": member.contact_id,
        "createdAt": _text(issued.voucher.created_at),
        "expirationDate": _text(issued.voucher.expires_at),
        "id": issued.voucher.id,
        "loyaltyProgramId": program.id,
        "meta": issued.meta,
        "rewardId": item.id,
        "updatedAt": _text(issued.updated_at),
        "value": issued.value,
        "validFrom": _text(issued.voucher.valid_from),
    }


def list_vouchers(call: Call[VoucherPage, NoBody]) -> Json:
    """List the vouchers a contact has or had."""
    program, page = programs.get(call.unit, call.id("pid")), call.query
    member = _member(call.unit, program, page.contact_id, None)
    found, count = vouchers.page(
        call.unit,
        member,
        page.sort_field,
        reward_id=page.reward_id,
        metadata=_metadata(page.metadata_key_value),
        descending=page.sort == "desc",
        limit=page.limit,
        offset=page.offset,
    )
    return {
        "contactId": page.contact_id,
        "contactRewards": [
            {
                "code": issued.code,
                "consumedAt": _text(issued.voucher.consumed_at),
                "createdAt": _text(issued.voucher.created_at),
                "expirationDate": _text(issued.voucher.expires_at),
                "id": issued.voucher.id,
                "meta": issued.meta,
                "rewardId": issued.voucher.reward_id,
                "unit": issued.unit,
                "updatedAt": _text(issued.updated_at),
                "value": issued.value,
                "validFrom": _text(issued.voucher.valid_from),
            }
            for issued in found
        ],
        "count": count,
        "loyaltyProgramId": program.id,
        "loyaltySubscriptionId": member.own_id,
    }


def validate_voucher(call: Call[NoQuery, VoucherToValidate]) -> Json:
    """Say whether a voucher could be redeemed now; changes nothing."""
    program = programs.get(call.unit, call.id("pid"))
    issued = _chosen(call.unit, program, call.body)
    return {"authorize": redemptions.authorized(call.unit, program, issued)}


def redeem_voucher(call: Call[NoQuery, NewRedemption]) -> Json:
    """Open the redemption of a voucher, and complete it at once where asked."""
    program, new = programs.get_running(call.unit, call.id("pid")), call.body
    redeeming = redemptions.open_redemption(
        call.unit,
        program,
        _chosen(call.unit, program, new),
        ttl=new.ttl,
        meta=new.meta,
        purchase=_purchase(new.order),
    )
    if new.auto_complete:
        redeeming = redemptions.complete(call.unit, program, redeeming)
    return shown(call.unit, redeeming)


def complete_redemption(call: Call[NoQuery, NoBody]) -> Json:
    """Finish an open redemption."""
    program = programs.get_running(call.unit, call.id("pid"))
    redeeming = redemptions.get(call.unit, program.id, call.id("tid"))
    return shown(call.unit, redemptions.complete(call.unit, program, redeeming))


def revoke_vouchers(call: Call[VouchersToRevoke, NoBody]) -> None:
    """Take vouchers away from their members: all that are named, or none."""
    program = programs.get(call.unit, call.id("pid"))
    found = []
    for voucher_id in _ids(call.query.attributed_reward_ids):
        issued = vouchers.by_id(call.unit, program.id, voucher_id)
        if issued is None:
            raise NotFound("One of attributedRewardIds is no voucher that a member holds.")
        found.append(issued)
    for issued in found:
        vouchers.revoke(call.unit, issued)
        redemptions.cancel_open(call.unit, program, issued)


def shown(unit: Unit, redeeming: Redeeming) -> Json:
    """Show a redemption as the API does."""
    redemption = redeeming.redemption
    status = rewards.redemption_status(redemption, unit.now)
    ended = stored_to_text(redeeming.resolved_at)
    updated = ended or _text(redemption.expires_at if status == "expired" else None)
    return {
        "cancelledAt": ended if status == "cancelled" else None,
        "completedAt": ended if status == "completed" else None,
        "contactId": members.by_seq(unit, redeeming.member_seq).contact_id,
        "createdAt": _text(redemption.created_at),
        "debitTransactionId": redeeming.debit,
        "expiresAt": _text(redemption.expires_at),
        "id": redemption.id,
        "loyaltyProgramId": redeeming.program_id,
        "meta": redeeming.meta,
        "rejectReason": redeeming.reason if status == "rejected" else None,
        "rejectedAt": ended if status == "rejected" else None,
        "rewardAttributionId": redemption.voucher_id,
        "status": status,
        "updatedAt": updated or _text(redemption.created_at),
    }


def reward_part(unit: Unit, program: Program, member: Member, include_internal: bool) -> list[Json]:
    """Show the vouchers a member can use, now or later."""
    del include_internal
    shown_vouchers = []
    for issued in vouchers.of_member(unit, member):
        voucher = issued.voucher
        if rewards.voucher_state(voucher, unit.now) not in ("usable", "not_yet_valid"):
            continue
        described = vouchers.reward_texts(unit, voucher.reward_id)
        shown_vouchers.append(
            {
                "code": issued.code,
                "contactId": member.contact_id,
                "createdAt": _text(voucher.created_at),
                "expirationDate": _text(voucher.expires_at),
                "id": voucher.id,
                "loyaltyProgramId": program.id,
                "meta": issued.meta,
                "publicDescription": described.public_description,
                "rewardId": voucher.reward_id,
                "rewardName": described.name,
                "unit": issued.unit,
                "updatedAt": _text(issued.updated_at),
                "validFrom": _text(voucher.valid_from),
                "value": issued.value,
            }
        )
    return shown_vouchers


def _chosen(unit: Unit, program: Program, choice: VoucherChoice) -> Issued:
    member = None
    if choice.contact_id is not None or choice.loyalty_subscription_id is not None:
        member = _member(unit, program, choice.contact_id, choice.loyalty_subscription_id)
    found = [
        issued
        for issued in _named(unit, program, choice, member)
        if (member is None or issued.member_seq == member.seq)
        and choice.reward_id in (None, issued.voucher.reward_id)
        and choice.code in (None, issued.code)
    ]
    if not found:
        raise NotFound("There is no such voucher.")
    if len({issued.member_seq for issued in found}) > 1:
        raise Invalid("code: several members hold it; give contactId or loyaltySubscriptionId")
    return _best(unit, found)


def _named(
    unit: Unit, program: Program, choice: VoucherChoice, member: Member | None
) -> Sequence[Issued]:
    if choice.attributed_reward_id is not None:
        issued = vouchers.by_id(unit, program.id, choice.attributed_reward_id)
        return [] if issued is None else [issued]
    if choice.code is not None:
        return vouchers.by_code(unit, program.id, choice.code)
    if choice.reward_id is not None and member is not None:
        return vouchers.of_member(unit, member, choice.reward_id)
    raise Invalid(
        "attributedRewardId or code is required, or rewardId with a member",
        code="missing_parameter",
    )


def _best(unit: Unit, found: Sequence[Issued]) -> Issued:
    """Choose among a member's vouchers: one that can be used, or else the first."""
    usable = [
        issued
        for issued in found
        if rewards.voucher_state(issued.voucher, unit.now, held=redemptions.held(unit, issued))
        == "usable"
    ]
    best = rewards.best_voucher([issued.voucher for issued in usable])
    return next((issued for issued in found if issued.voucher is best), found[0])


def _member(unit: Unit, program: Program, contact_id: int | None, own_id: str | None) -> Member:
    return members.named(
        unit,
        program.id,
        contact_id,
        own_id,
        otherwise=NotFound("The contact is not enrolled in this program."),
    )


def _metadata(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    key, colon, value = text.partition(":")
    if not colon or not key:
        raise Invalid("metadata_key_value: is written key:value")
    return key, value


def _ids(text: str | None) -> list[str]:
    if not text:
        raise Invalid("attributedRewardIds: is required", code="missing_parameter")
    parts = list(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    if not all(UUID.fullmatch(part) for part in parts):
        raise Invalid("attributedRewardIds: is a list of UUIDs, divided by commas")
    return parts


def _purchase(order: Order | None) -> Json | None:
    if order is None:
        return None
    return {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in order.model_dump(by_alias=True, exclude_none=True).items()
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
