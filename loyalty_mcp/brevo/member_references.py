"""Members and contacts, found by email, phone, contact id or own id."""

from collections.abc import Sequence
from typing import Final

from loyalty_mcp.brevo.client import Brevo
from loyalty_mcp.brevo.member_forms import (
    ContactNumber,
    EmailAddress,
    MemberForm,
    OwnId,
    PhoneNumber,
    member_forms,
    unknown_own_id,
)
from loyalty_mcp.brevo.operations.contacts import Contact, get_contact
from loyalty_mcp.brevo.operations.subscriptions import account_of_own_id, get_account_info
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import AmbiguousReference, NotFound, Refused, UnknownReference

OTHER_FORMS: Final = "Check it, or give another: email, phone, contact id or own id."
CONTACT_FORMS: Final = "Check it, or give another: email, phone or contact id."


class MemberReferences:
    """Finds members and contacts. Digits are looked up as contact id and as own id.

    Args:
        brevo: the upstream client.
    """

    def __init__(self, brevo: Brevo) -> None:
        self._brevo = brevo

    async def member(self, program: str | None, said: str) -> int:
        """The contact id of a member.

        A contact id is not looked up unless somebody has it as own id.

        Args:
            program: the program in which own ids are looked up; None to accept none.
            said: email, phone in any spelling, contact id, or own id with or without `own:`.

        Raises:
            UnknownReference: nobody has it.
            AmbiguousReference: it is the contact id or phone number of one member, and the own id
                of another.
        """
        first, own_id = _split(member_forms(said))
        owner = None if own_id is None else await self._owner(program, own_id.text)
        contact: int | None = None
        match first:
            case ContactNumber(number):
                # If nobody else has these digits, no request is needed.
                if owner is None or await self._own_id_of(program, number) is not None:
                    contact = number
            case EmailAddress() | PhoneNumber():
                found = await self._contact(first)
                contact = None if found is None else found.id
        if contact is not None and owner not in {None, contact}:
            raise await self._two_people(program, said, contact, owner)
        found_id = owner if contact is None else contact
        if found_id is None:
            raise _unknown(said, first, None if program is None else own_id)
        return found_id

    async def contact(self, said: str) -> Contact:
        """The contact with an email, a phone number or a contact id.

        Raises:
            UnknownReference: nobody has it, or it is none of these.
        """
        first, _ = _split(member_forms(said))
        found = None if first is None else await self._contact(first)
        if found is None:
            raise _unknown(said, first, None, CONTACT_FORMS)
        return found

    async def contact_id(self, said: str) -> int:
        """The id of a contact; a given id is not looked up.

        Raises:
            UnknownReference: nobody has that email or phone number, or it is neither.
        """
        first, _ = _split(member_forms(said))
        if isinstance(first, ContactNumber):
            return first.id
        return (await self.contact(said)).id

    async def is_in(self, program: str, said: str) -> bool:
        """Whether the text for a member matches somebody in a program."""
        try:
            member = await self.member(program, said)
        except UnknownReference:
            return False
        return await self._own_id_of(program, member) is not None

    async def contact_or_member(self, programs: Sequence[str], said: str) -> Contact:
        """The contact with an email, a phone number or a contact id, or an own id in a program.

        Args:
            programs: where own ids are looked up.
            said: the text for the member.

        Raises:
            UnknownReference: nobody has it.
            AmbiguousReference: several members have it.
        """
        first, own_id = _split(member_forms(said))
        found = None if first is None else await self._contact(first)
        owners: dict[int, str] = {}
        if own_id is not None:
            for program in programs:
                owner = await self._owner(program, own_id.text)
                if owner is not None:
                    owners.setdefault(owner, program)
        if found is not None:
            others = owners.keys() - {found.id}
            if others:
                other = min(others)
                raise await self._two_people(owners[other], said, found.id, other)
            return found
        if len(owners) > 1:
            raise AmbiguousReference(
                f"{quoted(said.strip())} is the own id of different people in different programs; "
                "give program."
            )
        if not owners:
            raise _unknown(said, first, own_id)
        return await self.contact(str(next(iter(owners))))

    async def _contact(self, form: MemberForm) -> Contact | None:
        try:
            match form:
                case EmailAddress(address):
                    return await self._brevo.send(get_contact(address, "email_id"))
                case PhoneNumber(number):
                    return await self._brevo.send(get_contact(number, "phone_id"))
                case ContactNumber(number):
                    return await self._brevo.send(get_contact(str(number), "contact_id"))
                case OwnId():
                    return None
        except (NotFound, Refused):
            return None

    async def _owner(self, program: str | None, own_id: str) -> int | None:
        """The contact with an own id in a program."""
        if program is None or not own_id:
            return None
        info = await self._brevo.lookup(account_of_own_id(program, own_id))
        if info is None or info.balance is None:
            return None
        held = info.membership and info.membership.loyalty_subscription_id
        if held and held.casefold() != own_id.casefold():
            return None
        return info.balance.contact_id

    async def _own_id_of(self, program: str | None, contact: int) -> str | None:
        """The own id of a member; None if the contact is not a member."""
        if program is None:
            return None
        request = get_account_info(program, contact, include_internal=True)
        info = await self._brevo.lookup(request)
        if info is None or info.membership is None:
            return None
        return info.membership.loyalty_subscription_id or ""

    async def _two_people(
        self, program: str | None, said: str, contact: int, owner: int | None
    ) -> AmbiguousReference:
        said = said.strip()
        own_id = await self._own_id_of(program, contact)
        first = quoted(f"own:{own_id}") if own_id else "email or phone"
        return AmbiguousReference(
            f"{quoted(said)} means two people: contact {contact}, and contact {owner}, whose own "
            f"id it is. Give {first} for the first, or {quoted(f'own:{said}')} for the second."
        )


def _split(forms: Sequence[MemberForm]) -> tuple[MemberForm | None, OwnId | None]:
    """The contact form and the own id form of the text."""
    contact = next((form for form in forms if not isinstance(form, OwnId)), None)
    own_id = next((form for form in forms if isinstance(form, OwnId)), None)
    return contact, own_id


def _unknown(
    said: str, contact: MemberForm | None, own_id: OwnId | None, others: str = OTHER_FORMS
) -> UnknownReference:
    """The error if nobody was found.

    Args:
        said: the given text.
        contact: its form as a contact; None if it has none.
        own_id: the own id that was looked up; None if there was none.
        others: what could be given instead.
    """
    said = said.strip()
    if isinstance(contact, ContactNumber):
        return UnknownReference(f"There is no contact {contact.id}. {others}")
    if contact is not None:
        return UnknownReference(f"No contact has {quoted(said)}. {others}")
    if own_id is None:
        return UnknownReference(f"{quoted(said)} is not an email, a phone number or a contact id.")
    return UnknownReference(unknown_own_id(own_id.text))
