"""People as answers name them: the id, and beside it what tells a person who it is."""

import re
from collections.abc import Sequence
from typing import Final

from loyalty_mcp.brevo.operations.contacts import Contact, get_contact
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo, get_account_info
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.masking import masked, masked_name, text_attribute

MADE_BY_BREVO: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""An own id that nobody chose: it tells a person nothing."""

WHO: Final = "member in words"
"""The key under which a preview may keep the words, so that a name is not read again for it."""


def contact_text(contact: Contact) -> str:
    """A contact's id with name and masked email: `109 ("Nora L.", "n***@e***.com")`."""
    return _with_marks(str(contact.id), _marks(contact))


async def contact_words(context: Context, contact: int) -> str:
    """The same by id; the bare id where the contact cannot be read now."""
    return _with_marks(str(contact), await _marks_of(context, contact))


async def member_words(context: Context, info: AccountInfo, contact: int) -> str:
    """A member's id with their own id: `101 (own id "VIP-101")`.

    Where nobody chose an own id, name and masked email stand for it, which costs a request. Who
    shares the membership of another is named with its owner.

    Args:
        context: what tools work with.
        info: their account.
        contact: the id they were named by.
    """
    owner = contact if info.balance is None else info.balance.contact_id or contact
    own_id = None if info.membership is None else info.membership.loyalty_subscription_id
    if own_id and own_id != str(owner) and not MADE_BY_BREVO.fullmatch(own_id):
        marks = [f"own id {quoted(own_id)}"]
    elif WHO in context.kept:
        return str(context.kept[WHO])
    else:
        marks = await _marks_of(context, owner)
    if owner == contact:
        return _with_marks(str(contact), marks)
    return f"{contact} (shares the membership of {', '.join([str(owner), *marks])})"


async def member_heading(context: Context, program: str, contact: int) -> str:
    """A member as a list names them; who they are is looked up, and kept for a minute."""
    request = get_account_info(program, contact, include_internal=True)
    try:
        info = await context.brevo.lookup(request)
    except LoyaltyError:
        info = None
    return f"member {contact if info is None else await member_words(context, info, contact)}"


def _marks(contact: Contact) -> list[str]:
    """Name and masked email of a contact; the phone number where there is no email."""
    address = masked(contact.email or text_attribute(contact, "SMS"))
    return [quoted(text) for text in (masked_name(contact), address) if text]


async def _marks_of(context: Context, contact: int) -> list[str]:
    try:
        found = await context.brevo.lookup(get_contact(str(contact), "contact_id"))
    except LoyaltyError:
        found = None
    return [] if found is None else _marks(found)


def _with_marks(person: str, marks: Sequence[str]) -> str:
    return f"{person} ({', '.join(marks)})" if marks else person
