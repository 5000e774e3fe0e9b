"""Contacts: each call describes the right request."""

import pytest

from loyalty_mcp.brevo.operations.contacts import (
    Contact,
    Contacts,
    CreatedContact,
    create_contact,
    delete_contact,
    get_contact,
    list_contacts,
)
from loyalty_mcp.brevo.request import delete, get, post
from loyalty_mcp.brevo.types import Done
from tests.contract.operations import CONTACTS, OPERATIONS


def test_contacts_are_no_tools() -> None:
    """References and tasks use them; the menu does not show them."""
    assert list(CONTACTS) == ["get_contact", "list_contacts", "create_contact", "delete_contact"]
    assert not CONTACTS.keys() & OPERATIONS.keys()


def test_an_identifier_is_one_part_of_the_path() -> None:
    """No input can lead to another path."""
    assert get_contact("a+b@example.com") == get("/contacts/a%2Bb%40example.com", Contact)
    assert get_contact("../x?y", "ext_id") == get(
        "/contacts/..%2Fx%3Fy", Contact, {"identifierType": "ext_id"}
    )


@pytest.mark.parametrize("identifier", ["", " ", ".", "..", "\t"])
def test_a_blank_identifier_is_refused(identifier: str) -> None:
    """A blank identifier would name the list of all contacts, or its parent."""
    with pytest.raises(ValueError, match="must be an email"):
        get_contact(identifier)


def test_contacts_are_filtered_by_an_expression() -> None:
    """The expression is passed on unchanged."""
    assert list_contacts(limit=2, filter_by='equals(FIRSTNAME,"Ann")') == get(
        "/contacts", Contacts, {"limit": 2, "filter": 'equals(FIRSTNAME,"Ann")'}
    )


def test_a_phone_number_is_sent_as_the_sms_attribute() -> None:
    """The API has no field for it at the top."""
    assert create_contact(phone="+33612345678", attributes={"FIRSTNAME": "Ann"}) == post(
        "/contacts",
        CreatedContact,
        {"attributes": {"FIRSTNAME": "Ann", "SMS": "+33612345678"}},
    )


def test_a_contact_needs_something_to_be_known_by() -> None:
    """A first name alone does not identify a contact."""
    with pytest.raises(ValueError, match="needs an email"):
        create_contact(attributes={"FIRSTNAME": "Ann"})


def test_statistics_are_never_passed_on() -> None:
    """No tool reads a contact's opens and clicks."""
    contact = Contact.model_validate({"id": 1, "statistics": {"opened": [1]}})

    assert "statistics" not in contact.model_dump()
    assert "opened" not in repr(contact)


def test_a_contact_is_deleted_by_its_id() -> None:
    """An own id needs its type."""
    assert delete_contact("7") == delete("/contacts/7", Done, {"identifierType": None})
    assert delete_contact("A/1", "ext_id") == delete(
        "/contacts/A%2F1", Done, {"identifierType": "ext_id"}
    )
