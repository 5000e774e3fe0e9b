"""Transactions: this call describes that request."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from loyalty_mcp.brevo.operations.transactions import (
    BalanceOrder,
    Movement,
    Transaction,
    TransactionHistory,
    cancel_transaction,
    complete_transaction,
    create_balance_order,
    create_transaction,
    list_transaction_history,
)
from loyalty_mcp.brevo.request import get, post
from loyalty_mcp.brevo.types import Instant

PATH = "/loyalty/balance/programs/p-1"
DUE = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_debit_is_a_negative_amount() -> None:
    """The sign says the type; a type is sent only when given."""
    assert create_transaction("p-1", 101, "b-1", Decimal("-12.5"), ttl=900) == post(
        f"{PATH}/transactions",
        Transaction,
        {
            "contactId": 101,
            "balanceDefinitionId": "b-1",
            "amount": Decimal("-12.5"),
            "ttl": 900,
        },
    )


def test_a_credit_with_a_life_of_its_own_is_completed_at_once() -> None:
    """The API honours the life of a credit only with autoComplete."""
    request = create_transaction(
        "p-1", 101, "b-1", Decimal(5), auto_complete=True, balance_expiry_in_minutes=60
    )

    assert request.body == {
        "contactId": 101,
        "balanceDefinitionId": "b-1",
        "amount": Decimal(5),
        "autoComplete": True,
        "balanceExpiryInMinutes": 60,
    }


@pytest.mark.parametrize("auto_complete", [None, False])
def test_a_life_without_completion_is_refused(auto_complete: bool | None) -> None:
    """It would be ignored in silence, and the credit would not expire as asked."""
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
    """Nobody says which of the two the API would follow."""
    with pytest.raises(ValueError, match="positive for a credit and negative for a debit"):
        create_transaction("p-1", 101, "b-1", Decimal(amount), transaction_type=kind)


def test_an_amount_of_zero_is_refused() -> None:
    """A movement that moves nothing is a mistake, in a transaction as in an order."""
    with pytest.raises(ValueError, match="must not be 0"):
        create_transaction("p-1", 101, "b-1", Decimal(0))
    with pytest.raises(ValueError, match="must not be 0"):
        create_balance_order("p-1", 101, "b-1", Decimal(0), source="user", due_at=DUE)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1e10", "0.0000001"])
def test_an_amount_that_cannot_be_carried_exactly_is_refused(amount: str) -> None:
    """Only finite amounts of sensible size and at most six decimals are taken."""
    with pytest.raises(ValidationError):
        TypeAdapter(Movement).validate_python(Decimal(amount))


def test_a_moment_says_its_offset() -> None:
    """A time without its offset would have to be guessed."""
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python("2026-05-01T10:00:00")


def test_completing_and_cancelling_send_nothing_but_the_path() -> None:
    """The transaction is named in the path; there is no body."""
    assert complete_transaction("p-1", "t-1") == post(
        f"{PATH}/transactions/t-1/complete", Transaction
    )
    assert cancel_transaction("p-1", "t-1") == post(f"{PATH}/transactions/t-1/cancel", Transaction)


def test_an_order_names_its_transaction() -> None:
    """The API spells that field all in lower case after the first word."""
    request = create_balance_order("p-1", 101, "b-1", Decimal(5), source="user", due_at=DUE)

    assert request == post(
        f"{PATH}/create-order",
        BalanceOrder,
        {
            "amount": Decimal(5),
            "balanceDefinitionId": "b-1",
            "contactId": 101,
            "source": "user",
            "dueAt": DUE,
        },
    )
    order = BalanceOrder.model_validate({"id": "o-1", "transactionid": "t-1"})
    assert order.transaction_id == "t-1"


def test_the_history_is_asked_for_with_a_limit() -> None:
    """The API's own page size is not documented, so ours is always sent."""
    assert list_transaction_history("p-1", 101, "b-1", status="draft") == get(
        f"{PATH}/transaction-history",
        TransactionHistory,
        {"contactId": 101, "balanceDefinitionId": "b-1", "limit": 20, "status": "draft"},
    )


@pytest.mark.parametrize(
    ("said", "read"),
    [("pending", "draft"), ("complete", "completed"), ("rejected", "rejected")],
)
def test_former_statuses_are_read_as_the_present_ones(said: str, read: str) -> None:
    """The API renamed two statuses; both spellings mean the same, in both places."""
    assert Transaction.model_validate({"id": "t-1", "status": said}).status == read
    history = TransactionHistory.model_validate(
        {"transactionHistory": [{"id": "t-1", "status": said}]}
    )
    assert history.transaction_history[0].status == read
