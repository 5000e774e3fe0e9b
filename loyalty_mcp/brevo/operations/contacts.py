"""Contacts: the account's data about a person; used by tasks and references, not as tools."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from loyalty_mcp.brevo.operation import destructive, read, write
from loyalty_mcp.brevo.reply_values import ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, post, segment
from loyalty_mcp.brevo.types import Done, Items, Offset, Order, Reply

IdentifierType = Literal[
    "email_id", "phone_id", "contact_id", "ext_id", "whatsapp_id", "landline_number_id"
]


class Contact(Reply):
    """A contact of the account; its attributes have upper-case names."""

    id: int
    email: str | None = None
    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None
    whatsapp_blacklisted: bool | None = None
    list_ids: Items[int] = ()
    list_unsubscribed: Items[int] = ()
    attributes: dict[str, Any] = Field(default_factory=dict)
    created_at: ReplyMoment = None
    modified_at: ReplyMoment = None
    consent_groups: Any = None
    statistics: Any = Field(default=None, exclude=True, repr=False)
    """Opens and clicks of the contact; not needed here, so not shown."""


class Contacts(Reply):
    """A page of contacts."""

    contacts: Items[Contact] = ()
    count: int | None = None


class CreatedContact(Reply):
    """The id of a new contact; None if an existing one was updated."""

    id: int | None = None


@read
def get_contact(
    identifier: Annotated[str, Field(min_length=1, max_length=320)],
    identifier_type: IdentifierType | None = None,
) -> Request[Contact]:
    """Read one contact by email, phone or id; an own id needs its type."""
    if not identifier.strip(". \t\r\n"):
        raise ValueError("identifier must be an email, a phone number or an id")
    path = f"/contacts/{segment(identifier)}"
    return get(path, Contact, {"identifierType": identifier_type})


@read
def list_contacts(
    *,
    limit: Annotated[int | None, Field(ge=1, le=1000)] = None,
    offset: Offset | None = None,
    sort: Order | None = None,
    modified_since: datetime | None = None,
    created_since: datetime | None = None,
    ids: Annotated[tuple[int, ...] | None, Field(max_length=20)] = None,
    filter_by: Annotated[str | None, Field(max_length=500)] = None,
) -> Request[Contacts]:
    """List contacts; `filter_by` is an expression such as equals(LASTNAME,"Doe")."""
    query = {
        "limit": limit,
        "offset": offset,
        "sort": sort,
        "modifiedSince": None if modified_since is None else modified_since.isoformat(),
        "createdSince": None if created_since is None else created_since.isoformat(),
        "ids": None if ids is None else ",".join(map(str, ids)),
        "filter": filter_by,
    }
    return get("/contacts", Contacts, query)


@write("Create a contact.")
def create_contact(
    *,
    email: Annotated[str | None, Field(max_length=320)] = None,
    phone: Annotated[str | None, Field(max_length=32)] = None,
    ext_id: Annotated[str | None, Field(max_length=255)] = None,
    attributes: dict[str, Any] | None = None,
    list_ids: tuple[int, ...] | None = None,
    update_enabled: bool | None = None,
) -> Request[CreatedContact]:
    """Create a contact, known by at least one of email, phone and own id."""
    if not (email or phone or ext_id):
        raise ValueError("a contact needs an email, a phone number or an own id")
    known = dict(attributes or {})
    if phone:
        known["SMS"] = phone
    body = {
        "email": email,
        "ext_id": ext_id,
        "attributes": known or None,
        "listIds": None if list_ids is None else list(list_ids),
        "updateEnabled": update_enabled,
    }
    return post("/contacts", CreatedContact, body)


@destructive("Delete contact {identifier} for good.", before=get_contact)
def delete_contact(
    identifier: Annotated[str, Field(min_length=1, max_length=320)],
    identifier_type: IdentifierType | None = None,
) -> Request[Done]:
    """Delete one contact for good, by email, phone or id; an own id needs its type."""
    query = {"identifierType": identifier_type}
    return delete(f"/contacts/{segment(identifier)}", Done, query)
