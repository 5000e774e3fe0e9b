"""How many members other thresholds would move, in plans and before a publication."""

from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any

import pytest
from starlette.applications import Starlette

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from tests.conftest import Connect, text_of
from tests.tools.programs.conftest import CallerSession, client_on

GOLD = {
    "tier": "Gold",
    "name": "Gold",
    "access_conditions": [{"balance": "Purchase Points", "minimum_value": 600}],
    "tier_rewards": ["gold-gift"],
}


def with_gold_at(spec: dict[str, Any], threshold: int) -> dict[str, Any]:
    """The spec of the seeded program with another threshold of its highest tier."""
    changed = deepcopy(spec)
    (gold,) = [tier for tier in changed["tier_groups"][0]["tiers"] if tier["name"] == "Gold"]
    gold["minimum"] = {"Purchase Points": threshold}
    return changed


async def test_the_preview_of_a_publication_counts_who_would_move(connect: Connect) -> None:
    """The members whose balance lies between the old and the new threshold are counted."""
    async with connect(confirm="off") as client:
        await client.call_tool("update_tier", GOLD)
    async with connect(confirm="token") as client:
        report = await client.call_tool("get_program_report", {"if_thresholds": {"Gold": 600}})
        result = await client.call_tool("publish_program", {})

    (move,) = report.structured_content["would_move"]
    assert move["from"] == "Gold"
    assert move["to"] == "Silver"
    expected = f"{move['members']} member{'' if move['members'] == 1 else 's'}"
    assert f'By their balances, members would move: {expected} from "Gold" to "Silver".' in text_of(
        result
    )


async def test_a_plan_counts_who_would_move(seeded: CallerSession) -> None:
    """The figure is that of the report."""
    spec = with_gold_at(await seeded.exported("VIP Club"), 600)
    plan = await seeded.call("plan_program", spec=spec)
    report = await seeded.call("get_program_report", if_thresholds={"Gold": 600})

    assert plan["would_move"] == report["would_move"]
    assert plan["would_move"]


async def test_a_plan_without_other_thresholds_counts_nobody(seeded: CallerSession) -> None:
    """If no threshold changes, the members' balances are not read."""
    plan = await seeded.call("plan_program", spec=await seeded.exported("VIP Club"))

    assert "would_move" not in plan


async def test_a_new_tier_moves_members_too(seeded: CallerSession) -> None:
    """A tier between two others takes members of the lower one."""
    spec = deepcopy(await seeded.exported("VIP Club"))
    spec["tier_groups"][0]["tiers"].append(
        {"name": "Platinum", "minimum": {"Purchase Points": 600}}
    )
    plan = await seeded.call("plan_program", spec=spec)

    assert {(move["from"], move["to"]) for move in plan["would_move"]} == {("Gold", "Platinum")}


@pytest.fixture
async def poor() -> AsyncIterator[CallerSession]:
    """A server with a small hourly budget."""
    app: Starlette = create_app(SandboxSettings(rate_limit=100))
    async with client_on(app) as session:
        yield session
    app.state.store.close()


async def test_members_are_not_counted_when_the_budget_is_small(poor: CallerSession) -> None:
    """A preview leaves the hour's budget for other work, and says that it did not count."""
    await poor.call("update_tier", **GOLD)
    spec = with_gold_at(await poor.exported("VIP Club"), 650)

    assert "would_move" not in await poor.call("plan_program", spec=spec)
