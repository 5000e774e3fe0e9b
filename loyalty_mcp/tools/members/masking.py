"""Names, email addresses and phone numbers, shown only as far as needed to recognise them."""

from loyalty_mcp.brevo.operations.contacts import Contact


def masked(address: str | None) -> str | None:
    """An email or phone number reduced to what identifies it: `a***@e***.com`, `+49***101`."""
    if address is None:
        return None
    name, at, host = address.partition("@")
    if not at:
        return f"{address[:3]}***{address[-3:]}" if len(address) > 8 else "***"
    ending = host.rpartition(".")[2] if "." in host else ""
    return f"{name[:1]}***@{host[:1]}***{f'.{ending}' if ending else ''}"


def masked_name(contact: Contact) -> str | None:
    """A contact's first name and the initial of the last: `Anna K.`; None without a name."""
    first, last = (text_attribute(contact, name) for name in ("FIRSTNAME", "LASTNAME"))
    initial = f"{last[0]}." if last else None
    return " ".join(part for part in (first, initial) if part) or None


def text_attribute(contact: Contact, name: str) -> str | None:
    """An attribute of a contact as text; None if it is empty, or not one value."""
    value = contact.attributes.get(name)
    return str(value) if isinstance(value, str | int) and value != "" else None
