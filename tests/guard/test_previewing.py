"""Previews: what a call changes, and what looks like a repetition."""

from typing import Any

import pytest

from loyalty_mcp.guard.previewing import subject_of
from loyalty_mcp.tools.registry import TOOLS


@pytest.mark.parametrize(
    ("tool", "arguments", "subject"),
    [
        ("credit_points", {"program": "p", "member": 101, "amount": 5}, "p member 101"),
        ("enroll_member", {"program": "p", "contact": 101}, "p member 101"),
        ("complete_transaction", {"program": "p", "transaction_id": "t"}, "p transaction_id t"),
        ("revoke_vouchers", {"program": "p", "voucher_ids": "v"}, "p voucher_ids v"),
        ("credit_points", {"program": None, "member": 101}, "* member 101"),
        ("delete_program", {"program": "p"}, "p draft"),
        ("update_program", {"program": "p", "member": 101}, "p draft"),
        ("create_program", {"name": "Club"}, "* draft"),
    ],
)
def test_two_changes_of_one_subject_are_told_by_its_name(
    tool: str, arguments: dict[str, Any], subject: str
) -> None:
    """A member of a program, an object of theirs, a draft, or the account's programs."""
    assert subject_of(TOOLS[tool], arguments) == subject


def test_a_subject_fits_its_column() -> None:
    """A very long code is told by its beginning."""
    found = subject_of(TOOLS["redeem_voucher"], {"program": "p", "code": "x" * 300})

    assert found == "p code " + "x" * 193
