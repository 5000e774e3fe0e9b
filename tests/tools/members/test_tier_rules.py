"""Where a member stands, and that the engine, written apart from this, agrees."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier, TierCondition
from loyalty_mcp.sandbox.rules import tiers as engine
from loyalty_mcp.tools.members.tier_rules import (
    after_change,
    earned,
    holds,
    ladder,
    next_after,
    shortfall,
)

POINTS, NIGHTS = "points", "nights"
STRATEGIES = ("real_time", "membership_anniversary", "tier_anniversary")


def tier(name: str, of: str = "status", **minimums: int) -> Tier:
    """A tier that asks for so much of each balance."""
    conditions = [
        TierCondition(balance_definition_id=balance, minimum_value=Decimal(minimum))
        for balance, minimum in minimums.items()
    ]
    return Tier(tier_id=name, name=name.title(), group_id=of, access_conditions=conditions)


def group(*order: str, up: str | None = "real_time", down: str | None = "real_time") -> TierGroup:
    """The group "status"."""
    return TierGroup(id="status", tier_order=order, upgrade_strategy=up, downgrade_strategy=down)


def having(points: int, nights: int = 0) -> Mapping[str, Decimal]:
    """What a member has."""
    return {POINTS: Decimal(points), NIGHTS: Decimal(nights)}


BRONZE, SILVER, GOLD = (
    tier("bronze", points=0),
    tier("silver", points=300),
    tier("gold", points=500),
)
RUNGS = (BRONZE, SILVER, GOLD)
STAY = tier("stay", points=100, nights=10)


@pytest.mark.parametrize("order", [("bronze", "silver", "gold"), ()])
def test_ladder_goes_from_low_to_high(order: tuple[str, ...]) -> None:
    """Tiers stand in the group's order, or by their thresholds where it has none."""
    assert ladder(group(*order), [GOLD, BRONZE, SILVER]) == [BRONZE, SILVER, GOLD]


def test_order_wins_over_thresholds() -> None:
    """The operator's order is the order."""
    assert ladder(group("gold", "silver", "bronze"), RUNGS) == [GOLD, SILVER, BRONZE]


def test_tier_that_the_order_leaves_out() -> None:
    """A tier that the order forgot stands where its threshold puts it."""
    assert ladder(group("bronze", "gold", "gone"), RUNGS) == [BRONZE, SILVER, GOLD]


def test_tiers_of_other_groups_are_not_on_the_ladder() -> None:
    """A ladder is one group's."""
    assert ladder(group(), [BRONZE, tier("red", "colours", points=1)]) == [BRONZE]


def test_every_condition_has_to_hold() -> None:
    """A tier with two conditions needs both."""
    assert not holds(STAY, having(100))
    assert not holds(STAY, having(0, 10))
    assert holds(STAY, having(100, 10))


def test_shortfall_names_what_is_missing() -> None:
    """What is missing is told by balance, and only where something is."""
    assert shortfall(STAY, having(40, 10)) == {POINTS: Decimal(60)}
    assert shortfall(STAY, {}) == {POINTS: Decimal(100), NIGHTS: Decimal(10)}
    assert shortfall(STAY, having(100, 10)) == {}


@pytest.mark.parametrize(
    ("points", "found"), [(-1, None), (0, BRONZE), (299, BRONZE), (300, SILVER), (9999, GOLD)]
)
def test_highest_tier_that_holds_is_earned(points: int, found: Tier | None) -> None:
    """A threshold is reached at its very amount."""
    assert earned(RUNGS, having(points)) == found


@pytest.mark.parametrize(
    ("current", "points", "name", "missing"),
    [
        ("bronze", 280, "Silver", 20),
        ("silver", 300, "Gold", 200),
        ("silver", 100, "Gold", 400),
        (None, 280, "Silver", 20),
        ("unknown", 280, "Silver", 20),
    ],
)
def test_next_tier_and_what_is_missing(
    current: str | None, points: int, name: str, missing: int
) -> None:
    """The next tier is the first above the present one that is not reached yet."""
    ahead = next_after(RUNGS, current, having(points))

    assert ahead is not None
    assert (ahead.tier, ahead.by_balance) == (name, {POINTS: Decimal(missing)})


@pytest.mark.parametrize("current", ["gold", "silver"])
def test_nothing_is_above_the_top(current: str) -> None:
    """Who has all that the highest tier asks for lacks nothing."""
    assert next_after(RUNGS, current, having(500)) is None


@pytest.mark.parametrize(
    ("current", "points", "up", "down", "found"),
    [
        pytest.param("bronze", 300, "real_time", "real_time", SILVER, id="rises at once"),
        pytest.param("bronze", 600, "real_time", "real_time", GOLD, id="rises two steps"),
        pytest.param("bronze", 300, None, None, SILVER, id="by default at once"),
        pytest.param("bronze", 300, "tier_anniversary", "real_time", BRONZE, id="rises later"),
        pytest.param("gold", 10, "real_time", "real_time", BRONZE, id="falls at once"),
        pytest.param("gold", 10, "real_time", "membership_anniversary", GOLD, id="falls later"),
        pytest.param("silver", 310, "real_time", "real_time", SILVER, id="stays"),
        pytest.param(None, 310, "real_time", "real_time", SILVER, id="first tier"),
        pytest.param(None, 310, "tier_anniversary", "real_time", BRONZE, id="entry tier"),
        pytest.param("bronze", -5, "real_time", "real_time", None, id="falls off"),
        pytest.param("bronze", -5, "real_time", "tier_anniversary", BRONZE, id="falls off later"),
    ],
)
def test_tier_after_a_change(
    current: str | None, points: int, up: str | None, down: str | None, found: Tier | None
) -> None:
    """A tier changes at once only where the group's strategy says so."""
    assert after_change(group(up=up, down=down), RUNGS, current, having(points)) == found


amounts = st.integers(-5, 12).map(lambda hundreds: hundreds * 100)
ladders = st.lists(
    st.fixed_dictionaries({}, optional={POINTS: amounts, NIGHTS: amounts}), max_size=5
)


@given(
    ladders,
    st.randoms(use_true_random=False),
    st.sampled_from(STRATEGIES),
    st.sampled_from(STRATEGIES),
    st.fixed_dictionaries({}, optional={POINTS: amounts, NIGHTS: amounts}),
    st.integers(-1, 5),
)
def test_the_engine_agrees(
    minimums: list[dict[str, int]],
    chance: Any,
    up: Any,
    down: Any,
    held: dict[str, int],
    place: int,
) -> None:
    """What a preview says of tiers is what the engine, which shares no code with it, then does."""
    ours = [
        tier(f"t{number}", "status", **conditions) for number, conditions in enumerate(minimums)
    ]
    theirs = [
        engine.Tier(
            f"t{number}",
            "",
            tuple(engine.Condition(name, Decimal(value)) for name, value in conditions.items()),
        )
        for number, conditions in enumerate(minimums)
    ]
    order = chance.sample([item.tier_id for item in ours], chance.randint(0, len(ours)))
    balances = {name: Decimal(value) for name, value in held.items()}
    current = f"t{place}" if place >= 0 else None

    rungs = ladder(group(*order, up=up, down=down), ours)
    found = after_change(group(*order, up=up, down=down), rungs, current, balances)

    their_ladder = engine.Ladder("status", engine.from_low_to_high(theirs, order), up, down)
    assert [rung.tier_id for rung in rungs] == [rung.id for rung in their_ladder.tiers]
    expected = engine.on_balance_change(their_ladder, current, balances)
    assert (found.tier_id if found else None) == expected
