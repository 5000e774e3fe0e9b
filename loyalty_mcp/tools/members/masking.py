"""Email addresses and phone numbers shown only as far as needed to recognise them."""


def masked(address: str | None) -> str | None:
    """An email or phone number reduced to what identifies it: `a***@e***.com`, `+49***101`."""
    if address is None:
        return None
    name, at, host = address.partition("@")
    if not at:
        return f"{address[:3]}***{address[-3:]}" if len(address) > 8 else "***"
    ending = host.rpartition(".")[2] if "." in host else ""
    return f"{name[:1]}***@{host[:1]}***{f'.{ending}' if ending else ''}"
