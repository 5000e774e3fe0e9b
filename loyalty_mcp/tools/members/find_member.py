"""Find a contact, and the programs they are a member of."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Items, Moment, PersonText, ProgramId, Reply
from loyalty_mcp.errors import NotFound
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import read_member, together
from loyalty_mcp.tools.members.masking import masked, text_attribute
from loyalty_mcp.tools.task import reads


class ProgramMembership(Reply):
    """A program that the contact is a member of."""

    program: str
    own_id: str | None = None
    since: Moment | None = None


class FoundMember(Reply):
    """A contact, and the programs they are enrolled in."""

    contact_id: int
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enrolled: bool
    enrolments: Items[ProgramMembership] = ()


def found_member_text(found: FoundMember, _now: datetime) -> str:
    """A contact in words."""
    names = [name for name in (found.first_name, found.last_name) if name]
    known = [quoted(" ".join(names))] if names else []
    known += [quoted(value) for value in (found.email, found.phone) if value]
    where = [
        quoted(item.program) + (f", own id {quoted(item.own_id)}" if item.own_id else "")
        for item in found.enrolments
    ]
    enrolled = f"Member of {'; '.join(where)}." if where else "Member of no program."
    return f"Contact {found.contact_id}: {', '.join(known) or 'no name or address'}. {enrolled}"


@reads(text=found_member_text)
async def find_member(
    context: Context,
    member: PersonText,
    program: ProgramId | None = None,
    personal_data: Annotated[bool, Field(description="Show email and phone in full")] = False,
) -> FoundMember:
    """Look up one contact and their programs. For points and tier, use get_member_overview."""
    programs = await context.references.programs()
    wanted = [item for item in programs if program in {None, item.id}]
    programs_looked_in = [item.id for item in wanted]
    contact = await context.references.contact_or_member(programs_looked_in, member)
    readings = [_membership_in(context, item.id, contact.id) for item in wanted]
    enrolments = []
    for item, info in zip(wanted, await together(*readings), strict=True):
        if info is not None:
            enrolments.append(
                ProgramMembership(
                    program=item.name,
                    own_id=info.membership.loyalty_subscription_id,
                    since=info.membership.created_at,
                )
            )
    email, phone = contact.email, text_attribute(contact, "SMS")
    fields = [name for name, value in (("email", email), ("phone", phone)) if value]
    if personal_data and fields:
        # Written before anything is shown; if the journal fails, nothing is shown.
        await context.journal.open().disclosures.add(
            caller=context.caller,
            tool="find_member",
            contact=contact.id,
            fields=fields,
            at=context.now(),
        )
    return FoundMember(
        contact_id=contact.id,
        email=email if personal_data else masked(email),
        phone=phone if personal_data else masked(phone),
        first_name=text_attribute(contact, "FIRSTNAME"),
        last_name=text_attribute(contact, "LASTNAME"),
        enrolled=bool(enrolments),
        enrolments=tuple(enrolments),
    )


async def _membership_in(context: Context, program: str, member: int) -> AccountInfo | None:
    try:
        return await read_member(context, program, member)
    except NotFound:
        return None
