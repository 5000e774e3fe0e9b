"""Balances: what members have, in total and in lots."""

from typing import Annotated, Literal

from pydantic import Field

from loyalty_mcp.brevo.operation import moves_value, read
from loyalty_mcp.brevo.operations.subscriptions import get_account_info
from loyalty_mcp.brevo.reply_values import DateText, Entries, ReplyMoment
from loyalty_mcp.brevo.request import Request, get, post
from loyalty_mcp.brevo.types import (
    BalanceId,
    ContactId,
    IncludeInternal,
    Limit,
    Number,
    Offset,
    Order,
    ProgramId,
    Reply,
)

PROGRAMS = "/loyalty/balance/programs"


class ContactBalance(Reply):
    """One member's total of a balance."""

    contact_id: int
    loyalty_subscription_id: str | None = None
    updated_at: DateText = None
    value: Number | None = None


class ContactBalances(Reply):
    """A page of members who have a balance."""

    balance_definition_id: str | None = None
    balances: Entries[ContactBalance] = ()
    count: int | None = None
    loyalty_program_id: str | None = None


class BalanceTotal(Reply):
    """The total of one balance."""

    balance_definition_id: str
    value: Number | None = None


class SubscriptionBalances(Reply):
    """A member's totals, as a list under a singular name."""

    loyalty_program_id: str | None = None
    contact_id: int | None = None
    balance: Entries[BalanceTotal] = ()


class SubscriptionBalance(Reply):
    """A balance opened for a member."""

    id: str
    amount: Number | None = None
    loyalty_program_id: str | None = None
    organization_id: int | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None
    created_at: ReplyMoment = None
    expires_at: ReplyMoment = None
    consumed_at: ReplyMoment = None


class Lot(Reply):
    """A credit that is not spent yet, with its own expiry."""

    id: str
    amount: Number | None = None
    created_at: ReplyMoment = None
    expires_at: ReplyMoment = None


class ActiveBalances(Reply):
    """A page of the lots that make up one balance of a member."""

    count: int | None = None
    loyalty_program_id: str | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None
    active_balances: Entries[Lot] = ()


@read
def list_contact_balances(
    program: ProgramId,
    balance: BalanceId,
    *,
    limit: Limit | None = None,
    offset: Offset | None = None,
    sort: Order | None = None,
    sort_field: Annotated[
        Literal["updatedAt", "value"] | None, Field(description="What to sort by")
    ] = None,
    include_internal: IncludeInternal | None = None,
) -> Request[ContactBalances]:
    """List members with their total of one balance, in pages. To search, use find_members."""
    query = {
        "balanceDefinitionId": balance,
        "limit": limit,
        "offset": offset,
        "sort": sort,
        "sortField": sort_field,
        "includeInternal": include_internal,
    }
    return get(f"{PROGRAMS}/{program}/contact-balances", ContactBalances, query)


@read
def get_subscription_balances(
    program: ProgramId, member: ContactId, include_internal: IncludeInternal | None = None
) -> Request[SubscriptionBalances]:
    """Read only the totals of a member's balances. Prefer get_member_overview."""
    query = {"includeInternal": include_internal}
    return get(f"{PROGRAMS}/{program}/subscriptions/{member}/balances", SubscriptionBalances, query)


@moves_value(
    "Open balance {balance} for member {member} of program {program}, empty.",
    before=get_account_info,
)
def create_subscription_balance(
    program: ProgramId, member: ContactId, balance: BalanceId
) -> Request[SubscriptionBalance]:
    """Open an empty balance for a member. Enrolment opens all that exist then."""
    body = {"balanceDefinitionId": balance}
    return post(f"{PROGRAMS}/{program}/subscriptions/{member}/balances", SubscriptionBalance, body)


@read
def list_active_balances(
    program: ProgramId,
    member: ContactId,
    balance: BalanceId,
    *,
    limit: Limit | None = None,
    offset: Offset | None = None,
    sort: Order | None = None,
    include_internal: IncludeInternal | None = None,
) -> Request[ActiveBalances]:
    """List a member's unspent credits, each with its expiry."""
    query = {
        "contactId": member,
        "balanceDefinitionId": balance,
        "limit": limit,
        "offset": offset,
        "sort": sort,
        "includeInternal": include_internal,
    }
    return get(f"{PROGRAMS}/{program}/active-balance", ActiveBalances, query)
