"""Masked email addresses and phone numbers."""

import pytest

from loyalty_mcp.tools.members.masking import masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("anna.keller@example.com", "a***@e***.com"),
        ("a@b.c", "a***@b***.c"),
        ("x@localhost", "x***@l***"),
        ("@", "***@***"),
        ("+491511000101", "+49***101"),
        ("+4915110", "***"),
        ("12345", "***"),
        (None, None),
    ],
)
def test_masked(address: str | None, shown: str | None) -> None:
    """An address keeps its first letters and its ending; a short number nothing."""
    assert masked(address) == shown
