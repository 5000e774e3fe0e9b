"""Endpoints for balances: what members have, and the lots of each balance."""

from typing import Literal

from loyalty_mcp.sandbox.api.account import ORGANIZATION
from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Body,
    Limit,
    NoBody,
    NoQuery,
    Offset,
    Query,
    QueryContactId,
    QueryFlag,
    Sort,
    Uuid,
)
from loyalty_mcp.sandbox.errors import NotFound
from loyalty_mcp.sandbox.records import balances, definitions, members, programs
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.store import UnitOfWork


class InternalQuery(Query):
    """Whether to include internal balances."""

    include_internal: QueryFlag = False


class HoldingsPage(InternalQuery):
    """Query for the balances of all members under one definition."""

    balance_definition_id: Uuid
    limit: Limit = 200
    offset: Offset = 0
    sort_field: Literal["updatedAt", "value"] = "updatedAt"
    sort: Sort = "desc"


class LotsPage(InternalQuery):
    """Query for the lots of one balance."""

    contact_id: QueryContactId
    balance_definition_id: Uuid
    limit: Limit = 200
    offset: Offset = 0
    sort_field: Literal["createdAt"] = "createdAt"
    sort: Sort = "desc"


class NewBalance(Body):
    """A balance to open."""

    balance_definition_id: Uuid


def list_contact_balances(call: Call[HoldingsPage, NoBody]) -> Json:
    """List every member's balance under one definition."""
    program, page = programs.load_program(call.unit, call.id("pid")), call.query
    definition = definitions.definition_in_force(call.unit, program, page.balance_definition_id)
    hidden = definition.internal and not page.include_internal
    found = balances.holdings(
        call.unit,
        definition.id,
        page.sort_field,
        descending=page.sort == "desc",
        limit=0 if hidden else page.limit,
        offset=page.offset,
    )
    return {
        "balanceDefinitionId": definition.id,
        "balances": [
            {
                "contactId": holding.contact_id,
                "loyaltySubscriptionId": holding.own_id,
                "updatedAt": stored_to_text(holding.updated_at),
                "value": holding.value,
            }
            for holding in found
        ],
        "count": 0 if hidden else balances.count_holdings(call.unit, definition.id),
        "loyaltyProgramId": program.id,
    }


def get_subscription_balances(call: Call[InternalQuery, NoBody]) -> Json:
    """Return the total of each balance of one member."""
    program = programs.load_program(call.unit, call.id("pid"))
    member = member_of(call.unit, program, call.contact_id())
    values = balances.shown_balances(call.unit, member)
    return {
        "loyaltyProgramId": program.id,
        "contactId": member.contact_id,
        "balance": [
            {"balanceDefinitionId": definition.id, "value": values.get(definition.id, 0)}
            for definition in definitions.definitions_in_force(call.unit, program)
            if call.query.include_internal or not definition.internal
        ],
    }


def create_subscription_balance(call: Call[NoQuery, NewBalance]) -> Json:
    """Open a balance for a member, or return the open one."""
    program = programs.load_running_program(call.unit, call.id("pid"))
    member = member_of(call.unit, program, call.contact_id())
    definition = definitions.definition_in_force(
        call.unit, program, call.body.balance_definition_id
    )
    opened = balances.open_balance(call.unit, member, definition.id)
    return {
        "id": opened.id,
        "amount": balances.shown_balance(call.unit, member, definition.id),
        "loyaltyProgramId": program.id,
        "organizationId": ORGANIZATION,
        "contactId": member.contact_id,
        "balanceDefinitionId": definition.id,
        "createdAt": stored_to_text(opened.created_at),
        "expiresAt": stored_to_text(balances.next_expiry(call.unit, member, definition.id)),
        "consumedAt": stored_to_text(balances.last_debit(call.unit, member, definition.id)),
    }


def list_active_balances(call: Call[LotsPage, NoBody]) -> Json:
    """List the lots that make up one balance, with their expiry."""
    program, page = programs.load_program(call.unit, call.id("pid")), call.query
    member = member_of(call.unit, program, page.contact_id)
    definition = definitions.definition_in_force(call.unit, program, page.balance_definition_id)
    hidden = definition.internal and not page.include_internal
    found = balances.page_of_lots(
        call.unit,
        member,
        definition.id,
        descending=page.sort == "desc",
        limit=0 if hidden else page.limit,
        offset=page.offset,
    )
    return {
        "count": 0 if hidden else balances.count_open_lots(call.unit, member, definition.id),
        "loyaltyProgramId": program.id,
        "contactId": member.contact_id,
        "balanceDefinitionId": definition.id,
        "activeBalances": [
            {
                "id": lot.id,
                "amount": lot.remaining,
                "createdAt": stored_to_text(lot.created_at),
                "expiresAt": stored_to_text(lot.expires_at),
            }
            for lot in found
        ],
    }


def member_of(unit: UnitOfWork, program: Program, contact_id: int) -> Member:
    """Return the member with this contact id.

    Raises:
        NotFound: The contact neither holds nor shares a membership of the program.
    """
    member = members.member_by_contact(unit, program.id, contact_id)
    if member is None:
        raise NotFound("The contact is not enrolled in this program.")
    return member
