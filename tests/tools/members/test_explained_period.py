"""Explaining a balance where the API tells less than the sandbox: pure cases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.tools.members.balance_history import BalanceHistory
from loyalty_mcp.tools.members.balance_replay import PastMovement
from loyalty_mcp.tools.members.explained_period import ExplainedPeriod, explained_period

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOW: Final = START + timedelta(days=300)
TWO_MONTHS: Final = BalanceDefinition(
    id="points", balance_availability_duration_value=2, balance_availability_duration_unit="month"
)


def movement(day: int, amount: int, expires: int | None = None) -> PastMovement:
    """A transaction of a day of the year, that expires on another."""
    ends = None if expires is None else START + timedelta(days=expires)
    return PastMovement(f"t{day}", START + timedelta(days=day), Decimal(amount), ends)


def explained(*movements: PastMovement, total: int, complete: bool = True) -> ExplainedPeriod:
    """The whole of a history."""
    history = BalanceHistory(movements, complete)
    return explained_period(history, TWO_MONTHS, Decimal(total), NOW)


def amounts(found: ExplainedPeriod) -> list[tuple[int, int]]:
    """The day and the amount of each change."""
    return [((change.at - START).days, int(change.amount)) for change in found.changes]


def figures(found: ExplainedPeriod) -> tuple[int, int, int]:
    """Opening, closing and what is not explained."""
    return int(found.opening), int(found.closing), int(found.unexplained)


def test_an_expiry_that_the_history_does_not_tell_follows_from_the_balance() -> None:
    """Where no credit has a date, and the total fits, the rules of the balance give the expiry."""
    found = explained(movement(0, 60), movement(10, -20), movement(280, 5), total=5)

    assert amounts(found) == [(0, 60), (10, -20), (59, -40), (280, 5)]
    assert found.unexplained == 0


def test_credits_without_a_date_that_never_expired_stay() -> None:
    """Where the total says that nothing expired, no expiry is invented."""
    found = explained(movement(0, 60), movement(10, -20), total=40)

    assert amounts(found) == [(0, 60), (10, -20)]
    assert found.unexplained == 0


def test_debits_that_used_the_oldest_credit_first() -> None:
    """The order in which debits use credits is the one that leads to the present balance."""
    history = (movement(0, 30), movement(1, 30, expires=50), movement(2, -30))

    assert amounts(explained(*history, total=0)) == [(0, 30), (1, 30), (2, -30), (50, -30)]
    assert amounts(explained(*history, total=30)) == [(0, 30), (1, 30), (2, -30)]


def test_what_nothing_explains_is_a_number() -> None:
    """A total that no assumption leads to leaves a difference, with its sign."""
    found = explained(movement(0, 30, expires=400), total=42)

    assert figures(found) == (0, 42, 12)


def test_a_history_that_is_not_read_whole_opens_with_what_fits() -> None:
    """Without its beginning, a history says what the balance was before the first that was read."""
    found = explained(movement(200, 30), movement(210, -10), total=100, complete=False)

    assert figures(found) == (80, 100, 0)
    assert [int(change.balance_after) for change in found.changes] == [110, 100]
