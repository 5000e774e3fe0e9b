"""Endpoints for contacts: find, list and create, as far as loyalty needs them."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Body,
    ContactId,
    ContactLimit,
    Flag,
    Moment,
    NoBody,
    NoQuery,
    Offset,
    OwnId,
    Query,
    Sort,
)
from loyalty_mcp.sandbox.errors import Invalid, Malformed, NotFound
from loyalty_mcp.sandbox.records import contacts
from loyalty_mcp.sandbox.records.contacts import Contact, IdentifierType, NewContact
from loyalty_mcp.sandbox.rules.moments import from_milliseconds, stored_to_text
from loyalty_mcp.sandbox.store import UnitOfWork

Email = Annotated[
    str,
    StringConstraints(strict=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"),
]

_FILTER: Final = re.compile(r'equals\(([A-Z0-9_]{1,64}),"([^"]{0,256})"\)')
_ATTRIBUTE: Final = re.compile("[A-Za-z0-9_]{1,64}")
_MOST_IDS: Final = 20


class ContactQuery(Query):
    """The kind of identifier, and the period of the statistics."""

    identifier_type: IdentifierType | None = None
    start_date: str | None = None
    end_date: str | None = None


class ContactDeletion(Query):
    """The kind of identifier."""

    identifier_type: IdentifierType | None = None


class ContactPage(Query):
    """Query for a page of contacts, with filters."""

    limit: ContactLimit = 50
    offset: Offset = 0
    sort: Sort = "desc"
    modified_since: Moment | None = None
    created_since: Moment | None = None
    ids: str | None = None
    list_ids: str | None = None
    segment_id: str | None = None
    filter: str | None = None


class ContactFields(Body):
    """A contact to create or update."""

    email: Email | None = None
    ext_id: OwnId | None = Field(None, alias="ext_id")
    attributes: dict[str, Any] | None = None
    list_ids: list[ContactId] | None = None
    update_enabled: Flag | None = None
    email_blacklisted: Flag | None = None
    sms_blacklisted: Flag | None = None
    smtp_blacklist_sender: list[Email] | None = None
    force_merge: Flag | None = None
    get_id: Flag | None = None


def get_contact(call: Call[ContactQuery, NoBody]) -> Json:
    """Return one contact, by email, phone number, contact id or own id."""
    _check_span(call.unit, call.query.start_date, call.query.end_date)
    contact = _found_contact(call, call.query.identifier_type)
    return {**contact_reply(contact), "statistics": _no_statistics()}


def delete_contact(call: Call[ContactDeletion, NoBody]) -> None:
    """Delete one contact, by email, phone number, contact id or own id."""
    contacts.delete_contact(call.unit, _found_contact(call, call.query.identifier_type))


def _found_contact(call: Call[Any, Any], kind: IdentifierType | None) -> Contact:
    identifier = call.path["identifier"]
    if not identifier:
        raise NotFound("There is no such path.", code="not_found")
    if len(identifier) > 254:
        raise Invalid("identifier: has more than 254 characters", code="out_of_range")
    contact = contacts.find_contact(call.unit, identifier, kind)
    if contact is None:
        raise NotFound("There is no contact with that identifier.")
    return contact


def list_contacts(call: Call[ContactPage, NoBody]) -> Json:
    """List the contacts, one page at a time."""
    page = call.query
    fits = _contact_filter(page)
    found = [
        each
        for each in contacts.all_contacts(call.unit, descending=page.sort == "desc")
        if fits(each)
    ]
    return {
        "contacts": [contact_reply(each) for each in found[page.offset : page.offset + page.limit]],
        "count": len(found),
    }


def create_contact(call: Call[NoQuery, ContactFields]) -> Json | None:
    """Create a contact, or update the existing one if the request allows it."""
    sent = call.body
    new = NewContact(
        email=sent.email,
        ext_id=sent.ext_id,
        attributes=None if sent.attributes is None else _attributes(sent.attributes),
        list_ids=sent.list_ids,
        email_blacklisted=sent.email_blacklisted,
        sms_blacklisted=sent.sms_blacklisted,
    )
    if not (new.email or new.ext_id or (new.attributes or {}).get("SMS")):
        raise Invalid("email, ext_id or attributes.SMS: is required", code="missing_parameter")
    known = contacts.clashing_contacts(call.unit, new)
    if not known:
        return {"id": contacts.add_contact(call.unit, new)}
    if len(known) > 1 or not sent.update_enabled:
        raise Malformed(
            "A contact with that identifier already exists.", code="duplicate_parameter"
        )
    contacts.update_contact(call.unit, known[0], new)
    return None


def contact_reply(contact: Contact) -> Json:
    """Return a contact as the API shows it."""
    return {
        "id": contact.id,
        "email": contact.email,
        "emailBlacklisted": contact.email_blacklisted,
        "smsBlacklisted": contact.sms_blacklisted,
        "whatsappBlacklisted": False,
        "listIds": contact.list_ids,
        "listUnsubscribed": [],
        "attributes": {
            **contact.attributes,
            **({"EXT_ID": contact.ext_id} if contact.ext_id else {}),
        },
        "createdAt": stored_to_text(contact.created_at),
        "modifiedAt": stored_to_text(contact.modified_at),
        "consentGroups": [],
    }


def _contact_filter(page: ContactPage) -> Callable[[Contact], bool]:
    if page.list_ids is not None and page.segment_id is not None:
        raise Malformed("listIds and segmentId: cannot be combined")
    ids = None if page.ids is None else _numbers("ids", page.ids)
    lists = None if page.list_ids is None else set(_numbers("listIds", page.list_ids))
    attribute = None if page.filter is None else _FILTER.fullmatch(page.filter)
    if page.filter is not None and attribute is None:
        raise Invalid('filter: must be written equals(ATTRIBUTE,"value")')

    def fits(contact: Contact) -> bool:
        return (
            page.segment_id is None  # the sandbox has no segments, so nobody is in one
            and (ids is None or contact.id in ids)
            and (lists is None or not lists.isdisjoint(contact.list_ids))
            and (attribute is None or _attribute_value(contact, attribute[1]) == attribute[2])
            and (not page.created_since or _since(contact.created_at, page.created_since))
            and (not page.modified_since or _since(contact.modified_at, page.modified_since))
        )

    return fits


def _since(stored: int, moment: datetime) -> bool:
    return from_milliseconds(stored) >= moment


def _attribute_value(contact: Contact, attribute: str) -> str | None:
    if attribute == "EMAIL":
        return contact.email
    if attribute == "EXT_ID":
        return contact.ext_id
    value = contact.attributes.get(attribute)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _numbers(name: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > _MOST_IDS or not all(
        part.isascii() and part.isdigit() and len(part) <= 16 for part in parts
    ):
        raise Invalid(f"{name}: must be a list of at most {_MOST_IDS} numbers, separated by commas")
    return [int(part) for part in parts]


def _attributes(sent: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {}
    for name, value in sent.items():
        if not _ATTRIBUTE.fullmatch(name):
            raise Invalid("attributes: a name must consist of letters, digits and _")
        if isinstance(value, (dict, list)) or (isinstance(value, str) and len(value) > 2048):
            raise Invalid("attributes: a value must be a short text, a number, true or false")
        attributes[name.upper()] = value
    number = attributes.get("SMS")
    if number is not None and contacts.phone_digits(str(number)) is None:
        raise Invalid("attributes.SMS: must be a phone number with its country code")
    return attributes


def _check_span(unit: UnitOfWork, start: str | None, end: str | None) -> None:
    if (start is None) != (end is None):
        raise Malformed("startDate and endDate: must be given together", code="missing_parameter")
    if start is None or end is None:
        return
    try:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
    except ValueError:
        raise Malformed("startDate and endDate: must be days, written YYYY-MM-DD") from None
    if first > last or last > unit.now.date():
        raise Malformed("startDate and endDate: must be in order and not in the future")


def _no_statistics() -> Json:
    empty: Json = {
        name: []
        for name in (
            "messagesSent",
            "opened",
            "clicked",
            "delivered",
            "hardBounces",
            "softBounces",
            "complaints",
            "transacAttributes",
        )
    }
    return {**empty, "unsubscriptions": {"userUnsubscription": [], "adminUnsubscription": []}}
