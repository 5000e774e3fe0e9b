"""Enrolment of a contact: find or create the contact, create the membership, read the member."""

from typing import Annotated, Any

from pydantic import Field

from loyalty_mcp.brevo.member_forms import EmailAddress, PhoneNumber, member_forms
from loyalty_mcp.brevo.operations import contacts
from loyalty_mcp.brevo.operations.contacts import Contact
from loyalty_mcp.brevo.operations.subscriptions import create_subscription
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import ContactText, Meta, OwnId, ProgramId
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused, UnknownReference
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.effects import membership
from loyalty_mcp.tools.impossible_changes import (
    refuse_impossible_enrolment,
    refuse_unpublished_program,
)
from loyalty_mcp.tools.members.get_member_overview import get_member_overview
from loyalty_mcp.tools.members.overview import MemberOverview
from loyalty_mcp.tools.members.overview_text import overview_text
from loyalty_mcp.tools.members.people import contact_text
from loyalty_mcp.tools.send_window import DOUBTFUL, DidNotHappen, SteppedChange
from loyalty_mcp.tools.task import guarded

CreateContact = Annotated[bool, Field(description="Create the contact if there is none")]


async def _contact_of(context: Context, contact: str) -> Contact | None:
    """The contact, or None if nobody has that email or phone number.

    Raises:
        UnknownReference: no contact has that id, or the text is not an id, email or phone number.
    """
    try:
        return await context.references.contact(contact)
    except UnknownReference:
        if isinstance(member_forms(contact)[0], EmailAddress | PhoneNumber):
            return None
        raise


async def preview_enrolment(
    context: Context,
    *,
    program: str,
    contact: str,
    own_id: str | None = None,
    create_contact: bool = False,
    meta: dict[str, Any] | None = None,  # noqa: ARG001 - sent with the enrolment, not previewed
) -> Preparation:
    """Preview an enrolment.

    Raises:
        Refused: the contact is a member already, or the own id is somebody else's.
        UnknownReference: there is no such contact, and none is to be created.
    """
    await refuse_unpublished_program(context, program)
    known = await _contact_of(context, contact)
    if known is None and not create_contact:
        raise UnknownReference(
            f"No contact has {quoted(contact)}; with create_contact true, one is created."
        )
    contact_id = None if known is None else known.id
    await refuse_impossible_enrolment(context, program, contact_id, own_id)
    name = await context.references.name_of("program", program, None)
    who = f"contact {contact_text(known)}" if known else f"a new contact, {quoted(contact)},"
    summary = f"Enrol {who} in program {quoted(name or program)}."
    if own_id is not None:
        summary += f" Own id: {quoted(own_id)}."
    return Preparation(
        Preview(summary, before={"member": False}, after={"member": True}),
        facts={"contact": contact_id, "member": False},
        subject=f"{program} member {contact_id or contact.strip().casefold()}",
    )


async def reconcile_enrolment(
    context: Context,
    intent: Intent,
    *,
    may_come: bool,
    program: str,
    contact: str,
    own_id: str | None = None,
    **_rest: Any,
) -> MemberOverview:
    """Determine by reading whether the contact is a member now.

    Raises:
        DidNotHappen: the contact is not a member.
        OutcomeUnknown: the enrolment may still arrive.
    """
    known = await _contact_of(context, contact)
    contact_id = None if known is None else known.id
    arguments = {"program": program, "contact": contact_id, "own_id": own_id}
    if contact_id is None or await membership(context, intent, arguments) is None:
        if may_come:
            raise OutcomeUnknown("They are no member yet, and it may still arrive.")
        raise DidNotHappen("They are no member.")
    return await _enrolled_member(context, program, contact_id)


async def _enrolled_member(context: Context, program: str, contact_id: int) -> MemberOverview:
    """The overview of a new member, or only the contact id if it cannot be read now."""
    try:
        found = await get_member_overview.run(context, program=program, member=contact_id)
        return MemberOverview.model_validate(found)
    except LoyaltyError:
        return MemberOverview(member=contact_id, could_not_read=("everything else",))


@guarded(
    "moves_value",
    prepare=preview_enrolment,
    reconcile=reconcile_enrolment,
    requests=14,
    after_agreement=10,
    text=overview_text,
)
async def enroll_member(
    context: Context,
    intent: Intent,
    program: ProgramId,
    contact: ContactText,
    own_id: OwnId | None = None,
    create_contact: CreateContact = False,  # noqa: ARG001 - checked by the preview
    meta: Meta | None = None,
) -> MemberOverview:
    """Make a contact a member of a program; can create the contact as well."""
    # The preview was just compared with fresh reads, so the contact id is still valid.
    known = intent.facts["contact"]
    change = SteppedChange(context, intent)
    contact_id = (
        int(known) if known is not None else await _created_contact(context, change, contact)
    )
    request = create_subscription(program, contact_id, own_id=own_id, meta=meta)
    try:
        await change.send(request)
    except LoyaltyError as failure:
        arguments = {"program": program, "contact": contact_id, "own_id": own_id}
        if isinstance(failure, DOUBTFUL) and await _has_enrolled(context, intent, arguments):
            return await _enrolled_member(context, program, contact_id)
        if known is None:
            raise _with_contact(failure, contact_id) from None
        raise
    return await _enrolled_member(context, program, contact_id)


async def _has_enrolled(context: Context, intent: Intent, arguments: dict[str, Any]) -> bool:
    """Whether the membership exists although its request failed."""
    try:
        return await membership(context, intent, arguments) is not None
    except LoyaltyError:
        return False


def _with_contact(failure: LoyaltyError, contact_id: int) -> LoyaltyError:
    """The same failure, with a note that the contact was created before it."""
    created = f"The contact was created before that, with id {contact_id}, and stays."
    if isinstance(failure, OutcomeUnknown):
        return OutcomeUnknown(f"{failure} {created}")
    return Refused(f"{failure.cause} Nobody was enrolled. {created}")


async def _created_contact(context: Context, change: SteppedChange, contact: str) -> int:
    """Create a contact. A second creation is refused, because email and phone are unique.

    Raises:
        Refused: it could not be created; nobody was enrolled.
    """
    match member_forms(contact)[0]:
        case EmailAddress(address):
            request = contacts.create_contact(email=address)
        case PhoneNumber(number):
            request = contacts.create_contact(phone=number)
        case _:
            raise AssertionError("the preview refuses what is neither email nor phone")
    try:
        created = await change.send(request)
    except OutcomeUnknown:
        found = await _contact_of(context, contact)
        if found is None:
            raise Refused("The contact could not be created; nobody was enrolled.") from None
        return found.id
    if created.id is None:
        raise Refused(
            "The contact was created, but Brevo did not give its id. Call again to enrol it."
        )
    return created.id
