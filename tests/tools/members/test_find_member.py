"""Finding a contact: what each role sees of email and phone."""

from typing import Any

from tests.conftest import Connect, text_of

MEMBER = "102"


async def find(connect: Connect, role: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """What a role is told about a contact."""
    async with connect(role=role) as client:
        result = await client.call_tool("find_member", {"member": MEMBER, **more})
    assert not result.is_error, text_of(result)
    return text_of(result), result.structured_content or {}


async def test_support_sees_masked_addresses(connect: Connect) -> None:
    """A support copilot sees enough of an email and a phone to recognise them, and no more."""
    text, found = await find(connect, "support")

    assert (found["email"], found["phone"]) == ("b***@e***.com", "+39***102")
    assert "bruno.marchetti@" not in text
    assert "393331000102" not in text
    assert '"b***@e***.com"' in text


async def test_support_sees_addresses_when_asked(connect: Connect) -> None:
    """Asked for by its argument, personal data is shown."""
    _, found = await find(connect, "support", personal_data=True)

    assert found["email"] == "bruno.marchetti@example.com"
    assert found["phone"] == "+393331000102"
