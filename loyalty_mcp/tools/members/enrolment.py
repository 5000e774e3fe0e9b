"""Enrolment: the contact found or made, the membership, and the member as a whole."""

from typing import Annotated, Any

from pydantic import Field

from loyalty_mcp.brevo.operations import contacts
from loyalty_mcp.brevo.operations.subscriptions import create_subscription
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.references import CONTACT_ID
from loyalty_mcp.brevo.types import Meta, ProgramId
from loyalty_mcp.errors import LoyaltyError, NotFound, OutcomeUnknown, Refused, UnknownReference
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.effects import subscription
from loyalty_mcp.tools.members.account import read_member
from loyalty_mcp.tools.members.overview import MemberOverview, get_member_overview, overview_text
from loyalty_mcp.tools.send_window import DidNotHappen
from loyalty_mcp.tools.task import guarded

ContactText = Annotated[str, Field(min_length=3, max_length=320, description="id/email/+phone")]
OwnId = Annotated[str, Field(min_length=1, max_length=64)]


async def _found(context: Context, contact: str) -> int | None:
    """The contact id, or None if nobody has that email or phone.

    Raises:
        UnknownReference: a contact id that nobody has, or text that names no contact.
    """
    said = contact.strip()
    if CONTACT_ID.fullmatch(said):
        try:
            request = contacts.get_contact(said, identifier_type="contact_id")
            return (await context.brevo.send(request)).id
        except (NotFound, Refused):
            raise UnknownReference(f"There is no contact {said}.") from None
    if "@" not in said and not said.startswith("+"):
        raise UnknownReference(f"{quoted(said)} is no contact id, email or +phone.")
    try:
        return await context.references.member(None, said)
    except UnknownReference:
        return None


async def prepare(
    context: Context,
    *,
    program: str,
    contact: str,
    own_id: str | None = None,
    create_contact: bool = False,
    meta: dict[str, Any] | None = None,  # noqa: ARG001 - enrolment carries it
) -> Preparation:
    """What enrolling somebody does.

    Raises:
        Refused: they are a member already.
        UnknownReference: there is no such contact, and none may be made.
    """
    contact_id = await _found(context, contact)
    if contact_id is None and not create_contact:
        raise UnknownReference(f"No contact has {quoted(contact)}; create_contact: true makes one.")
    if contact_id is not None and await _is_member(context, program, contact_id):
        raise Refused(f"Contact {contact_id} is a member already; get_member_overview shows them.")
    name = await context.references.name_of("program", program, None)
    who = f"contact {contact_id}" if contact_id else f"a new contact, {quoted(contact)},"
    summary = f"Enrol {who} in program {quoted(name or program)}."
    if own_id is not None:
        summary += f" Own id: {quoted(own_id)}."
    return Preparation(
        Preview(summary, before={"member": False}, after={"member": True}),
        facts={"contact": contact_id, "member": False},
    )


async def _is_member(context: Context, program: str, contact_id: int) -> bool:
    try:
        await read_member(context, program, contact_id)
    except NotFound:
        return False
    return True


async def reconcile(
    context: Context,
    intent: Intent,
    *,
    may_come: bool,
    program: str,
    contact: str,
    own_id: str | None = None,
    **_rest: Any,
) -> MemberOverview:
    """Find out by reading whether somebody is a member now; a second enrolment is refused.

    Raises:
        DidNotHappen: they are not.
        OutcomeUnknown: it may still come.
    """
    contact_id = await _found(context, contact)
    arguments = {"program": program, "contact": contact_id, "own_id": own_id}
    if contact_id is None or await subscription(context, intent, arguments) is None:
        if may_come:
            raise OutcomeUnknown("They are no member yet, and it may still arrive.")
        raise DidNotHappen("They are no member.")
    return await _overview(context, program, contact_id)


async def _overview(context: Context, program: str, contact_id: int) -> MemberOverview:
    """The member as a whole; or only who they are, where the rest cannot be read now."""
    try:
        found = await get_member_overview.run(context, program=program, member=contact_id)
        return MemberOverview.model_validate(found)
    except LoyaltyError:
        return MemberOverview(member=contact_id, could_not_read=("everything else",))


@guarded("moves_value", prepare=prepare, reconcile=reconcile, requests=7, text=overview_text)
async def enroll_member(
    context: Context,
    intent: Intent,
    program: ProgramId,
    contact: ContactText,
    own_id: OwnId | None = None,
    create_contact: bool = False,  # noqa: ARG001 - without it there is no preview of a new contact
    meta: Meta | None = None,
) -> MemberOverview:
    """Make a contact a member; creates the contact when asked."""
    # What was agreed to rests on it, and it was compared just now.
    contact_id = intent.facts["contact"]
    if contact_id is None:
        contact_id = await _made(context, contact)
    request = create_subscription(program, contact_id, own_id=own_id, meta=meta)
    try:
        await context.brevo.send(request)
    except OutcomeUnknown as lost:
        arguments = {"program": program, "contact": contact_id, "own_id": own_id}
        try:
            enrolled = await subscription(context, intent, arguments)
        except LoyaltyError:
            enrolled = None
        if enrolled is None:
            raise lost from None
    return await _overview(context, program, contact_id)


async def _made(context: Context, contact: str) -> int:
    """A new contact; making one twice is refused, since email and phone are unique.

    Raises:
        Refused: it could not be made; nobody was enrolled.
    """
    said = contact.strip()
    email, phone = (said, None) if "@" in said else (None, said)
    try:
        made = await context.brevo.send(contacts.create_contact(email=email, phone=phone))
    except OutcomeUnknown:
        found = await _found(context, contact)
        if found is None:
            raise Refused("The contact could not be made; nobody was enrolled.") from None
        return found
    if made.id is None:
        raise Refused("The contact was made, but its id was not told; ask again to enrol it.")
    return made.id
