"""Finding members by balance and tier: the right ones, in few requests, without personal data."""

from decimal import Decimal
from typing import Any

import pytest

from tests.tools.reports.conftest import Call

SILVER, GOLD = 300, 500


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"minimum": 300},
        {"minimum": 300.5},
        {"maximum": 120},
        {"minimum": 120, "maximum": 450},
        {"minimum": 500, "maximum": 500},
        {"minimum": 5000},
        {"maximum": -1},
        {"minimum": 0, "maximum": 0, "limit": 50},
    ],
)
async def test_the_members_of_a_range(
    call: Call, crowd: list[Decimal], arguments: dict[str, Any]
) -> None:
    """Those in the range are counted, and the highest shown, as the engine's own rows say."""
    lowest, highest = arguments.get("minimum", -(10**9)), arguments.get("maximum", 10**9)
    expected = [balance for balance in crowd if lowest <= balance <= highest]

    found = (await call("find_members", **arguments)).structured

    assert found["count"] == len(expected)
    shown = [member["balance"] for member in found["members"]]
    assert shown == [float(balance) for balance in expected[: arguments.get("limit", 10)]]


@pytest.mark.parametrize(
    ("tier", "lowest", "below"),
    [("bronze", 0, SILVER), ("silver", SILVER, GOLD), ("gold", GOLD, 10**9)],
)
async def test_the_members_of_a_tier(
    call: Call, crowd: list[Decimal], tier: str, lowest: int, below: int
) -> None:
    """A tier means the balances from its threshold to that of the next."""
    expected = [balance for balance in crowd if lowest <= balance < below]

    found = (await call("find_members", tier=tier)).structured

    assert found["count"] == len(expected)
    assert {member["tier"] for member in found["members"]} == {tier.title()}


@pytest.mark.usefixtures("crowd")
async def test_a_tier_and_a_range_that_exclude_each_other(call: Call) -> None:
    """Nobody has a tier with a balance below its threshold."""
    found = (await call("find_members", tier="gold", maximum=100)).structured

    assert (found["count"], found["members"]) == (0, [])


@pytest.mark.usefixtures("crowd")
async def test_the_highest_take_one_page_and_their_names(call: Call) -> None:
    """Who leads takes one request for balances, and one for the names."""
    found = (await call("find_members", limit=5)).structured

    assert found["requests"] == 2
    assert len(found["members"]) == 5


async def test_people_are_named_without_their_data(call: Call) -> None:
    """A member has a first name with an initial and the own id; neither email nor phone."""
    answer = await call("find_members", maximum=400, minimum=200)

    assert answer.structured["members"] == [
        {
            "contact_id": 105,
            "own_id": "VIP-105",
            "name": "Elena G.",
            "balance": 330,
            "tier": "Silver",
        },
        {
            "contact_id": 101,
            "own_id": "VIP-101",
            "name": "Anna K.",
            "balance": 280,
            "tier": "Bronze",
        },
    ]
    assert "@" not in answer.text


async def test_the_text_stands_alone(call: Call) -> None:
    """The text says how many there are, who leads, and what it took."""
    found = await call("find_members", tier="gold", limit=1)
    none = await call("find_members", minimum=9000)

    assert found.text.split("\n") == [
        '[sandbox] Found 2 members by "Purchase Points", of whom here are 1:',
        '- "Chloé D.", contact 103, own id "VIP-103": 620 points, "Gold"',
        "This took 2 requests.",
    ]
    assert none.text == '[sandbox] Found no member by "Purchase Points". This took 1 request.'


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"minimum": 5, "maximum": 4}, "Argument minimum must not be above maximum."),
        ({"tier": "Platinum"}, 'No tier is called "Platinum".'),
        ({"limit": 51}, 'Argument "limit"'),
    ],
)
async def test_bad_input_is_refused(call: Call, arguments: dict[str, Any], sentence: str) -> None:
    """A range upside down, an unknown tier and too long a list are one clear sentence."""
    answer = await call("find_members", **arguments)

    assert answer.failed
    assert sentence in answer.text
