"""Finds members by their balance, or by the tier that results from it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from loyalty_mcp.brevo.operations.balances import ContactBalance
from loyalty_mcp.brevo.operations.contacts import list_contacts
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import BalanceId, Items, Number, ProgramId, Reply, SignedAmount, TierId
from loyalty_mcp.errors import InvalidArgument, LoyaltyError, UnknownReference
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.members.masking import masked_name
from loyalty_mcp.tools.render import amount_text
from loyalty_mcp.tools.reports.balance_pages import BalancePages, value_of
from loyalty_mcp.tools.reports.program_figures import members_text, requests_text
from loyalty_mcp.tools.reports.tier_thresholds import GroupThresholds, group_thresholds
from loyalty_mcp.tools.task import reads

CONTACTS_A_REQUEST: Final = 20
"""Contacts that Brevo returns by id in one request."""


class MemberBalance(Reply):
    """A member that was found."""

    contact_id: int
    own_id: str | None = None
    name: str | None = None
    balance: Number
    tier: str | None = None


class FoundMembers(Reply):
    """The members that fit, highest balance first; `count` counts all of them."""

    balance: str
    unit: str
    members: Items[MemberBalance] = ()
    count: int
    requests: int


def found_members_text(found: FoundMembers, _now: datetime) -> str:
    """The members that were found in words, a line for each that is shown."""
    took = f"This took {requests_text(found.requests)}."
    if not found.count:
        return f"Found no member by {quoted(found.balance)}. {took}"
    heading = f"Found {members_text(found.count)} by {quoted(found.balance)}"
    if found.count > len(found.members):
        heading += f", of whom here are {len(found.members)}"
    lines = [_member_line(member, found.unit) for member in found.members]
    return "\n".join([f"{heading}:", *lines, took])


def _member_line(member: MemberBalance, unit: str) -> str:
    name = f"{quoted(member.name)}, " if member.name else ""
    own = f", own id {quoted(member.own_id)}" if member.own_id else ""
    tier = f", {quoted(member.tier)}" if member.tier else ""
    return f"- {name}contact {member.contact_id}{own}: {amount_text(member.balance, unit)}{tier}"


@reads(text=found_members_text)
async def find_members(
    context: Context,
    program: ProgramId,
    balance: BalanceId,
    minimum: Annotated[SignedAmount | None, Field(description="Lowest balance")] = None,
    maximum: Annotated[SignedAmount | None, Field(description="Highest balance")] = None,
    tier: TierId | None = None,
    limit: Annotated[int, Field(ge=1, le=50, description="Members to show")] = 10,
) -> FoundMembers:
    """Find members by balance, or by tier as its threshold gives it; highest balance first."""
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InvalidArgument("Argument minimum must not be above maximum.")
    definitions = await context.references.balances(program)
    definition = next((item for item in definitions if item.id == balance), None)
    if definition is None:
        raise UnknownReference("That balance is not live, so nobody has it.")
    groups = await _groups(context, program, balance)
    least, below = _range_of_tier(groups, tier)

    def is_low_enough(value: Decimal) -> bool:
        return (maximum is None or value <= maximum) and (below is None or value < below)

    def is_too_low(value: Decimal) -> bool:
        return (minimum is not None and value < minimum) or (least is not None and value < least)

    pages = BalancePages(context, program, balance)
    first, end = 0, await pages.count()
    if minimum is not None or least is not None:
        end = await pages.first_position(is_too_low, end)
    if maximum is not None or below is not None:
        first = min(end, await pages.first_position(is_low_enough, end))
    shown = await pages.between(first, min(end, first + limit))
    names, asked = await _names(context, [holder.contact_id for holder in shown])
    return FoundMembers(
        balance=definition.name,
        unit=unit_of(definition),
        members=tuple(
            MemberBalance(
                contact_id=holder.contact_id,
                own_id=holder.loyalty_subscription_id,
                name=names.get(holder.contact_id),
                balance=value_of(holder),
                tier=_tier_name(groups, holder),
            )
            for holder in shown
        ),
        count=end - first,
        requests=pages.requests + asked,
    )


async def _groups(context: Context, program: str, balance: str) -> list[GroupThresholds]:
    """The tier groups that depend only on this balance."""
    tiers = await context.references.tiers(program)
    found = [
        group_thresholds(group, tiers, balance)
        for group in await context.references.tier_groups(program)
    ]
    return [group for group in found if group is not None and group.tiers]


def _range_of_tier(
    groups: Sequence[GroupThresholds], tier: str | None
) -> tuple[Decimal | None, Decimal | None]:
    """The balances of a tier: from, and below; None where it is open.

    Raises:
        InvalidArgument: the tier does not depend only on this balance, or nobody can reach it.
    """
    if tier is None:
        return None, None
    for group in groups:
        name = next((each.name for each in group.tiers if each.tier_id == tier), None)
        if name is None:
            continue
        found = group.range_of(tier)
        if found is None:
            raise InvalidArgument(f"No balance gives the tier {quoted(name)}: a higher one wins.")
        return found
    raise InvalidArgument(
        "That tier does not depend on this balance alone; get_member_overview shows who has it."
    )


def _tier_name(groups: Sequence[GroupThresholds], holder: ContactBalance) -> str | None:
    """The tiers that result from a member's balance, one per group."""
    names = {tier.tier_id: tier.name for group in groups for tier in group.tiers}
    held = [group.tier_of(value_of(holder)) for group in groups]
    return ", ".join(names[tier] for tier in held if tier is not None) or None


async def _names(context: Context, contacts: Sequence[int]) -> tuple[dict[int, str], int]:
    """Contact id to masked name, and the number of requests.

    Contacts have a separate budget. A name that cannot be read is omitted.
    """
    names: dict[int, str] = {}
    requests = 0
    for start in range(0, len(contacts), CONTACTS_A_REQUEST):
        wanted = contacts[start : start + CONTACTS_A_REQUEST]
        try:
            page = await context.brevo.send(list_contacts(limit=len(wanted), ids=tuple(wanted)))
        except LoyaltyError:
            return names, requests
        requests += 1
        for contact in page.contacts:
            name = masked_name(contact)
            if contact.id in wanted and name is not None:
                names[contact.id] = name
    return names, requests
