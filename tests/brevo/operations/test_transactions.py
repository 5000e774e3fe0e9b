"""Transactions: what is refused before it is sent, and which statuses are read."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from loyalty_mcp.brevo.operations.transactions import (
    Movement,
    Transaction,
    TransactionHistory,
    create_balance_order,
    create_transaction,
)
from loyalty_mcp.brevo.types import Instant

DUE = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("auto_complete", [None, False])
def test_a_life_without_completion_is_refused(auto_complete: bool | None) -> None:
    """Otherwise it would be ignored silently, and the credit would not expire as requested."""
    with pytest.raises(ValueError, match="needs auto_complete"):
        create_transaction(
            "p-1",
            101,
            "b-1",
            Decimal(5),
            auto_complete=auto_complete,
            balance_expiry_in_minutes=60,
        )


@pytest.mark.parametrize(("amount", "kind"), [(5, "debit"), (-5, "credit")])
def test_a_sign_that_contradicts_the_type_is_refused(
    amount: int, kind: Literal["credit", "debit"]
) -> None:
    """The API does not document which of the two it would use."""
    with pytest.raises(ValueError, match="positive for a credit and negative for a debit"):
        create_transaction("p-1", 101, "b-1", Decimal(amount), transaction_type=kind)


def test_an_amount_of_zero_is_refused() -> None:
    """A movement of zero is an error, in a transaction and in an order."""
    with pytest.raises(ValueError, match="must not be 0"):
        create_transaction("p-1", 101, "b-1", Decimal(0))
    with pytest.raises(ValueError, match="must not be 0"):
        create_balance_order("p-1", 101, "b-1", Decimal(0), source="user", due_at=DUE)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1e10", "0.0000001"])
def test_an_amount_that_cannot_be_carried_exactly_is_refused(amount: str) -> None:
    """Only finite amounts of plausible size with at most six decimals are accepted."""
    with pytest.raises(ValidationError):
        TypeAdapter(Movement).validate_python(Decimal(amount))


def test_a_moment_says_its_offset() -> None:
    """A datetime without an offset would be ambiguous."""
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python("2026-05-01T10:00:00")


@pytest.mark.parametrize(
    ("said", "read"),
    [("pending", "draft"), ("complete", "completed"), ("rejected", "rejected")],
)
def test_former_statuses_are_read_as_the_present_ones(said: str, read: str) -> None:
    """The API renamed two statuses; both names mean the same, in both places."""
    assert Transaction.model_validate({"id": "t-1", "status": said}).status == read
    history = TransactionHistory.model_validate(
        {"transactionHistory": [{"id": "t-1", "status": said}]}
    )
    assert history.transaction_history[0].status == read
