"""The forms in which a person can name a member: email, phone, contact id, own id."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from loyalty_mcp.brevo.quoting import cleaned, quoted

OWN_PREFIX: Final = "own:"
LARGEST_CONTACT_ID: Final = 2**63 - 1

_CONTACT_ID: Final = re.compile(r"[1-9][0-9]{0,18}")
_SEPARATORS: Final = re.compile(r"[\s\-\u2010-\u2015.()/]")
_TRUNK_ZERO: Final = re.compile(r"\(\s*0\s*\)")
_INTERNATIONAL: Final = re.compile(r"(?:\+|00)([1-9][0-9]{4,14})")
"""At most 15 digits, starting with the country code (ITU-T E.164)."""

_LOCAL_PHONE: Final = re.compile(r"[0-9\s\-.()/]{7,}")


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An email address."""

    address: str


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number in E.164: `+491511000101`."""

    number: str


@dataclass(frozen=True, slots=True)
class ContactNumber:
    """A contact id."""

    id: int


@dataclass(frozen=True, slots=True)
class OwnId:
    """A member's own id (Brevo's loyaltySubscriptionId)."""

    text: str


MemberForm = EmailAddress | PhoneNumber | ContactNumber | OwnId


def member_forms(said: str) -> tuple[MemberForm, ...]:
    """All forms that the text for a member can have, the most common first.

    The prefix `own:` marks an own id. Digits can be a contact id or an own id; with a leading zero
    they are not a contact id. A leading `00` can also mean the `+` of a phone number.
    """
    own_id = said.strip()  # unchanged, because it may contain any character
    if own_id.casefold().startswith(OWN_PREFIX):
        return (OwnId(own_id[len(OWN_PREFIX) :].strip()),)
    text = _plain(said)
    if "@" in text:
        return (EmailAddress(text),)
    phone = phone_number(text)
    if phone is not None:
        number = PhoneNumber(phone)
        return (number, OwnId(own_id)) if text.isdigit() else (number,)
    if _CONTACT_ID.fullmatch(text) and int(text) <= LARGEST_CONTACT_ID:
        return (ContactNumber(int(text)), OwnId(own_id))
    return (OwnId(own_id),)


def phone_number(said: str) -> str | None:
    """A phone number in E.164, from any common spelling; None if it is not one.

    Spaces, dashes, dots, slashes and brackets are separators, `00` means `+`, and a zero in
    brackets is dialled only within the country.
    """
    text = _plain(said).removeprefix("tel:")
    digits = _INTERNATIONAL.fullmatch(_SEPARATORS.sub("", _TRUNK_ZERO.sub("", text)))
    return None if digits is None else f"+{digits[1]}"


def unknown_own_id(own_id: str) -> str:
    """The message if no member has an own id: what was looked up, and what to use instead."""
    if not own_id:
        return "No member is named. Give email, phone with country code, contact id or own id."
    if any(char.isalpha() for char in own_id) and not any(char.isdigit() for char in own_id):
        advice = "Names cannot be searched; give email, phone, contact id or own id."
    elif _LOCAL_PHONE.fullmatch(own_id):
        advice = "A phone number needs its country code, such as +33 6 12 34 56 78."
    else:
        advice = "Give email, phone with country code, contact id or own id."
    return f"No member has the own id {quoted(own_id)}. {advice}"


def _plain(text: str) -> str:
    """`text` with normalised characters, without invisible ones and surrounding spaces."""
    return cleaned(unicodedata.normalize("NFKC", text)).strip()
