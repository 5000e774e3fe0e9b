"""Work that the hour's budget would not see to its end is not begun."""

from typing import Any

import pytest

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.conftest import Connect, text_of

DEBIT: dict[str, Any] = {"member": "101", "amount": 10, "reason": "Correction"}


@pytest.fixture
def sandbox() -> Any:
    """An engine that allows ten requests an hour."""
    return create_app(SandboxSettings(rate_limit=10))


async def test_a_debit_is_refused_before_it_starts(connect: Connect) -> None:
    """With less left than a debit may take it is not previewed, and says when to come."""
    async with connect(confirm="token") as client:
        for _ in range(6):
            await client.call_tool("get_subscription_balances", {"member": "101"})
        refused = await client.call_tool("debit_points", DEBIT)
        status = await client.call_tool("get_server_status", {})

    assert refused.is_error
    assert "takes 12 requests" in text_of(refused)
    assert "Come back after" in text_of(refused)
    assert status.structured_content["open_intents"] == 0


async def test_an_agreed_debit_waits_for_the_budget(connect: Connect) -> None:
    """Where the budget was spent between preview and agreement, the confirmation is kept."""
    async with connect(confirm="token") as client:
        preview = await client.call_tool("debit_points", DEBIT)
        for _ in range(3):
            await client.call_tool("get_subscription_balances", {"member": "101"})
        confirmation = preview.structured_content["confirmation"]
        intent = preview.structured_content["intent"]
        refused = await client.call_tool("debit_points", {**DEBIT, "confirmation": confirmation})
        found = await client.call_tool("check_intent", {"intent": intent})

    assert refused.is_error
    assert "nothing was changed" in text_of(refused)
    assert found.structured_content["status"] == "confirmation_required"
