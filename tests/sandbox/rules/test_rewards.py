from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.sandbox.errors import ExpectationFailed, NotAllowed, PreconditionFailed
from loyalty_mcp.sandbox.rules.code_patterns import generated_code
from loyalty_mcp.sandbox.rules.ledger import Span
from loyalty_mcp.sandbox.rules.redemptions import (
    Redemption,
    redemption_expiry,
    redemption_status,
    require_open_redemption,
)
from loyalty_mcp.sandbox.rules.rewards import (
    Action,
    Ceiling,
    Reward,
    RewardLimit,
    ceilings,
    require_attributable,
    require_redeemable,
    subtraction,
)
from loyalty_mcp.sandbox.rules.voucher_dates import parse_voucher_expiration, parse_voucher_moment
from loyalty_mcp.sandbox.rules.vouchers import (
    Voucher,
    best_voucher,
    require_usable,
    voucher_expiry,
    voucher_state,
)

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
VOUCHER = Voucher("v", "r", 101, NOW - HOUR)
REWARD = Reward("r")


def none_yet(_: Ceiling) -> int:
    """Count nothing."""
    return 0


def counter(of_member: int, of_all: int) -> Callable[[Ceiling], int]:
    """Count so many actions of the member, and so many of all."""
    return lambda ceiling: of_member if ceiling.per_consumer else of_all


@pytest.mark.parametrize(
    ("voucher", "held", "state"),
    [
        (VOUCHER, False, "usable"),
        (VOUCHER, True, "held"),
        (replace(VOUCHER, valid_from=NOW), False, "usable"),
        (replace(VOUCHER, valid_from=NOW + HOUR), True, "not_yet_valid"),
        (replace(VOUCHER, expires_at=NOW + HOUR), False, "usable"),
        (replace(VOUCHER, expires_at=NOW), False, "expired"),
        (replace(VOUCHER, consumed_at=NOW, expires_at=NOW), False, "consumed"),
        (replace(VOUCHER, revoked_at=NOW), True, "revoked"),
    ],
)
def test_voucher_states(voucher: Voucher, held: bool, state: str) -> None:
    """A voucher is usable from `validFrom` up to, not including, its expiry; used once."""
    assert state == voucher_state(voucher, NOW, held=held)


def test_an_unusable_voucher_fails_the_precondition() -> None:
    """A voucher that is not in a state to be redeemed is a 412 (our choice)."""
    with pytest.raises(PreconditionFailed, match="already been redeemed"):
        require_usable(replace(VOUCHER, consumed_at=NOW), NOW)
    with pytest.raises(PreconditionFailed, match="open redemption"):
        require_usable(VOUCHER, NOW, held=True)
    require_usable(VOUCHER, NOW)


def test_an_open_redemption_lapses_with_its_ttl() -> None:
    """There is no cancel: an open redemption ends when its seconds are over (inferred)."""
    opened = Redemption("x", "v", NOW, redemption_expiry(NOW, 60))

    assert redemption_status(opened, NOW + timedelta(seconds=59)) == "draft"
    assert redemption_status(opened, NOW + timedelta(seconds=60)) == "expired"


@pytest.mark.parametrize("ttl", [None, 0])
def test_without_ttl_a_redemption_stays_open(ttl: int | None) -> None:
    """Without a ttl, or with 0, a redemption does not lapse (our choice)."""
    assert redemption_expiry(NOW, ttl) is None
    assert redemption_status(Redemption("x", "v", NOW), NOW + 1000 * HOUR) == "draft"


def test_a_redemption_is_resolved_once() -> None:
    """A redemption that has come to its end cannot be completed."""
    with pytest.raises(PreconditionFailed, match="completed"):
        require_open_redemption(Redemption("x", "v", NOW, resolution="completed"), NOW)
    with pytest.raises(PreconditionFailed, match="expired"):
        require_open_redemption(Redemption("x", "v", NOW, NOW + HOUR), NOW + HOUR)


@pytest.mark.parametrize(
    "reward",
    [
        replace(REWARD, start_date=NOW + HOUR),
        replace(REWARD, end_date=NOW),
        replace(REWARD, disabled_at=NOW),
    ],
)
def test_a_closed_reward_is_neither_issued_nor_used(reward: Reward) -> None:
    """Before its start, from its end and while disabled a reward is refused: 422 and 417."""
    with pytest.raises(NotAllowed):
        require_attributable(reward, NOW, none_yet)
    with pytest.raises(ExpectationFailed):
        require_redeemable(reward, NOW, none_yet)


def test_attribution_ceilings() -> None:
    """`totalAttribution` counts all vouchers, `attributionPerConsumer` those of the member."""
    reward = replace(REWARD, total_attribution=10, attribution_per_consumer=2)

    require_attributable(reward, NOW, counter(1, 9))
    with pytest.raises(NotAllowed, match="this member at most 2"):
        require_attributable(reward, NOW, counter(2, 9))
    with pytest.raises(NotAllowed, match="all members at most 10"):
        require_attributable(reward, NOW, counter(1, 10))


def test_redemption_ceilings() -> None:
    """`totalRedeem` and `redeemPerConsumer` bound the uses; passing them is a 417 (our choice)."""
    reward = replace(REWARD, total_redeem=3, redeem_per_consumer=1)

    require_redeemable(reward, NOW, counter(0, 2))
    with pytest.raises(ExpectationFailed, match="this member"):
        require_redeemable(reward, NOW, counter(1, 2))
    with pytest.raises(ExpectationFailed, match="all members"):
        require_redeemable(reward, NOW, counter(0, 3))


def test_a_limit_of_zero_refuses_all() -> None:
    """A ceiling of 0 is a ceiling, not the absence of one."""
    with pytest.raises(NotAllowed):
        require_attributable(replace(REWARD, total_attribution=0), NOW, none_yet)


@pytest.mark.parametrize(
    ("kind", "action", "per_consumer"),
    [
        ("attribution", "attribution", False),
        ("attributionPerConsumer", "attribution", True),
        ("totalRedeem", "redeem", False),
        ("redeemPerConsumer", "redeem", True),
    ],
)
def test_limits_have_windows(kind: str, action: Action, per_consumer: bool) -> None:
    """A limit with a duration counts in a calendar or a sliding window."""
    calendar = RewardLimit(kind, 5, 1, "day")
    sliding = RewardLimit(kind, 5, 1, "day", sliding=True)
    ever = RewardLimit(kind, 5)
    reward = replace(REWARD, limits=(calendar, sliding, ever))

    assert [
        Ceiling(5, per_consumer, datetime(2026, 11, 18, tzinfo=UTC)),
        Ceiling(5, per_consumer, NOW - timedelta(days=1), since_excluded=True),
        Ceiling(5, per_consumer),
    ] == ceilings(reward, action, NOW)


def test_voucher_expiry_comes_from_the_reward() -> None:
    """A fixed date wins; a duration runs from when the voucher is valid, snapped where asked."""
    month = replace(REWARD, life=Span(1, "month"))
    snapped = replace(REWARD, life=Span(1, "month", "endOfPeriod"))

    assert voucher_expiry(REWARD, NOW, None) is None
    assert voucher_expiry(month, NOW, None) == datetime(2026, 12, 18, 15, 30, tzinfo=UTC)
    assert voucher_expiry(snapped, NOW, None) == datetime(2027, 1, 1, tzinfo=UTC)
    assert voucher_expiry(month, NOW, NOW + 24 * HOUR) == datetime(2026, 12, 19, 15, 30, tzinfo=UTC)
    assert voucher_expiry(replace(month, expiration_date=NOW + HOUR), NOW, None) == NOW + HOUR


def test_what_a_voucher_costs() -> None:
    """The value, or the whole balance, or with `partial` what is there of the value."""
    free = replace(REWARD, subtract_balance_definition_id="points")
    fixed = replace(free, subtract_balance_value=Decimal(100))

    assert subtraction(REWARD, Decimal(50)) is None
    assert subtraction(free, Decimal(50)) is None
    assert subtraction(fixed, Decimal(50)) == Decimal(100)
    assert subtraction(replace(fixed, subtract_balance_strategy="partial"), Decimal(50)) == Decimal(
        50
    )
    assert subtraction(replace(fixed, subtract_total_balance=True), Decimal(250)) == Decimal(250)
    assert subtraction(replace(fixed, subtract_total_balance=True), Decimal(-5)) == Decimal(0)


def test_when_a_voucher_costs() -> None:
    """The balance is taken on redemption unless the strategy says attribution (our choice)."""
    assert not REWARD.subtracts_at_issue
    assert not replace(REWARD, subtract_balance_strategy="redeem").subtracts_at_issue
    assert replace(REWARD, subtract_balance_strategy="attribution").subtracts_at_issue


def test_the_soonest_to_expire_is_used_first() -> None:
    """Of several vouchers of one reward the soonest to expire is used, then the oldest."""
    late = replace(VOUCHER, id="late", expires_at=NOW + 2 * HOUR)
    soon = replace(VOUCHER, id="soon", expires_at=NOW + HOUR)
    older = replace(VOUCHER, id="older", created_at=NOW - 2 * HOUR)

    assert best_voucher([VOUCHER, late, soon]) == soon
    assert best_voucher([VOUCHER, older]) == older
    assert best_voucher([]) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-18T15:30:00Z", NOW),
        ("2026-11-18T16:30:00.000+01:00", NOW),
        ("18/11/2026 03:30 PM", NOW),
        ("18/11/2026 12:05 AM", datetime(2026, 11, 18, 0, 5, tzinfo=UTC)),
        ("18/11/2026 12:05 pm", datetime(2026, 11, 18, 12, 5, tzinfo=UTC)),
    ],
)
def test_moments_are_read_in_both_forms(text: str, moment: datetime) -> None:
    """`validFrom` is RFC 3339 or DD/MM/YYYY HH:MM AM/PM (documented)."""
    assert moment == parse_voucher_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-11-18T15:30:00",
        "2026-13-18T15:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "31/02/2026 03:30 PM",
        "18/11/2026 13:30 PM",
        "18/11/2026 00:30 AM",
        "18/11/2026 03:60 PM",
        "11/18/2026",
        "18/11/1066 03:30 PM",
        "18/11/٢٠٢٦ 03:30 PM",
    ],
)
def test_what_names_no_moment_is_refused(text: str) -> None:
    """A text without a zone, or of a day or an hour that does not exist, is no moment."""
    with pytest.raises(ValueError):  # noqa: PT011 - the route says which field it was
        parse_voucher_moment(text)


@pytest.mark.parametrize("text", ["31/12/2026", "2026-12-31"])
def test_an_expiration_day_lasts_to_its_end(text: str) -> None:
    """A day given as an expiration is valid until it is over (our choice)."""
    assert datetime(2027, 1, 1, tzinfo=UTC) == parse_voucher_expiration(text)


@pytest.mark.parametrize("text", ["32/12/2026", "2026-02-30", "31/12/9999", "31-12-2026"])
def test_what_names_no_day_is_refused(text: str) -> None:
    """A day that does not exist, or lies outside the calendar, is no expiration."""
    with pytest.raises(ValueError):  # noqa: PT011 - the route says which field it was
        parse_voucher_expiration(text)


def test_codes_follow_their_pattern() -> None:
    """`#` becomes a digit and `?` a letter; without a pattern ten clear characters."""
    draw = Random(1).randrange

    patterned = generated_code("VIP-??-###", draw)
    assert patterned.startswith("VIP-")
    assert patterned[4:6].isalpha()
    assert patterned[7:].isdigit()
    assert len(generated_code(None, draw)) == 10


@given(
    st.lists(st.tuples(st.integers(0, 2), st.timedeltas(timedelta(0), timedelta(days=2)))),
    st.integers(0, 6),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_ceiling_is_ever_passed(
    steps: list[tuple[int, timedelta]], total: int, each: int, daily: int, sliding: bool
) -> None:
    """Whoever only redeems what is allowed never passes a total, a member's or a daily ceiling."""
    reward = replace(
        REWARD,
        total_redeem=total,
        redeem_per_consumer=each,
        limits=(RewardLimit("redeem", daily, 1, "day", sliding=sliding),),
    )
    done: list[tuple[int, datetime]] = []
    now = NOW

    for contact, step in steps:
        now += step

        def seen(ceiling: Ceiling, contact: int = contact) -> int:
            return sum(
                1
                for who, when in done
                if (who == contact or not ceiling.per_consumer)
                and (
                    ceiling.since is None
                    or when > ceiling.since
                    or (when == ceiling.since and not ceiling.since_excluded)
                )
            )

        try:
            require_redeemable(reward, now, seen)
        except ExpectationFailed:
            continue
        done.append((contact, now))

        assert len(done) <= total
        assert sum(who == contact for who, _ in done) <= each
        assert seen(ceilings(reward, "redeem", now)[2]) <= daily
