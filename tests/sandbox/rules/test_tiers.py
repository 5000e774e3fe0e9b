from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.sandbox.rules.periods import DayOfYear, PeriodUnit
from loyalty_mcp.sandbox.rules.tiers import (
    Condition,
    Ladder,
    Schedule,
    ScheduleModifier,
    Strategy,
    Tier,
    TierMembership,
    anniversary_after,
    conditions_hold,
    downgrade_due_after,
    earned_tier,
    entry_tier,
    evaluate_tier,
    from_low_to_high,
    on_balance_change,
    threshold,
    upgrade_due_after,
)

ENROLLED = datetime(2024, 2, 29, 12, tzinfo=UTC)
STRATEGIES: list[Strategy] = ["real_time", "membership_anniversary", "tier_anniversary"]


def tier(name: str, minimum: int, definition: str = "points") -> Tier:
    """Make a tier with one condition."""
    return Tier(name, name, (Condition(definition, Decimal(minimum)),))


BRONZE, SILVER, GOLD = tier("bronze", 0), tier("silver", 300), tier("gold", 500)


def ladder(
    upgrade: Strategy = "real_time",
    downgrade: Strategy = "real_time",
    tiers: tuple[Tier, ...] = (BRONZE, SILVER, GOLD),
    upgrade_schedule: Schedule | None = None,
    downgrade_schedule: Schedule | None = None,
) -> Ladder:
    """Make a group of Bronze 0, Silver 300, Gold 500."""
    return Ladder("group", tiers, upgrade, downgrade, upgrade_schedule, downgrade_schedule)


def points(amount: int) -> dict[str, Decimal]:
    """Make a balance of points."""
    return {"points": Decimal(amount)}


def test_highest_tier_that_holds_wins() -> None:
    """The highest tier whose condition holds is earned (inferred, our choice)."""
    assert earned_tier(ladder(), points(499)) == SILVER
    assert earned_tier(ladder(), points(500)) == GOLD


def test_all_conditions_must_hold() -> None:
    """A tier with two conditions needs both (undocumented, the safer reading)."""
    both = Tier("both", "both", (Condition("points", Decimal(10)), Condition("eur", Decimal(5))))

    assert not conditions_hold(both, points(10))
    assert conditions_hold(both, {"points": Decimal(10), "eur": Decimal(5)})


def test_a_tier_without_conditions_holds_for_all() -> None:
    """A tier without conditions is open to every member."""
    assert conditions_hold(Tier("open", "open", ()), {})


def test_entry_tier_is_what_nothing_earns() -> None:
    """A member who has nothing enters on the tier with threshold 0 (documented)."""
    assert entry_tier(ladder()) == BRONZE
    assert entry_tier(ladder(tiers=(SILVER,))) is None


def test_tier_order_decides() -> None:
    """`tierOrder` lists the tiers from low to high, whatever their thresholds (documented)."""
    ordered = from_low_to_high([BRONZE, SILVER, GOLD], ["gold", "silver", "bronze"])

    assert ordered == (GOLD, SILVER, BRONZE)


def test_thresholds_order_what_tier_order_leaves_out() -> None:
    """A tier that `tierOrder` does not name stands where its threshold puts it (our choice)."""
    platinum = tier("platinum", 900)

    assert from_low_to_high([GOLD, BRONZE, SILVER], []) == (BRONZE, SILVER, GOLD)
    assert (BRONZE, SILVER, GOLD, platinum) == from_low_to_high(
        [platinum, GOLD, BRONZE, SILVER], ["bronze", "gold", "unknown"]
    )


def test_same_demands_have_the_same_threshold() -> None:
    """Two tiers that demand the same cannot be told apart by their threshold."""
    assert threshold(SILVER.conditions) == threshold(tier("other", 300).conditions)
    assert threshold(SILVER.conditions) != threshold(tier("other", 300, "eur").conditions)


def test_real_time_moves_both_ways() -> None:
    """With `real_time` a balance change raises and lowers at once (documented)."""
    assert on_balance_change(ladder(), "bronze", points(350)) == "silver"
    assert on_balance_change(ladder(), "gold", points(10)) == "bronze"


@pytest.mark.parametrize("strategy", ["membership_anniversary", "tier_anniversary"])
def test_anniversary_strategies_wait(strategy: Strategy) -> None:
    """With an anniversary strategy a balance change moves nobody in that direction."""
    assert on_balance_change(ladder(upgrade=strategy), "bronze", points(900)) == "bronze"
    assert on_balance_change(ladder(upgrade=strategy), "gold", points(0)) == "bronze"
    assert on_balance_change(ladder(downgrade=strategy), "gold", points(0)) == "gold"
    assert on_balance_change(ladder(downgrade=strategy), "bronze", points(900)) == "gold"


def test_a_tier_given_by_hand_stays_until_a_downgrade_is_due() -> None:
    """A tier above what is earned stays unless a downgrade evaluation is due (our choice)."""
    stays = evaluate_tier(ladder(), "gold", points(0), upgrade_due=True, downgrade_due=False)
    falls = evaluate_tier(ladder(), "gold", points(0), upgrade_due=False, downgrade_due=True)

    assert (stays, falls) == ("gold", "bronze")


def test_a_member_on_no_tier_enters_first() -> None:
    """A member who is on no tier is put on the entry tier even when no upgrade is due."""
    waits = ladder("membership_anniversary", "membership_anniversary")

    assert on_balance_change(waits, None, points(900)) == "bronze"
    assert on_balance_change(waits, "deleted", points(900)) == "bronze"
    assert on_balance_change(ladder(), None, points(900)) == "gold"


def test_no_tier_holds_no_tier_is_given() -> None:
    """Where no tier conditions_hold, a due downgrade leaves a member on none."""
    high = ladder(tiers=(SILVER, GOLD))

    assert on_balance_change(high, None, points(10)) is None
    assert on_balance_change(high, "silver", points(10)) is None


def test_overdrawn_member_does_not_enter_a_tier_that_does_not_hold() -> None:
    """A balance below 0 does not even hold the entry tier."""
    assert on_balance_change(ladder(), None, points(-5)) is None


def test_real_time_has_no_due_time() -> None:
    """`real_time` waits for no date, whatever schedule came with it (our choice)."""
    scheduled = ladder(upgrade_schedule=Schedule(1, "month"))

    assert upgrade_due_after(scheduled, TierMembership(ENROLLED), ENROLLED) is None
    assert downgrade_due_after(ladder(), TierMembership(ENROLLED), ENROLLED) is None


def test_membership_anniversary_follows_the_enrolment() -> None:
    """`membership_anniversary` is yearly on the enrolment date; 29 February falls to the 28th."""
    group = ladder("membership_anniversary", "real_time")
    membership = TierMembership(ENROLLED, "gold", datetime(2025, 7, 1, tzinfo=UTC))

    assert datetime(2025, 2, 28, 12, tzinfo=UTC) == upgrade_due_after(group, membership, ENROLLED)
    assert datetime(2028, 2, 29, 12, tzinfo=UTC) == upgrade_due_after(
        group, membership, datetime(2027, 3, 1, tzinfo=UTC)
    )


def test_tier_anniversary_follows_the_entry() -> None:
    """`tier_anniversary` is yearly on the day the tier was entered (documented)."""
    group = ladder("real_time", "tier_anniversary")
    entered = datetime(2025, 7, 1, 8, tzinfo=UTC)

    assert datetime(2026, 7, 1, 8, tzinfo=UTC) == downgrade_due_after(
        group, TierMembership(ENROLLED, "gold", entered), entered
    )


def test_tier_anniversary_of_nobodys_tier_follows_the_enrolment() -> None:
    """Without a tier there is only the enrolment to count from (our choice)."""
    group = ladder("tier_anniversary")

    assert datetime(2025, 2, 28, 12, tzinfo=UTC) == upgrade_due_after(
        group, TierMembership(ENROLLED), ENROLLED
    )


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (Schedule(), datetime(2025, 2, 28, 12, tzinfo=UTC)),
        (Schedule(6, "month"), datetime(2024, 8, 29, 12, tzinfo=UTC)),
        (Schedule(6, "month", "start_of_period"), datetime(2024, 8, 1, tzinfo=UTC)),
        (Schedule(6, "month", "end_of_period"), datetime(2024, 9, 1, tzinfo=UTC)),
        (Schedule(1, "week", "end_of_period"), datetime(2024, 3, 11, tzinfo=UTC)),
        (Schedule(scheduled_date=DayOfYear(31, 12)), datetime(2024, 12, 31, tzinfo=UTC)),
        (Schedule(scheduled_date=DayOfYear(29, 2)), datetime(2025, 2, 28, tzinfo=UTC)),
    ],
)
def test_schedule_replaces_the_year(schedule: Schedule, due: datetime) -> None:
    """A schedule sets another interval, snapped where asked, or a fixed day (our choice)."""
    group = ladder("membership_anniversary", upgrade_schedule=schedule)

    assert due == upgrade_due_after(group, TierMembership(ENROLLED), ENROLLED)


def test_month_anniversaries_do_not_drift() -> None:
    """Monthly anniversaries of the 31st return to the 31st after a short month."""
    origin = datetime(2026, 1, 31, tzinfo=UTC)
    february = anniversary_after(origin, origin, months=1)

    assert datetime(2026, 2, 28, tzinfo=UTC) == february
    assert datetime(2026, 3, 31, tzinfo=UTC) == anniversary_after(origin, february, months=1)


@given(
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 30),
    st.sampled_from([None, "start_of_period", "end_of_period"]),
    st.timedeltas(timedelta(0), timedelta(days=9000)),
)
def test_due_times_lie_ahead_and_leave_none_out(
    unit: PeriodUnit, value: int, modifier: ScheduleModifier | None, passed: timedelta
) -> None:
    """The next due time is after the moment, and asking from just before it finds it again."""
    group = ladder("membership_anniversary", upgrade_schedule=Schedule(value, unit, modifier))
    moment = ENROLLED + passed
    due = upgrade_due_after(group, TierMembership(ENROLLED), moment)

    assert due is not None
    assert due > moment
    assert due == upgrade_due_after(
        group, TierMembership(ENROLLED), due - timedelta(microseconds=1)
    )


@given(
    st.sampled_from(STRATEGIES),
    st.sampled_from(STRATEGIES),
    st.lists(st.tuples(st.integers(0, 700), st.booleans(), st.booleans()), max_size=30),
)
def test_nobody_is_on_a_tier_that_never_held(
    upgrade: Strategy, downgrade: Strategy, history: list[tuple[int, bool, bool]]
) -> None:
    """Whatever is due when, a member only stands on tiers whose condition held at some time."""
    group = ladder(upgrade, downgrade)
    held = {"bronze"}
    current: str | None = "bronze"

    for balance, upgrade_due, downgrade_due in history:
        held |= {each.id for each in group.tiers if conditions_hold(each, points(balance))}
        current = on_balance_change(group, current, points(balance))
        current = evaluate_tier(
            group,
            current,
            points(balance),
            upgrade_due=upgrade_due,
            downgrade_due=downgrade_due,
        )

        assert current in held
