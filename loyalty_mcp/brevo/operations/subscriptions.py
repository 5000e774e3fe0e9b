"""Subscriptions: a contact's membership of a program, and the contacts who share it."""

from typing import Annotated

from pydantic import Field

from loyalty_mcp.brevo.operation import destructive, moves_value, read
from loyalty_mcp.brevo.reply_values import DateText, Entries, ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, post
from loyalty_mcp.brevo.types import (
    ContactId,
    Done,
    Enrollee,
    IncludeInternal,
    Instant,
    Items,
    Members,
    Meta,
    Number,
    OwnId,
    ProgramId,
    Reply,
)

PROGRAMS = "/loyalty/config/programs"


class Subscription(Reply):
    """One contact's membership of one program."""

    organization_id: int | None = None
    loyalty_program_id: str | None = None
    version_id: int | None = None
    contact_id: int
    loyalty_subscription_id: str | None = None
    meta: Meta | None = None
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None


class SharedSubscription(Reply):
    """The contacts attached to an owner's subscription."""

    organization_id: int | None = None
    owner_contact_id: int
    member_contact_ids: Items[int] = ()
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None


class AccountBalance(Reply):
    """A member's total of one balance."""

    balance_definition_id: str
    balance_definition_name: str | None = None
    value: Number | None = None


class AccountBalances(Reply):
    """A member's totals."""

    balances: Entries[AccountBalance] = ()
    contact_id: int | None = None
    loyalty_program_id: str | None = None


class AccountMember(Reply):
    """A contact who shares the subscription."""

    created_at: DateText = None
    member_contact_id: int
    updated_at: DateText = None


class Membership(Reply):
    """A contact's membership: its start and its own id."""

    created_at: ReplyMoment = None
    loyalty_subscription_id: str | None = None
    updated_at: ReplyMoment = None


class AccountVoucher(Reply):
    """A voucher of a member."""

    code: str | None = None
    contact_id: int | None = None
    created_at: DateText = None
    expiration_date: DateText = None
    id: str
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    public_description: str | None = None
    reward_id: str | None = None
    reward_name: str | None = None
    unit: str | None = None
    updated_at: ReplyMoment = None
    valid_from: ReplyMoment = None
    value: Number | None = None


class AccountTier(Reply):
    """The tier that a member has in one tier group."""

    contact_id: int | None = None
    created_at: DateText = None
    group_id: str | None = None
    group_name: str | None = None
    loyalty_program_id: str | None = None
    meta: Meta | None = None
    tier_id: str
    tier_name: str | None = None
    updated_at: DateText = None


class AccountInfo(Reply):
    """The whole account of a member; `reward` and `tier` are lists with singular names."""

    balance: AccountBalances | None = None
    loyalty_program_name: str | None = None
    members: Items[AccountMember] = ()
    membership: Membership | None = None
    reward: Entries[AccountVoucher] = ()
    tier: Entries[AccountTier] = ()


def _refuse_nobody(members: Members) -> None:
    """Raise ValueError if no contact is named, because the API's behaviour is then unknown."""
    if not members:
        raise ValueError("members must name at least one contact")


@read
def get_account_info(
    program: ProgramId,
    member: ContactId,
    params: Annotated[
        str | None, Field(max_length=200, description="Parts to return, comma-separated")
    ] = None,
    include_internal: IncludeInternal | None = None,
) -> Request[AccountInfo]:
    """Read a member's account as Brevo stores it. Prefer get_member_overview."""
    query = {"contactId": str(member), "params": params, "includeInternal": include_internal}
    return get(f"{PROGRAMS}/{program}/account-info", AccountInfo, query)


def account_of_own_id(program: ProgramId, own_id: str) -> Request[AccountInfo]:
    """Find a member by own id; no other read can. For references, not a tool."""
    return get(f"{PROGRAMS}/{program}/account-info", AccountInfo, {"loyaltySubscriptionId": own_id})


@moves_value("Enrol contact {contact} in program {program}.")
def create_subscription(
    program: ProgramId,
    contact: Enrollee,
    own_id: OwnId | None = None,
    creation_date: Annotated[Instant | None, Field(description="When they joined")] = None,
    meta: Meta | None = None,
) -> Request[Subscription]:
    """Enrol an existing contact. Prefer enroll_member."""
    body = {
        "contactId": contact,
        "loyaltySubscriptionId": own_id,
        "creationDate": creation_date,
        "meta": meta,
    }
    return post(f"{PROGRAMS}/{program}/subscriptions", Subscription, body)


@destructive(
    "End the membership of member {member} in program {program}, with all that is held in it.",
    before=get_account_info,
)
def delete_subscription(program: ProgramId, member: ContactId) -> Request[Done]:
    """End a membership for good; its points, tiers and vouchers are lost."""
    return delete(f"{PROGRAMS}/{program}/contact/{member}", Done)


@moves_value(
    "Attach {members} to the membership of member {member} in program {program}: they share it.",
    before=get_account_info,
)
def add_subscription_members(
    program: ProgramId, member: ContactId, members: Members
) -> Request[SharedSubscription]:
    """Let further contacts share a member's account."""
    _refuse_nobody(members)
    if member in members:
        raise ValueError('argument "members" must not name the owner of the membership')
    body = {"contactId": member, "memberContactIds": list(members)}
    return post(f"{PROGRAMS}/{program}/subscription-members", SharedSubscription, body)


@destructive("Detach {members} from the membership they share in program {program}.")
def remove_subscription_members(program: ProgramId, members: Members) -> Request[Done]:
    """Stop contacts from sharing a member's account."""
    _refuse_nobody(members)
    query = {"memberContactIds": ",".join(map(str, members))}
    return delete(f"{PROGRAMS}/{program}/subscription-members", Done, query)
