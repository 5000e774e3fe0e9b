"""The edges of the ledger's rules: what is just allowed, what is just refused, and what is said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from loyalty_mcp.sandbox.errors import Invalid, NotAllowed
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.amounts import LIMIT
from loyalty_mcp.sandbox.rules.ledger import BalanceRules, Lot, Span

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("rules", "balance", "amount", "says"),
    [
        (
            BalanceRules(credit_ceiling=Decimal(50)),
            100,
            51,
            "The amount exceeds the largest credit of this balance.",
        ),
        (
            BalanceRules(debit_ceiling=Decimal(20)),
            100,
            -21,
            "The amount exceeds the largest debit of this balance.",
        ),
        (
            BalanceRules(ceiling=Decimal(100)),
            90,
            11,
            "The credit would exceed the highest balance allowed.",
        ),
        (
            BalanceRules(),
            LIMIT - 1,
            1,
            "The credit would exceed the highest balance the engine keeps.",
        ),
        (BalanceRules(), 10, -11, "The balance is too low for this debit."),
    ],
)
def test_a_refused_movement_says_which_bound_it_met(
    rules: BalanceRules, balance: int, amount: int, says: str
) -> None:
    """The sentence is the API's error message, which reaches the person who asked."""
    with pytest.raises(NotAllowed) as refused:
        ledger.apply_movement(rules, [Lot(1, Decimal(balance))], Decimal(amount), NOW)

    assert str(refused.value) == says


def test_a_refused_amount_says_why() -> None:
    """Zero is refused as it is given, and again if rounding leaves nothing."""
    with pytest.raises(Invalid) as zero:
        ledger.signed_amount(Decimal(0), None)
    with pytest.raises(Invalid) as rounded:
        ledger.rounded_amount(BalanceRules(debit_rounding="lower"), Decimal("-0.9"))

    assert str(zero.value) == "amount: must not be zero"
    assert str(rounded.value) == "amount: rounds to zero in this balance"
    assert ledger.signed_amount(Decimal(1), None) == 1


def test_a_resolved_transaction_says_what_it_is() -> None:
    """Whoever completes it twice learns that it is completed."""
    with pytest.raises(NotAllowed) as refused:
        ledger.require_open_transaction("completed")

    assert str(refused.value) == "The transaction is completed and can no longer change."


def test_a_movement_may_be_as_large_as_its_ceiling() -> None:
    """The ceilings of one movement are the largest that is allowed."""
    rules = BalanceRules(credit_ceiling=Decimal(50), debit_ceiling=Decimal(20))
    lots = [Lot(1, Decimal(100))]

    assert ledger.apply_movement(rules, lots, Decimal(50), NOW).balance == 150
    assert ledger.apply_movement(rules, lots, Decimal(-20), NOW).balance == 80


@pytest.mark.parametrize("amount", ["0.5", "-0.5", "1", "-1"])
def test_less_than_a_point_moves_like_any_amount(amount: str) -> None:
    """The sign tells a credit from a debit, whatever the size."""
    moved = Decimal(amount)
    rules = BalanceRules(credit_rounding="upper") if moved < 0 else BalanceRules()

    assert ledger.type_of(moved) == ("credit" if moved > 0 else "debit")
    assert ledger.rounded_amount(rules, moved) == moved
    done = ledger.apply_movement(rules, [Lot(1, Decimal("0.5")), Lot(2, Decimal(1))], moved, NOW)
    assert done.balance == Decimal("1.5") + moved
    assert (done.opened is None) == (moved < 0)


def test_an_amount_may_round_to_one() -> None:
    """Only what rounds to zero is refused."""
    assert ledger.rounded_amount(BalanceRules(credit_rounding="lower"), Decimal("1.5")) == 1


@pytest.mark.parametrize(
    ("unit", "rounding", "held", "fits"),
    [
        ("POINTS", None, "90.5", "9.5"),
        ("POINTS", "upper", "90.5", "9"),
        ("EUR", "natural", "90.505", "9.49"),
        ("POINTS", "lower", "99", "1"),
    ],
)
def test_what_fits_below_the_ceiling_is_rounded_down(
    unit: str, rounding: ledger.Rounding | None, held: str, fits: str
) -> None:
    """A trimmed credit is one that the definition allows, and never passes the ceiling."""
    rules = BalanceRules(unit=unit, ceiling=Decimal(100), partial=True, credit_rounding=rounding)
    done = ledger.apply_movement(rules, [Lot(1, Decimal(held))], Decimal(50), NOW)

    assert done.applied == Decimal(fits)
    assert done.balance == Decimal(held) + Decimal(fits)


def test_no_debt_reaches_the_engines_limit() -> None:
    """However low the floor, a balance stays above minus the limit."""
    rules = BalanceRules(floor=-10 * LIMIT)

    assert ledger.apply_movement(rules, [], 1 - LIMIT, NOW).balance == 1 - LIMIT
    with pytest.raises(ledger.FloorReached):
        ledger.apply_movement(rules, [], -LIMIT, NOW)


def test_a_debit_may_leave_exactly_the_floor() -> None:
    """The floor is the lowest balance that is allowed, and what is reserved stays above it."""
    rules, lots = BalanceRules(floor=Decimal(4)), [Lot(1, Decimal(10))]

    assert ledger.apply_movement(rules, lots, Decimal(-6), NOW).balance == 4
    assert ledger.apply_movement(rules, lots, Decimal(-1), NOW, reserved=Decimal(5)).balance == 9
    with pytest.raises(ledger.FloorReached):
        ledger.apply_movement(rules, lots, Decimal(-2), NOW, reserved=Decimal(5))


def test_the_oldest_debts_are_repaid_first() -> None:
    """A credit opens no lot before the last debt is repaid."""
    debts = [
        *(Lot(3, Decimal(-2)), Lot(1, Decimal(-1)), Lot(2, Decimal(-5))),
        *(Lot(4, Decimal(7)), Lot(0, Decimal("0.5"))),
    ]

    part = ledger.apply_movement(BalanceRules(), debts, Decimal(4), NOW)
    assert part.entries == (ledger.Entry(1, Decimal(1)), ledger.Entry(2, Decimal(3)))
    assert part.opened is None

    whole = ledger.apply_movement(BalanceRules(), debts, Decimal(8), NOW)
    assert whole.entries[1:] == (ledger.Entry(2, Decimal(5)), ledger.Entry(3, Decimal(2)))
    assert whole.opened is None


def test_a_debit_takes_small_lots_too() -> None:
    """Each lot gives what it has, and the next ones the rest."""
    lots = [Lot(1, Decimal("0.5")), Lot(2, Decimal(1)), Lot(3, Decimal(-3)), Lot(4, Decimal(9))]

    done = ledger.apply_movement(BalanceRules(), lots, Decimal(-3), NOW)

    assert [(entry.lot, entry.amount) for entry in done.entries] == [
        (1, Decimal("-0.5")),
        (2, Decimal(-1)),
        (4, Decimal("-1.5")),
    ]
    assert done.opened is None


@pytest.mark.parametrize(
    ("renewed_by", "amount", "renewed"),
    [
        (None, 5, False),
        (None, -5, False),
        ("credit", Decimal("0.5"), True),
        ("credit", -5, False),
        ("movement", Decimal("0.5"), True),
        ("movement", -5, True),
    ],
)
def test_a_movement_renews_what_is_open_as_its_definition_says(
    renewed_by: ledger.Renewal | None, amount: Decimal | int, renewed: bool
) -> None:
    """Every credit, every movement, or none restarts the life of all open lots."""
    rules = BalanceRules(renewed_by=renewed_by, life=Span(1, "day"))

    done = ledger.apply_movement(rules, [Lot(1, Decimal(10))], Decimal(amount), NOW)

    assert done.renewed_until == (TOMORROW if renewed else None)


def test_minutes_of_a_credit_are_those_of_its_lot_alone() -> None:
    """They leave the renewal of the other lots to the definition."""
    rules = BalanceRules(renewed_by="credit", life=Span(1, "day"))

    done = ledger.apply_movement(rules, [], Decimal(5), NOW, minutes=90)

    assert done.opened == ledger.NewLot(Decimal(5), NOW + timedelta(minutes=90))
    assert done.renewed_until == TOMORROW


@pytest.mark.parametrize(
    ("before", "after", "falls"), [(10, 9, True), (11, 10, False), (9, 8, False), (20, 0, True)]
)
def test_an_event_tells_when_a_balance_falls_below_its_minimum(
    before: int, after: int, falls: bool
) -> None:
    """It is told once, when the minimum is no longer held."""
    rules = BalanceRules(minimum=Decimal(10))

    assert ledger.falls_below_minimum(rules, Decimal(before), Decimal(after)) == falls
    assert not ledger.falls_below_minimum(BalanceRules(), Decimal(before), Decimal(after))
