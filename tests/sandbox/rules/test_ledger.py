from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from loyalty_mcp.sandbox.errors import Invalid, NotAllowed
from loyalty_mcp.sandbox.rules import ledger
from loyalty_mcp.sandbox.rules.amounts import (
    LIMIT,
    from_millionths,
    has_fitting_size,
    to_millionths,
)
from loyalty_mcp.sandbox.rules.ledger import BalanceRules, Lot, Span, Status
from loyalty_mcp.sandbox.rules.periods import DayOfYear

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def in_days(days: int) -> datetime:
    """Return a moment so many days from now."""
    return NOW + timedelta(days=days)


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (None, None),
        (Span(1, "day"), "2026-01-16T10:30"),
        (Span(1, "day", "startOfPeriod"), "2026-01-16T00:00"),
        (Span(1, "day", "endOfPeriod"), "2026-01-17T00:00"),
        (Span(1, "week"), "2026-01-22T10:30"),
        (Span(1, "week", "startOfPeriod"), "2026-01-19T00:00"),
        (Span(1, "week", "endOfPeriod"), "2026-01-26T00:00"),
        (Span(2, "month"), "2026-03-15T10:30"),
        (Span(2, "month", "startOfPeriod"), "2026-03-01T00:00"),
        (Span(2, "month", "endOfPeriod"), "2026-04-01T00:00"),
        (Span(1, "year"), "2027-01-15T10:30"),
        (Span(1, "year", "startOfPeriod"), "2027-01-01T00:00"),
        (Span(1, "year", "endOfPeriod"), "2028-01-01T00:00"),
        (DayOfYear(31, 12), "2027-01-01T00:00"),
        (DayOfYear(15, 1), "2026-01-16T00:00"),
        (DayOfYear(14, 1), "2027-01-15T00:00"),
    ],
)
def test_a_credit_lives_as_its_definition_says(
    life: Span | DayOfYear | None, expected: str | None
) -> None:
    """Spans run from the credit, snapped to the edge of their unit where asked."""
    rules = BalanceRules(life=life)

    assert ledger.lot_expiry(rules, NOW) == (None if expected is None else at(expected))


def test_a_credit_may_have_a_life_of_its_own() -> None:
    """Minutes given with the credit win over the definition."""
    rules = BalanceRules(life=Span(1, "year"))

    assert ledger.lot_expiry(rules, NOW, minutes=90) == NOW + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("unit", "how", "amount", "expected"),
    [
        ("POINTS", None, "10.7", "10.7"),
        ("POINTS", "lower", "10.7", "10"),
        ("POINTS", "upper", "10.2", "11"),
        ("POINTS", "natural", "10.5", "11"),
        ("POINTS", "natural", "10.4", "10"),
        ("EUR", "lower", "10.129", "10.12"),
        ("EUR", "upper", "10.121", "10.13"),
        ("EUR", "natural", "10.125", "10.13"),
        ("JPY", "lower", "10.9", "10"),
    ],
)
def test_amounts_are_rounded_by_their_size(
    unit: str, how: ledger.Rounding | None, amount: str, expected: str
) -> None:
    """A debit is rounded as its mirror image, the credit."""
    rules = BalanceRules(unit=unit, credit_rounding=how, debit_rounding=how)

    assert ledger.rounded_amount(rules, Decimal(amount)) == Decimal(expected)
    assert ledger.rounded_amount(rules, -Decimal(amount)) == -Decimal(expected)


def test_an_amount_that_rounds_to_zero_is_refused() -> None:
    """A movement of nothing is no movement."""
    with pytest.raises(Invalid):
        ledger.rounded_amount(BalanceRules(credit_rounding="lower"), Decimal("0.9"))


def test_the_sign_is_the_type_unless_a_type_is_given() -> None:
    """Plus credits and minus debits, unless transactionType says otherwise (GUIDE-TX)."""
    assert ledger.signed_amount(Decimal(-5), None) == -5
    assert ledger.signed_amount(Decimal(5), "debit") == -5
    assert ledger.signed_amount(Decimal(-5), "credit") == 5
    with pytest.raises(Invalid):
        ledger.signed_amount(Decimal(0), "credit")


def test_a_debit_spends_what_expires_soonest_first() -> None:
    """Then the oldest; what never expires comes last."""
    lots = [Lot(1, Decimal(10)), Lot(2, Decimal(10), in_days(9)), Lot(3, Decimal(10), in_days(3))]

    done = ledger.apply_movement(BalanceRules(), lots, Decimal(-25), NOW)

    assert [(entry.lot, int(entry.amount)) for entry in done.entries] == [
        (3, -10),
        (2, -10),
        (1, -5),
    ]
    assert done.balance == 5


def test_a_debit_may_spend_the_oldest_first() -> None:
    """That is a choice of the settings."""
    lots = [Lot(1, Decimal(10)), Lot(2, Decimal(10), in_days(9))]

    done = ledger.apply_movement(BalanceRules(), lots, Decimal(-5), NOW, oldest_first=True)

    assert [entry.lot for entry in done.entries] == [1]


def test_what_has_expired_is_not_spent() -> None:
    """A lot ends at its expiry, not after it."""
    with pytest.raises(ledger.FloorReached):
        ledger.apply_movement(BalanceRules(), [Lot(1, Decimal(10), NOW)], Decimal(-1), NOW)


def test_a_credit_is_refused_or_trimmed_at_the_ceiling() -> None:
    """`strict` refuses, `partial` credits what fits, and without any room refuses, too."""
    strict = BalanceRules(ceiling=Decimal(100))
    partial = replace(strict, partial=True)
    lots = [Lot(1, Decimal(90))]

    with pytest.raises(ledger.CeilingReached):
        ledger.apply_movement(strict, lots, Decimal(11), NOW)
    assert ledger.apply_movement(strict, lots, Decimal(10), NOW).balance == 100
    assert ledger.apply_movement(partial, lots, Decimal(50), NOW).applied == 10
    with pytest.raises(ledger.CeilingReached):
        ledger.apply_movement(partial, [Lot(1, Decimal(100))], Decimal(1), NOW)


def test_one_movement_has_its_own_ceiling() -> None:
    """The fields maxCreditAmountLimit and maxDebitAmountLimit bound one movement (PY)."""
    rules = BalanceRules(credit_ceiling=Decimal(50), debit_ceiling=Decimal(20))
    lots = [Lot(1, Decimal(100))]

    with pytest.raises(NotAllowed):
        ledger.apply_movement(rules, lots, Decimal(51), NOW)
    with pytest.raises(NotAllowed):
        ledger.apply_movement(rules, lots, Decimal(-21), NOW)


def test_a_negative_floor_allows_a_debt_that_credits_repay_first() -> None:
    """A debt never expires, and a credit opens a lot only with what is left of it."""
    rules = BalanceRules(floor=Decimal(-50), life=Span(1, "day"))

    into_debt = ledger.apply_movement(rules, [Lot(1, Decimal(10))], Decimal(-40), NOW)
    assert into_debt.balance == -30
    assert into_debt.opened == ledger.NewLot(Decimal(-30))
    with pytest.raises(ledger.FloorReached):
        ledger.apply_movement(rules, [Lot(2, Decimal(-30))], Decimal(-21), NOW)

    repaid = ledger.apply_movement(rules, [Lot(2, Decimal(-30))], Decimal(45), NOW)
    assert repaid.entries == (ledger.Entry(2, Decimal(30)),)
    assert repaid.opened == ledger.NewLot(Decimal(15), in_days(1))
    assert repaid.balance == 15


def test_what_other_drafts_reserve_cannot_be_debited() -> None:
    """Where drafts reserve, only the rest is available."""
    with pytest.raises(ledger.FloorReached):
        ledger.apply_movement(
            BalanceRules(), [Lot(1, Decimal(10))], Decimal(-6), NOW, reserved=Decimal(5)
        )


def status_of(resolved: Status | None, expires_at: datetime | None, now: datetime) -> Status:
    """Return the status of a transaction: its resolution, or else open or lapsed by its ttl."""
    if resolved is not None:
        return resolved
    return "expired" if expires_at is not None and expires_at <= now else "draft"


@given(st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1))
def test_amounts_survive_the_store_exactly(stored: int) -> None:
    """Millionths become decimals and back without loss."""
    amount = from_millionths(stored)

    assert has_fitting_size(amount)
    assert to_millionths(amount) == stored


AMOUNTS = st.decimals(min_value=-60, max_value=60, places=1).filter(bool)


class Ledger(RuleBasedStateMachine):
    """Any order of drafts, completions, cancellations and days on one balance."""

    @initialize(
        floor=st.sampled_from([0, 0, -20]),
        ceiling=st.sampled_from([None, 100]),
        partial=st.booleans(),
        life=st.sampled_from([None, Span(3, "day"), Span(1, "week", "endOfPeriod")]),
        rounding=st.sampled_from([None, "lower", "upper", "natural"]),
    )
    def begin(
        self,
        floor: int,
        ceiling: int | None,
        partial: bool,
        life: Span | None,
        rounding: ledger.Rounding | None,
    ) -> None:
        """An empty balance under some rules."""
        self.terms = BalanceRules(
            floor=Decimal(floor),
            ceiling=None if ceiling is None else Decimal(ceiling),
            partial=partial,
            life=life,
            credit_rounding=rounding,
            debit_rounding=rounding,
        )
        self.now = NOW
        self.lots: list[Lot] = []
        self.drafts: dict[int, tuple[Decimal, datetime | None]] = {}
        self.resolved: dict[int, ledger.Status] = {}
        self.applied = Decimal(0)
        self.expired = Decimal(0)
        self.opened = 0

    @rule(amount=AMOUNTS, ttl=st.sampled_from([None, 10, 86_400]))
    def draft(self, amount: Decimal, ttl: int | None) -> None:
        """A draft changes nothing."""
        try:
            rounded = ledger.rounded_amount(self.terms, amount)
        except Invalid:
            return
        ends = None if ttl is None else self.now + timedelta(seconds=ttl)
        self.drafts[len(self.drafts)] = (rounded, ends)

    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        """A completion counts once, or not at all."""
        number = self._pick(data)
        if number is None:
            return
        amount, ends = self.drafts[number]
        status = status_of(self.resolved.get(number), ends, self.now)
        if status != "draft":
            with pytest.raises(NotAllowed):
                ledger.require_open_transaction(status)
            return
        ledger.require_open_transaction(status)
        before = ledger.balance_of(self.lots, self.now)
        try:
            done = ledger.apply_movement(self.terms, self.lots, amount, self.now)
        except NotAllowed:
            self.resolved[number] = "rejected"
            return
        self.resolved[number] = "completed"
        self._book(done)
        assert done.balance == before + done.applied
        assert abs(done.applied) <= abs(amount)
        assert done.applied == amount or self.terms.partial

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """What is resolved cannot be cancelled."""
        number = self._pick(data)
        if number is None:
            return
        status = status_of(self.resolved.get(number), self.drafts[number][1], self.now)
        if status == "draft":
            self.resolved[number] = "cancelled"
        else:
            with pytest.raises(NotAllowed):
                ledger.require_open_transaction(status)

    @rule(days=st.integers(min_value=0, max_value=5))
    def pass_days(self, days: int) -> None:
        """Time only takes lots away."""
        self.now += timedelta(days=days)
        kept = ledger.live_lots(self.lots, self.now)
        self.expired += sum((lot.remaining for lot in self.lots if lot not in kept), Decimal(0))
        self.lots = kept

    @invariant()
    def the_balance_is_what_was_applied_less_what_expired(self) -> None:
        """No order of operations makes value appear."""
        if not hasattr(self, "terms"):
            return
        balance = ledger.balance_of(self.lots, self.now)
        assert balance == sum((lot.remaining for lot in self.lots), Decimal(0))
        assert balance == self.applied - self.expired
        assert balance >= min(self.terms.floor, Decimal(0))
        assert self.terms.ceiling is None or balance <= self.terms.ceiling
        assert self.expired >= 0
        assert all(lot.remaining > 0 or self.terms.floor < 0 for lot in self.lots)

    def _pick(self, data: st.DataObject) -> int | None:
        return data.draw(st.sampled_from(sorted(self.drafts))) if self.drafts else None

    def _book(self, done: ledger.Application) -> None:
        changes = {entry.lot: entry.amount for entry in done.entries}
        lots = [
            replace(lot, remaining=lot.remaining + changes.get(lot.number, Decimal(0)))
            for lot in self.lots
        ]
        if done.opened is not None:
            self.opened += 1
            lots.append(Lot(self.opened, done.opened.amount, done.opened.expires_at))
        self.lots = [lot for lot in lots if lot.remaining != 0]
        self.applied += done.applied


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_no_balance_reaches_the_engines_limit() -> None:
    """A credit beyond what the engine keeps is refused like one beyond a ceiling."""
    with pytest.raises(ledger.CeilingReached):
        ledger.apply_movement(BalanceRules(), [Lot(1, LIMIT - 1)], Decimal(1), NOW)
