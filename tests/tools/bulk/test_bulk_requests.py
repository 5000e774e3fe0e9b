"""What a bulk change asks of Brevo: five requests a row at most, and what rows share once."""

from collections.abc import Callable
from typing import Any

import pytest

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.bulk_caller import BulkCaller, credit_each, new_members
from tests.conftest import SandboxControl

ROWS = 30
SHARED = 12
LOOKS = 15
"""Before every second row the program is looked at: others may have published."""


@pytest.fixture
def sandbox() -> Any:
    """A seeded engine without a limit."""
    app = create_app(SandboxSettings(rate_limit=0))
    yield app
    app.state.store.close()


FORMS: tuple[Callable[[int, int], str], ...] = (
    lambda _, contact: str(contact),
    lambda number, _: f"bulk{number}@example.com",
    lambda number, _: f"own:BULK-{number}",
)


async def test_thirty_credits_take_two_calls_and_150_requests(
    caller: BulkCaller, control: SandboxControl, tell: Callable[[str], None]
) -> None:
    """One preview, one agreement; four requests a row, however members are named."""
    members = await new_members(control, ROWS)
    rows = [FORMS[number % 3](number, contact) for number, contact in enumerate(members)]
    before = caller.runtime.context.brevo.requests_sent

    answer = await caller.agreed(**credit_each(rows))

    requests = caller.runtime.context.brevo.requests_sent - before
    tell(f"{ROWS} credits: 2 calls, one agreement, {requests} requests")
    assert answer["result"]["done"] == ROWS
    assert requests <= 4 * ROWS + LOOKS + SHARED <= 150


async def test_a_short_list_takes_five_requests_a_row(caller: BulkCaller) -> None:
    """With few rows each member is read alone, and what they share is read once."""
    before = caller.runtime.context.brevo.requests_sent

    await caller.agreed(**credit_each([101, 102, 103]))

    assert caller.runtime.context.brevo.requests_sent - before <= 5 * 3 + SHARED
