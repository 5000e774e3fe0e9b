"""Contacts, as far as loyalty needs them."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import Malformed
from loyalty_mcp.sandbox.store import UnitOfWork

IdentifierType = Literal[
    "email_id", "phone_id", "contact_id", "ext_id", "whatsapp_id", "landline_number_id"
]
LARGEST_ID: Final = 2**53 - 1

_BELONGS: Final = (
    "SELECT 1 FROM programs p WHERE p.deleted_at IS NULL AND ("
    "EXISTS (SELECT 1 FROM subscriptions s WHERE s.program = p.id AND s.contact = ?"
    " AND s.ended_at IS NULL)"
    " OR EXISTS (SELECT 1 FROM attached_contacts a WHERE a.program = p.id AND a.contact = ?))"
)
_PHONE: Final = re.compile(r"(?:\+|00)?([0-9]{6,15})")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of the account."""

    id: int
    email: str | None
    phone: str | None
    ext_id: str | None
    attributes: Mapping[str, Any]
    list_ids: Sequence[int]
    email_blacklisted: bool
    sms_blacklisted: bool
    created_at: int
    modified_at: int


@dataclass(frozen=True, slots=True)
class NewContact:
    """Fields of a contact to create or update; `None` leaves one out."""

    email: str | None = None
    ext_id: str | None = None
    attributes: Mapping[str, Any] | None = None
    list_ids: Sequence[int] | None = None
    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None


def phone_digits(text: str) -> str | None:
    """Return a phone number without its prefix, or `None` if the text is not one."""
    written = _PHONE.fullmatch(text)
    return written[1] if written else None


def contact_exists(unit: UnitOfWork, contact_id: int) -> bool:
    """Whether there is such a contact."""
    return unit.one("SELECT 1 FROM contacts WHERE id = ?", contact_id) is not None


def find_contact(
    unit: UnitOfWork, identifier: str, identifier_type: IdentifierType | None
) -> Contact | None:
    """Return the contact with that email, phone number, id or own id.

    Without a type an email, a contact id and a phone number are recognised, in this order.
    """
    kinds: Sequence[IdentifierType] = (
        (identifier_type,) if identifier_type else ("email_id", "contact_id", "phone_id")
    )
    for kind in kinds:
        row = _contact_row(unit, identifier, kind)
        if row is not None:
            return _contact_from_row(row)
    return None


def clashing_contacts(unit: UnitOfWork, new: NewContact) -> list[Contact]:
    """Return the contacts that already have the email, the phone number or the own id."""
    phone = _phone_of(new.attributes)
    rows = unit.all(
        "SELECT * FROM contacts WHERE email = ? OR phone = ? OR ext_id = ? ORDER BY id",
        new.email.lower() if new.email else None,
        phone,
        new.ext_id,
    )
    return [_contact_from_row(row) for row in rows]


def add_contact(unit: UnitOfWork, new: NewContact, contact_id: int | None = None) -> int:
    """Add a contact and return its id."""
    return unit.run(
        "INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        contact_id,
        new.email.lower() if new.email else None,
        _phone_of(new.attributes),
        new.ext_id,
        documents.dump(new.attributes or {}),
        documents.dump(list(new.list_ids or ())),
        bool(new.email_blacklisted),
        bool(new.sms_blacklisted),
        unit.now_stored,
        unit.now_stored,
    )


def update_contact(unit: UnitOfWork, contact: Contact, new: NewContact) -> None:
    """Update the given fields; attributes are merged, lists are extended."""
    attributes = {**contact.attributes, **(new.attributes or {})}
    lists = list(dict.fromkeys([*contact.list_ids, *(new.list_ids or ())]))
    blacklisted = (new.email_blacklisted, new.sms_blacklisted)
    unit.run(
        "UPDATE contacts SET email = ?, phone = ?, ext_id = ?, attributes = ?, list_ids = ?,"
        " email_blacklisted = ?, sms_blacklisted = ?, modified_at = ? WHERE id = ?",
        new.email.lower() if new.email else contact.email,
        _phone_of(attributes),
        new.ext_id or contact.ext_id,
        documents.dump(attributes),
        documents.dump(lists),
        contact.email_blacklisted if blacklisted[0] is None else blacklisted[0],
        contact.sms_blacklisted if blacklisted[1] is None else blacklisted[1],
        unit.now_stored,
        contact.id,
    )


def delete_contact(unit: UnitOfWork, contact: Contact) -> None:
    """Delete a contact who belongs to no program that exists.

    Raises:
        Malformed: The contact is a member of a program, or shares a membership.
    """
    if unit.one(_BELONGS, contact.id, contact.id) is not None:
        raise Malformed("The contact is a member of a loyalty program; end the membership first.")
    unit.run("DELETE FROM contacts WHERE id = ?", contact.id)


def all_contacts(unit: UnitOfWork, *, descending: bool) -> list[Contact]:
    """Return all contacts by creation."""
    direction = "DESC" if descending else "ASC"
    sql = f"SELECT * FROM contacts ORDER BY created_at {direction}, id {direction}"  # noqa: S608
    return [_contact_from_row(row) for row in unit.all(sql)]


def _contact_row(unit: UnitOfWork, identifier: str, kind: IdentifierType) -> sqlite3.Row | None:
    if kind == "email_id":
        return unit.one("SELECT * FROM contacts WHERE email = ?", identifier.lower())
    if kind == "ext_id":
        return unit.one("SELECT * FROM contacts WHERE ext_id = ?", identifier)
    if kind == "contact_id":
        fits = identifier.isascii() and identifier.isdigit() and len(identifier) <= 16
        return unit.one("SELECT * FROM contacts WHERE id = ?", int(identifier)) if fits else None
    if kind == "phone_id":
        digits = phone_digits(identifier)
        return unit.one("SELECT * FROM contacts WHERE phone = ?", digits) if digits else None
    name = "WHATSAPP" if kind == "whatsapp_id" else "LANDLINE_NUMBER"
    sql = "SELECT * FROM contacts WHERE json_extract(attributes, ?) = ? ORDER BY id LIMIT 1"
    return unit.one(sql, f'$."{name}"', identifier)


def _phone_of(attributes: Mapping[str, Any] | None) -> str | None:
    number = (attributes or {}).get("SMS")
    return phone_digits(str(number)) if number else None


def _contact_from_row(row: sqlite3.Row) -> Contact:
    return Contact(
        id=row["id"],
        email=row["email"],
        phone=row["phone"],
        ext_id=row["ext_id"],
        attributes=documents.load(row["attributes"]),
        list_ids=documents.load(row["list_ids"]),
        email_blacklisted=bool(row["email_blacklisted"]),
        sms_blacklisted=bool(row["sms_blacklisted"]),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )
