"""Endpoints for subscription members: further contacts that share a subscription."""

from typing import Annotated

from pydantic import Field

from loyalty_mcp.sandbox.api.account import ORGANIZATION
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    LARGEST_ID,
    Body,
    ContactId,
    NoBody,
    NoQuery,
    OwnId,
    Query,
)
from loyalty_mcp.sandbox.errors import Conflict, Invalid, Malformed, NotFound
from loyalty_mcp.sandbox.records import members, programs
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.store import UnitOfWork


class NewMembers(Body):
    """Contacts to attach, and the owner of the subscription."""

    member_contact_ids: Annotated[list[ContactId], Field(min_length=1, max_length=500)]
    contact_id: ContactId | None = None
    loyalty_subscription_id: OwnId | None = None


class FormerMembers(Query):
    """Contacts to detach, separated by commas."""

    member_contact_ids: str | None = None


def add_subscription_members(call: Call[NoQuery, NewMembers]) -> Json:
    """Attach further contacts to an owner's subscription."""
    program, new = programs.load_program(call.unit, call.id("pid")), call.body
    owner = _owner(call.unit, program, new)
    attached = members.attach_contacts(call.unit, owner, new.member_contact_ids)
    return {
        "organizationId": ORGANIZATION,
        "ownerContactId": owner.contact_id,
        "memberContactIds": [each.contact_id for each in attached],
        "createdAt": stored_to_text(min(each.created_at for each in attached)),
        "updatedAt": stored_to_text(max(each.updated_at for each in attached)),
    }


def remove_subscription_members(call: Call[FormerMembers, NoBody]) -> None:
    """Detach contacts from the subscription they share."""
    program = programs.load_program(call.unit, call.id("pid"))
    if not call.query.member_contact_ids:
        raise Malformed("memberContactIds: is required", code="missing_parameter")
    members.detach_contacts(call.unit, program.id, _contact_ids(call.query.member_contact_ids))


def _owner(unit: UnitOfWork, program: Program, new: NewMembers) -> Member:
    if new.contact_id is None and new.loyalty_subscription_id is None:
        raise Invalid("contactId or loyaltySubscriptionId: is required", code="missing_parameter")
    found = members.named_member(
        unit,
        program.id,
        new.contact_id,
        new.loyalty_subscription_id,
        otherwise=NotFound(
            "contactId or loyaltySubscriptionId: there is no such member in this program"
        ),
    )
    if new.contact_id is not None and found.contact_id != new.contact_id:
        raise Conflict(
            "The contact shares a subscription itself; only its owner can attach contacts."
        )
    return found


def _contact_ids(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if all(part.isascii() and part.isdigit() and len(part) <= 16 for part in parts):
        numbers = [int(part) for part in parts]
        if all(1 <= number <= LARGEST_ID for number in numbers):
            return numbers
    raise Invalid("memberContactIds: must be a list of contact ids, separated by commas")
