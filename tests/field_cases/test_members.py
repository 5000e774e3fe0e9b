"""Field cases A12 and A13: members in the forms that people use."""

from typing import Any

import pytest

from tests.brevo.test_member_references import enrol
from tests.conftest import Connect, SandboxControl, text_of
from tests.field_cases.conftest import agreed, answer_of, refusal_of

PHONES = [
    *("00491511000101", "+49 1511 000 101", "+49-1511-000101", "+49.1511.000101"),
    *(
        "(+49) 1511/000101",
        "+49 (0)1511 000101",
        "+49\u00a01511\u2011000\u2011101",
        "0049 1511 000101",
    ),
]


@pytest.mark.parametrize("phone", PHONES)
async def test_a12_a_phone_number_is_found_in_any_spelling(connect: Connect, phone: str) -> None:
    """Reads and changes find the member with the number, and enrol nobody new."""
    async with connect(confirm="token") as client:
        found = await answer_of(client, "find_member", member=phone)
        preview = await answer_of(client, "credit_points", member=phone, amount=5, reason="Order")
        said = await refusal_of(client, "enroll_member", contact=phone, create_contact=True)

    assert found.structured_content["contact_id"] == 101
    assert "VIP-101" in text_of(preview)
    assert "is a member already" in said


async def test_a13_digits_of_an_own_id_never_mean_another_contact(
    connect: Connect, control: SandboxControl
) -> None:
    """Leading zeros are kept: 0042 is an own id, and never contact 42."""
    contact = await enrol(control, "zeros@example.com", "0042")
    async with connect(confirm="token") as client:
        overview = await answer_of(client, "get_member_overview", member="0042")
        done = await agreed(client, "credit_points", member="0042", amount=5, reason="Order")
        said = await refusal_of(client, "get_member_overview", member="00042")

    assert overview.structured_content["member"] == contact
    assert done.structured_content["status"] == "applied"
    assert await control.balance(contact) == 5
    assert 'No member has the own id "00042"' in said


@pytest.mark.parametrize("own_id", ["101", "102"])
@pytest.mark.parametrize("tool", ["get_member_overview", "credit_points", "assign_tier"])
async def test_a13_digits_of_two_people_are_a_question(
    connect: Connect, control: SandboxControl, own_id: str, tool: str
) -> None:
    """An own id that is another member's contact id gets an error with both ways to write it."""
    contact = await enrol(control, "mimic@example.com", own_id)
    more: dict[str, dict[str, Any]] = {
        "credit_points": {"amount": 5, "reason": "x"},
        "assign_tier": {"tier": "Gold"},
    }
    async with connect(confirm="token") as client:
        said = await refusal_of(client, tool, member=own_id, **more.get(tool, {}))
        meant = await answer_of(client, "get_member_overview", member=f"own:{own_id}")

    assert f'"own:VIP-{own_id}" for the first' in said
    assert f'"own:{own_id}" for the second' in said
    assert meant.structured_content["member"] == contact


@pytest.mark.parametrize("said", ["101", "anna.keller@example.com", "VIP-101"])
async def test_a13_a_preview_says_who_it_is_about(connect: Connect, said: str) -> None:
    """The preview shows the own id and a masked address, not only a number."""
    async with connect(confirm="token") as client:
        preview = await answer_of(client, "credit_points", member=said, amount=5, reason="Order")

    assert "VIP-101" in text_of(preview)
    assert "anna.keller@example.com" not in text_of(preview)
