"""An explanation of a balance in words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_mcp.tools.members.explanation import BalanceExplanation, ExplanationLine, LineKind
from loyalty_mcp.tools.members.explanation_text import explanation_text, lifetime_text


def a_line(day: str, kind: LineKind, amount: int, after: int, **more: Any) -> ExplanationLine:
    """A line of a day."""
    at = datetime.fromisoformat(f"{day}T09:30:00+00:00")
    return ExplanationLine(at=at, kind=kind, amount=amount, balance_after=after, **more)


def words(*lines: ExplanationLine, **more: Any) -> list[str]:
    """An explanation as text, by line."""
    figures = {"opening": 0, "closing": lines[-1].balance_after if lines else 0, "unexplained": 0}
    found = BalanceExplanation(
        **{
            "member": 101,
            "own_id": "VIP-101",
            "balance": "Purchase Points",
            "unit": "points",
            "lines": lines,
            **figures,
            **more,
        }
    )
    return explanation_text(found, datetime(2026, 3, 20, tzinfo=UTC)).split("\n")


def test_a_loss_is_told_as_a_person_would_say_it() -> None:
    """What expired is said by month: how much, when it was credited, and after how long."""
    credited = datetime(2025, 3, 2, 9, 30, tzinfo=UTC)
    lines = [
        a_line("2025-03-02", "credit", 60, 60, reason="Spring bonus", order_id="7001"),
        a_line("2026-03-02", "expired", -60, 0, credited_at=credited),
        a_line("2026-03-09", "credit", 20, 20, reversed_by="t4", by="Shop desk"),
        a_line("2026-03-09", "reversal", -20, 0, reverses="t3"),
    ]

    assert words(*lines) == [
        '"Purchase Points" of member 101 (own id "VIP-101"):',
        (
            "In March 2026, 60 points were lost: they were credited on 2025-03-02 and "
            "expired after 12 months."
        ),
        "At the beginning: 0 points.",
        '2025-03-02: +60 points, "Spring bonus", order "7001".',
        "2026-03-02: −60 points, expired, credited on 2025-03-02.",
        '2026-03-09: +20 points, by "Shop desk", reversed later.',
        "2026-03-09: −20 points, reversal.",
        "Now: 0 points.",
    ]


@pytest.mark.parametrize(
    ("credited", "expired", "after"),
    [
        ("2025-03-02T09:30:00", "2025-04-02T09:30:00", "after 1 month"),
        ("2025-01-01T00:00:00", "2026-01-01T00:00:00", "after 12 months"),
        ("2026-03-02T09:30:00", "2026-03-03T09:30:00", "after 1 day"),
        ("2026-03-02T09:30:00", "2026-05-31T09:30:00", "after 90 days"),
        ("2026-03-02T09:30:00", "2026-07-01T00:00:00", "at the end of 2026-06-30"),
        ("2026-03-02T09:30:00", "2026-03-02T10:30:00", "on 2026-03-02 at 10:30 UTC"),
    ],
)
def test_how_long_a_credit_lasted(credited: str, expired: str, after: str) -> None:
    """A life is said in whole months or days, or by the day on which it ended."""
    begin, end = (datetime.fromisoformat(f"{text}+00:00") for text in (credited, expired))

    assert lifetime_text(begin, end) == after


def test_several_credits_that_expired_in_one_month_are_one_sentence() -> None:
    """A month is told in one sentence, whatever number of credits it took."""
    lines = [
        a_line(f"2026-03-0{day}", "expired", -10, 0, credited_at=datetime(2025, 1, day, tzinfo=UTC))
        for day in (2, 3)
    ]

    assert words(*lines)[1] == (
        "In March 2026, 20 points were lost: they expired; they come from 2 credits since "
        "2025-01-02."
    )


def test_a_long_explanation_is_cut_and_says_so() -> None:
    """The text lists the latest changes, and how to see the others."""
    lines = [a_line("2026-03-01", "credit", 1, number + 1) for number in range(40)]
    text = words(*lines, read_back_to=datetime(2025, 6, 1, tzinfo=UTC), unexplained=3)

    assert "25 changes; `since` and `until` show them. Then:" in text
    assert len(text) == 3 + 15 + 3
    assert text[-2:] == [
        "Not explained by any transaction or expiry: +3 points.",
        (
            "Transactions before 2025-06-01 were not read; what they left, and what of it expired "
            "later, is in the balance at the beginning."
        ),
    ]


def test_a_past_period_ends_with_what_the_balance_was() -> None:
    """A period names its first and its last day."""
    period = {
        "since": datetime(2026, 2, 1, tzinfo=UTC),
        "until": datetime(2026, 3, 1, tzinfo=UTC),
        "opening": 5,
        "closing": 5,
    }

    assert words(**period) == [
        '"Purchase Points" of member 101 (own id "VIP-101") from 2026-02-01 to 2026-02-28:',
        "At the beginning: 5 points.",
        "Nothing changed.",
        "At the end: 5 points.",
    ]
