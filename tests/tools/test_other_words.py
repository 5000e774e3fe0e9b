"""The words of Brevo's guide and of other APIs are answered with ours."""

from collections.abc import Iterator

import pytest

from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.argument_forms import Form, ListForm, ObjectForm
from loyalty_mcp.tools.other_words import MEANT, known_name
from loyalty_mcp.tools.registry import TOOLS

DEFINITION = {"name": "Points", "unit": "POINTS"}


@pytest.mark.parametrize(
    ("tool", "given", "sentence"),
    [
        ("create_balance_definition", {**DEFINITION, "maxBalance": 5}, "calls it max_amount"),
        (
            "create_balance_definition",
            {**DEFINITION, "maxCreditPerOperation": 5},
            "calls it max_credit_amount_limit",
        ),
        (
            "create_balance_definition",
            {**DEFINITION, "expiryPolicy": {"type": "rolling"}},
            "calls it balance_availability_duration_value",
        ),
        (
            "create_balance_definition",
            {**DEFINITION, "roundingPolicy": "floor"},
            "calls it balance_option_credit_rounding: one of lower, upper, natural",
        ),
        ("create_tier_group", {"name": "x", "upgradeEvaluationTrigger": "real_time"}, "strategy"),
        (
            "create_tier",
            {"name": "x", "tier_group": "g", "threshold": 300},
            "calls it access_conditions: a list of 1 or more, each an object with balance, minim",
        ),
        ("create_transaction", {"transactionType": "CREDIT"}, "calls it transaction_type"),
        ("credit_points", {"contactId": 101}, "calls it member"),
        ("credit_points", {"points": 50}, "calls it amount"),
        ("list_rewards", {"page": 2}, "calls it offset"),
        ("list_rewards", {"perPage": 20}, "calls it limit"),
        ("get_program", {"pid": "x"}, "calls it program"),
        ("get_program", {"progam": "x"}, "calls it program"),
        (
            "plan_program",
            {"spec": {"program": {"name": "x"}, "balances": [{**DEFINITION, "maxBalance": 5}]}},
            '"spec.balances.0.maxBalance" is unknown; a balance spec calls it maximum: a number',
        ),
    ],
)
def test_the_right_word_is_told(tool: str, given: dict[str, object], sentence: str) -> None:
    """An argument in another dialect is answered with its name here and its form."""
    with pytest.raises(InvalidArgument) as caught:
        TOOLS[tool].validated(given)

    assert sentence in str(caught.value)


def test_values_of_the_other_dialect_are_read() -> None:
    """CREDIT is credit."""
    given = {"member": 101, "balance": "b", "amount": 5, "transaction_type": "CREDIT"}
    found = TOOLS["create_transaction"].validated(given)

    assert getattr(found, "transaction_type") == "credit"  # noqa: B009 - made at run time


def names_in(form: Form) -> Iterator[str]:
    """The names of all fields of a form, and of those inside."""
    if isinstance(form, ListForm):
        yield from names_in(form.item)
    if isinstance(form, ObjectForm):
        yield from form.fields
        for field in form.fields.values():
            yield from names_in(field)


def test_every_word_means_something() -> None:
    """No entry names an argument that no tool and no spec has."""
    words = {name for tool in TOOLS.values() for name in names_in(tool.form)}

    assert {name for names in MEANT.values() for name in names} - words <= {"expiry"}


def test_a_word_that_means_nothing_has_no_neighbour() -> None:
    """A far-fetched resemblance is not offered."""
    assert known_name("banana", ["member", "amount"]) is None
