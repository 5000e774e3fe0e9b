"""Endpoints for subscriptions: enrol a contact, end it, and read one member as a whole."""

from collections.abc import Callable
from typing import Final

from loyalty_mcp.sandbox.api.account import ORGANIZATION
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    LARGEST_ID,
    Body,
    ContactId,
    Meta,
    Moment,
    NoBody,
    NoQuery,
    OwnId,
    Query,
    QueryFlag,
)
from loyalty_mcp.sandbox.api.tiers import tier_part
from loyalty_mcp.sandbox.api.vouchers import reward_part
from loyalty_mcp.sandbox.errors import Invalid, Malformed, NotAllowed, NotFound
from loyalty_mcp.sandbox.records import balances, definitions, members, programs
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text, to_milliseconds
from loyalty_mcp.sandbox.store import UnitOfWork


class NewSubscription(Body):
    """A contact to enrol."""

    contact_id: ContactId
    loyalty_subscription_id: OwnId | None = None
    creation_date: Moment | None = None
    meta: Meta | None = None


class AccountQuery(Query):
    """The member to read, and which parts of the account."""

    contact_id: str | None = None
    loyalty_subscription_id: str | None = None
    params: str | None = None
    include_internal: QueryFlag = False


def create_subscription(call: Call[NoQuery, NewSubscription]) -> Json:
    """Enrol a contact."""
    program, new = programs.load_running_program(call.unit, call.id("pid")), call.body
    if new.creation_date is not None and new.creation_date > call.unit.now:
        raise Invalid("creationDate: must be in the past", code="out_of_range")
    member = members.enrol_contact(
        call.unit,
        program,
        new.contact_id,
        own_id=new.loyalty_subscription_id,
        created_at=None if new.creation_date is None else to_milliseconds(new.creation_date),
        meta=new.meta,
    )
    return {
        "organizationId": ORGANIZATION,
        "loyaltyProgramId": program.id,
        "versionId": member.version,
        "contactId": member.contact_id,
        "loyaltySubscriptionId": member.own_id,
        "meta": member.meta,
        "createdAt": stored_to_text(member.created_at),
        "updatedAt": stored_to_text(member.updated_at),
    }


def delete_subscription(call: Call[NoQuery, NoBody]) -> None:
    """End a contact's membership."""
    program = programs.load_program(call.unit, call.id("pid", Malformed))
    member = members.own_membership(call.unit, program.id, call.contact_id("cid", Malformed))
    if member is None:
        raise NotFound("The contact has no subscription in this program.")
    members.end_membership(call.unit, member)


def get_account_info(call: Call[AccountQuery, NoBody]) -> Json:
    """Return everything about one member."""
    query = call.query
    program = programs.load_program(call.unit, call.id("pid"), absent=NotAllowed)
    if query.contact_id is None and query.loyalty_subscription_id is None:
        raise Invalid("contactId or loyaltySubscriptionId: is required", code="missing_parameter")
    member = members.named_member(
        call.unit,
        program.id,
        None if query.contact_id is None else _contact_id(query.contact_id),
        query.loyalty_subscription_id,
        otherwise=Malformed(
            "contactId or loyaltySubscriptionId: there is no such member in this program"
        ),
    )
    parts = _asked(query.params)
    return {
        "loyaltyProgramName": program.name,
        **{
            name: part(call.unit, program, member, query.include_internal)
            for name, part in PARTS.items()
            if name in parts
        },
    }


def balance_part(
    unit: UnitOfWork, program: Program, member: Member, include_internal: bool
) -> Json:
    """Return a member's balances."""
    values = balances.shown_balances(unit, member)
    return {
        "balances": [
            {
                "balanceDefinitionId": definition.id,
                "balanceDefinitionName": definition.name,
                "value": values.get(definition.id, 0),
            }
            for definition in definitions.definitions_in_force(unit, program)
            if include_internal or not definition.internal
        ],
        "contactId": member.contact_id,
        "loyaltyProgramId": program.id,
    }


def members_part(
    unit: UnitOfWork, program: Program, member: Member, include_internal: bool
) -> list[Json]:
    """Return the contacts that share the membership."""
    del program, include_internal
    return [
        {
            "createdAt": stored_to_text(attached.created_at),
            "memberContactId": attached.contact_id,
            "updatedAt": stored_to_text(attached.updated_at),
        }
        for attached in members.attached_contacts(unit, member)
    ]


def membership_part(
    unit: UnitOfWork, program: Program, member: Member, include_internal: bool
) -> Json:
    """Return the membership itself."""
    del unit, program, include_internal
    return {
        "createdAt": stored_to_text(member.created_at),
        "loyaltySubscriptionId": member.own_id,
        "updatedAt": stored_to_text(member.updated_at),
    }


PARTS: Final[dict[str, Callable[[UnitOfWork, Program, Member, bool], Json | list[Json]]]] = {
    "balance": balance_part,
    "members": members_part,
    "membership": membership_part,
    "reward": reward_part,
    "tier": tier_part,
}
"""The parts of an account, by their names in the answer and in `params`."""


def _asked(params: str | None) -> frozenset[str]:
    if not params:
        return frozenset(PARTS)
    asked = frozenset(part.strip() for part in params.split(","))
    if not asked <= PARTS.keys():
        raise Invalid(f"params: must be a list, separated by commas, of {', '.join(PARTS)}")
    return asked


def _contact_id(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= LARGEST_ID:
        return int(text)
    raise Malformed("contactId: must be a whole number from 1", code="invalid_parameter")
