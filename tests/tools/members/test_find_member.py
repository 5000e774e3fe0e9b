"""Finding a contact: what each role sees of email and phone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.audit_trail import broken
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.server.dispatcher import Answer
from tests.conftest import Connect, text_of

MEMBER = "102"


async def find(connect: Connect, role: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """What a role is told about a contact."""
    async with connect(role=role) as client:
        result = await client.call_tool("find_member", {"member": MEMBER, **more})
    assert not result.is_error, text_of(result)
    return text_of(result), result.structured_content or {}


@pytest.mark.parametrize("role", ["support", "full"])
async def test_addresses_are_masked(connect: Connect, role: str) -> None:
    """Every role sees enough of an email and a phone to recognise them, and no more."""
    text, found = await find(connect, role)

    assert (found["email"], found["phone"]) == ("b***@e***.com", "+39***102")
    assert "bruno.marchetti@" not in text
    assert "393331000102" not in text
    assert '"b***@e***.com"' in text


async def test_support_sees_addresses_when_asked(connect: Connect) -> None:
    """Asked for by its argument, personal data is shown."""
    _, found = await find(connect, "support", personal_data=True)

    assert found["email"] == "bruno.marchetti@example.com"
    assert found["phone"] == "+393331000102"


async def asked(runtime: Runtime, **arguments: Any) -> Answer:
    """The answer to one call of find_member."""
    caller = Caller(LOCAL, can_ask=False)
    found = await runtime.dispatcher.call("find_member", {"member": MEMBER, **arguments}, caller)
    assert isinstance(found, Answer)
    return found


async def test_who_is_shown_addresses_stands_in_the_audit_trail(
    make_runtime: Callable[..., Runtime],
) -> None:
    """An entry names the caller, the contact and the fields, never what they hold."""
    runtime = make_runtime(role="support")
    await asked(runtime)
    await asked(runtime, personal_data=True)

    trail = await runtime.context.journal.open().trail()

    (entry,) = trail.entries
    assert (entry.step, entry.intent, entry.tool) == ("disclosed", "", "find_member")
    assert entry.caller == LOCAL
    assert json.loads(entry.details) == {"contact": 102, "fields": ["email", "phone"]}
    assert broken(trail) == []


async def test_without_a_journal_no_address_is_shown(
    make_runtime: Callable[..., Runtime], tmp_path: Any
) -> None:
    """What cannot be written down is not shown; the masked answer needs no journal."""
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    runtime = make_runtime(role="support", database_url=f"sqlite:///{nowhere}/journal.db")

    refused = await asked(runtime, personal_data=True)
    masked = await asked(runtime)

    assert refused.failed
    assert refused.error == {"code": "journal_unavailable"}
    assert "@example.com" not in refused.text
    assert not masked.failed
