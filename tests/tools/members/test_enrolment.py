"""Enrolling a contact who is created first: what was done and what was not is told apart."""

import pytest

from tests.conftest import Connect, SandboxControl, text_of


@pytest.mark.parametrize("status", [400, 409, 422, 403])
async def test_a_contact_that_was_created_is_not_denied(
    connect: Connect, control: SandboxControl, status: int
) -> None:
    """The enrolment was refused, the contact is there: nobody is told that nothing changed."""
    fault = {"method": "POST", "path": "*/subscriptions", "kind": "refuse_before", "status": status}
    arguments = {"contact": "nora.lind@example.com", "create_contact": True}
    async with connect(confirm="off") as client:
        await control.post("/sandbox/faults", {"faults": [fault]})
        answer = await client.call_tool("enroll_member", arguments)
    found = await control.get("/v3/contacts/nora.lind@example.com")

    assert answer.structured_content["status"] == "not_applied"
    assert "othing was changed" not in text_of(answer)
    assert f"Nobody was enrolled. The contact was created before that, with id {found['id']}" in (
        text_of(answer)
    )
