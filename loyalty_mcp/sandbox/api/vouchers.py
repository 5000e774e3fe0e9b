"""Endpoints for vouchers: issue, list and revoke."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    UUID,
    Amount,
    Body,
    ContactId,
    Meta,
    NoBody,
    NoQuery,
    Offset,
    OwnId,
    Query,
    QueryContactId,
    SmallLimit,
    Sort,
    Uuid,
    VoucherCode,
)
from loyalty_mcp.sandbox.errors import Invalid, NotAllowed, NotFound, Rejected
from loyalty_mcp.sandbox.records import members, programs, redemptions, vouchers
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.records.voucher_issue import announce_failed_issue, issue_voucher
from loyalty_mcp.sandbox.records.vouchers import reward_texts
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import optional_to_text
from loyalty_mcp.sandbox.rules.voucher_dates import parse_voucher_expiration, parse_voucher_moment
from loyalty_mcp.sandbox.rules.vouchers import voucher_state
from loyalty_mcp.sandbox.store import UnitOfWork


def _written(parse: Callable[[str], datetime], words: str) -> BeforeValidator:
    def read(value: object) -> datetime:
        try:
            return parse(value if isinstance(value, str) else "")
        except (ValueError, OverflowError):
            raise PydanticCustomError("unfit", "{words}", {"words": words}) from None

    return BeforeValidator(read)


_TEXT_SCHEMA: Final = WithJsonSchema({"type": "string"})
WrittenMoment = Annotated[
    datetime,
    _TEXT_SCHEMA,
    _written(parse_voucher_moment, "must be RFC 3339 or DD/MM/YYYY HH:MM AM/PM"),
]
WrittenDay = Annotated[
    datetime,
    _TEXT_SCHEMA,
    _written(
        parse_voucher_expiration,
        "must be a day (DD/MM/YYYY, YYYY-MM-DD), RFC 3339 or DD/MM/YYYY HH:MM AM/PM",
    ),
]


class NewVoucher(Body):
    """A voucher to issue."""

    reward_id: Uuid
    contact_id: ContactId | None = None
    loyalty_subscription_id: OwnId | None = None
    code: VoucherCode | None = None
    value: Amount | None = None
    expiration_date: WrittenDay | None = None
    valid_from: WrittenMoment | None = None
    meta: Meta | None = None


class VoucherPage(Query):
    """Query for a page of a member's vouchers."""

    contact_id: QueryContactId
    limit: SmallLimit = 25
    offset: Offset = 0
    sort: Sort = "desc"
    sort_field: Literal["updatedAt", "createdAt"] = "updatedAt"
    metadata_key_value: str | None = Field(None, alias="metadata_key_value")
    reward_id: Uuid | None = None


class VouchersToRevoke(Query):
    """Vouchers to revoke, separated by commas."""

    attributed_reward_ids: str | None = None


def create_voucher(call: Call[NoQuery, NewVoucher]) -> Json:
    """Issue a voucher of a reward to a member."""
    program, new = programs.load_running_program(call.unit, call.id("pid")), call.body
    if new.value is not None and new.value < 0:
        raise Invalid("value: must be 0 or more", code="out_of_range")
    if new.contact_id is None and new.loyalty_subscription_id is None:
        raise Invalid("contactId or loyaltySubscriptionId: is required", code="missing_parameter")
    item = reward_records.reward_in_force(call.unit, program, new.reward_id)
    member = enrolled_member(call.unit, program, new.contact_id, new.loyalty_subscription_id)
    try:
        issued = issue_voucher(
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
        announce_failed_issue(call.unit, member, item.id, refusal.message)
        raise Rejected(refusal.message, code=refusal.code) from None
    return {
        "code": issued.code,
        "consumedAt": None,
        "contactId": member.contact_id,
        "createdAt": optional_to_text(issued.voucher.created_at),
        "expirationDate": optional_to_text(issued.voucher.expires_at),
        "id": issued.voucher.id,
        "loyaltyProgramId": program.id,
        "meta": issued.meta,
        "rewardId": item.id,
        "updatedAt": optional_to_text(issued.updated_at),
        "value": issued.value,
        "validFrom": optional_to_text(issued.voucher.valid_from),
    }


def list_vouchers(call: Call[VoucherPage, NoBody]) -> Json:
    """List a member's vouchers, consumed and expired ones included."""
    program, page = programs.load_program(call.unit, call.id("pid")), call.query
    member = enrolled_member(call.unit, program, page.contact_id, None)
    ignored = call.unit.settings.filters_ignored
    found, count = vouchers.page_of_vouchers(
        call.unit,
        member,
        page.sort_field,
        reward_id=None if ignored else page.reward_id,
        metadata=None if ignored else _metadata_filter(page.metadata_key_value),
        descending=page.sort == "desc",
        limit=page.limit,
        offset=page.offset,
    )
    return {
        "contactId": page.contact_id,
        "contactRewards": [
            {
                "code": issued.code,
                "consumedAt": optional_to_text(issued.voucher.consumed_at),
                "createdAt": optional_to_text(issued.voucher.created_at),
                "expirationDate": optional_to_text(issued.voucher.expires_at),
                "id": issued.voucher.id,
                "meta": issued.meta,
                "rewardId": issued.voucher.reward_id,
                "unit": issued.unit,
                "updatedAt": optional_to_text(issued.updated_at),
                "value": issued.value,
                "validFrom": optional_to_text(issued.voucher.valid_from),
            }
            for issued in found
        ],
        "count": count,
        "loyaltyProgramId": program.id,
        "loyaltySubscriptionId": member.own_id,
    }


def revoke_vouchers(call: Call[VouchersToRevoke, NoBody]) -> None:
    """Revoke vouchers: all of those named, or none."""
    program = programs.load_program(call.unit, call.id("pid"))
    found = []
    for voucher_id in _voucher_ids(call.query.attributed_reward_ids):
        issued = vouchers.voucher_by_id(call.unit, program.id, voucher_id)
        if issued is None:
            raise NotFound("One of attributedRewardIds is not a voucher of a member.")
        found.append(issued)
    for issued in found:
        vouchers.revoke_voucher(call.unit, issued)
        redemptions.cancel_open_redemption(call.unit, program, issued)


def reward_part(
    unit: UnitOfWork, program: Program, member: Member, include_internal: bool
) -> list[Json]:
    """Return the vouchers that a member can use, now or later."""
    del include_internal
    shown_vouchers = []
    for issued in vouchers.vouchers_of_member(unit, member):
        voucher = issued.voucher
        if voucher_state(voucher, unit.now) not in ("usable", "not_yet_valid"):
            continue
        described = reward_texts(unit, voucher.reward_id)
        shown_vouchers.append(
            {
                "code": issued.code,
                "contactId": member.contact_id,
                "createdAt": optional_to_text(voucher.created_at),
                "expirationDate": optional_to_text(voucher.expires_at),
                "id": voucher.id,
                "loyaltyProgramId": program.id,
                "meta": issued.meta,
                "publicDescription": described.public_description,
                "rewardId": voucher.reward_id,
                "rewardName": described.name,
                "unit": issued.unit,
                "updatedAt": optional_to_text(issued.updated_at),
                "validFrom": optional_to_text(voucher.valid_from),
                "value": issued.value,
            }
        )
    return shown_vouchers


def enrolled_member(
    unit: UnitOfWork, program: Program, contact_id: int | None, own_id: str | None
) -> Member:
    """Return the member with this contact id, own id or both.

    Raises:
        NotFound: There is no such member, or the two name different members.
    """
    return members.named_member(
        unit,
        program.id,
        contact_id,
        own_id,
        otherwise=NotFound("The contact is not enrolled in this program."),
    )


def _metadata_filter(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    key, colon, value = text.partition(":")
    if not colon or not key:
        raise Invalid("metadata_key_value: must be written key:value")
    return key, value


def _voucher_ids(text: str | None) -> list[str]:
    if not text:
        raise Invalid("attributedRewardIds: is required", code="missing_parameter")
    parts = list(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    if not all(UUID.fullmatch(part) for part in parts):
        raise Invalid("attributedRewardIds: must be a list of UUIDs, separated by commas")
    return parts
