"""A whole program to describe, and the tools on an engine of their own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from tests.conftest import SandboxControl

ME = Caller("test", can_ask=False)
LIMIT = {
    "transaction_type": "credit",
    "constraint_type": "amount",
    "value": 500,
    "per": {"value": 1, "unit": "day"},
}
# Every setting that the API can hold.
RICH: dict[str, Any] = {
    "program": {
        "name": "Rich Club",
        "description": "All there is.",
        "document_id": "crm-42",
        "meta": {"team": "CRM"},
    },
    "balances": [
        {
            "name": "Euros",
            "unit": "EUR",
            "expiry": {"kind": "fixed", "day": "31/12"},
            "internal": True,
            "meta": {"team": "Finance"},
        },
        {
            "name": "Points",
            "unit": "POINTS",
            "description": "One for each euro.",
            "minimum": -10,
            "maximum": 5000,
            "credit_maximum": 1000.5,
            "debit_maximum": 800,
            "over_maximum": "partial",
            "credit_rounding": "down",
            "debit_rounding": "up",
            "expiry": {"kind": "after", "value": 12, "unit": "month", "snap": "end"},
            "limits": [
                LIMIT,
                {
                    "transaction_type": "debit",
                    "constraint_type": "transaction",
                    "value": 3,
                    "per": {"value": 2, "unit": "week"},
                    "sliding": True,
                },
            ],
        },
    ],
    "rewards": [
        {
            "name": "gift",
            "public_name": "Gift",
            "public_description": "A gift.",
            "public_image": "https://img.example/gift.png",
        },
        {"name": "tea"},
    ],
    "tier_groups": [
        {
            "name": "Status",
            "upgrade": "real_time",
            "downgrade": "tier_anniversary",
            "internal": True,
            "meta": {"season": "summer"},
            "tiers": [
                {"name": "Bronze", "minimum": {"Points": 0}},
                {
                    "name": "Gold",
                    "minimum": {"Points": 500},
                    "rewards": ["gift", "tea"],
                    "image": "https://img.example/gold.png",
                },
            ],
        }
    ],
}


@pytest.fixture
def empty() -> Iterator[Starlette]:
    """An engine without anything in it."""
    app = create_app(SandboxSettings(empty=True))
    yield app
    app.state.store.close()


class CallerSession:
    """The tools on one engine without confirmations, and direct access to the engine."""

    def __init__(self, runtime: Runtime, app: Any) -> None:
        self.runtime = runtime
        self.app = app
        self.control = SandboxControl(
            httpx2.AsyncClient(
                base_url="http://sandbox",
                headers={"api-key": "test"},
                transport=httpx2.ASGITransport(app=app),
            )
        )

    async def answer(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool."""
        found = await self.runtime.dispatcher.call(tool, arguments, ME)
        assert isinstance(found, Answer)
        return found

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool, and give the structured content of its answer."""
        found = await self.answer(tool, **arguments)
        assert not found.failed, found.text
        assert found.structured is not None
        return found.structured

    async def exported(self, program: str) -> Any:
        """The description of a program."""
        return (await self.call("export_program", program=program))["spec"]

    async def faults(self, *faults: dict[str, Any]) -> None:
        """Set the faults of the engine."""
        await self.control.post("/sandbox/faults", {"faults": list(faults)})


@asynccontextmanager
async def client_on(app: Any, **flags: Any) -> AsyncIterator[CallerSession]:
    """The tools on an engine."""
    runtime = compose(read_settings(**{"confirm": "off", **flags}), app)
    session = CallerSession(runtime, app)
    try:
        yield session
    finally:
        await session.control.close()
        await runtime.http.aclose()
        await runtime.context.journal.close()


@pytest.fixture
async def session(empty: Starlette) -> AsyncIterator[CallerSession]:
    """The tools on an empty engine."""
    async with client_on(empty) as found:
        yield found


@pytest.fixture
async def seeded(sandbox: Starlette) -> AsyncIterator[CallerSession]:
    """The tools on the seeded engine."""
    async with client_on(sandbox) as found:
        yield found


async def copy_of_the_seed(seeded: CallerSession) -> dict[str, Any]:
    """The description of the seeded program, under another name."""
    spec: dict[str, Any] = deepcopy(await seeded.exported("VIP Club"))
    spec["program"]["name"] = "Copy"
    return spec
