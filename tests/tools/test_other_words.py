"""The words of Brevo's guide and of other APIs are answered with ours."""

from collections.abc import Iterator

import pytest

from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.annotation_forms import form_of_model
from loyalty_mcp.tools.argument_forms import Form, ListForm, ObjectForm
from loyalty_mcp.tools.other_words import MEANT, known_name
from loyalty_mcp.tools.programs.balance_spec import Expiry
from loyalty_mcp.tools.registry import TOOLS
from loyalty_mcp.tools.setup_guide_words import GUIDE_WORDS

DEFINITION = {"name": "Points", "unit": "POINTS"}
SPAN = {"value": 1, "unit": "year"}


def balance_spec(settings: dict[str, object], sentence: str) -> tuple[str, object, str]:
    """A program whose one balance has these settings, and a part of the answer."""
    spec = {"program": {"name": "x"}, "balances": [{**DEFINITION, **settings}]}
    return "plan_program", {"spec": spec}, sentence


def group_spec(settings: dict[str, object], sentence: str) -> tuple[str, object, str]:
    """A program whose one tier group has these settings, and a part of the answer."""
    spec = {"program": {"name": "x"}, "tier_groups": [{"name": "Status", **settings}]}
    return "plan_program", {"spec": spec}, sentence


@pytest.mark.parametrize(
    ("tool", "given", "sentence"),
    [
        ("create_balance_definition", {**DEFINITION, "maxBalance": 5}, "calls it max_amount"),
        (
            "create_balance_definition",
            {**DEFINITION, "maxCreditPerOperation": 5},
            "calls it max_credit_amount_limit",
        ),
        ("create_reward", {"name": "tea", "price": 100}, "are set in Brevo's app"),
        ("create_reward", {"name": "tea", "value": "10%"}, "are set in Brevo's app"),
        ("explain_balance", {"member": "1", "from": "2026-08-01"}, "calls it since"),
        ("explain_balance", {"member": "1", "end_date": "2026-08-31"}, "calls it until"),
        ("redeem_for_member", {"member": "1", "voucher": "TEN-1"}, "calls it code"),
        ("bulk_change", {"action": "credit", "amount": 5}, "give amount in each of rows"),
        ("bulk_change", {"action": "credit", "email": "a@b.c"}, "give member in each of rows"),
        (
            "credit_points",
            {"member": "1", "amount": 5, "reason": "x", "expires_in_minutes": "2026-12-31"},
            "43200 for 30 days; a day goes into expires_on",
        ),
        (
            "create_balance_definition",
            {**DEFINITION, "expiryPolicy": {"type": "rolling"}},
            "give balance_availability_duration_value and balance_availability_duration_unit for",
        ),
        (
            "create_balance_definition",
            {**DEFINITION, "roundingPolicy": "floor"},
            "lower for floor, upper for ceiling, natural for round_half_up",
        ),
        (
            "create_balance_definition",
            {**DEFINITION, "balance_option_debit_rounding": "floor"},
            "one of lower, upper, natural (the guide's floor, ceiling, round_half_up)",
        ),
        (
            "update_balance_definition",
            {"balance": "b", "debitFrequencyLimit": {"value": 1}},
            "create_balance_limit sets it, with transaction_type debit and constraint_type transa",
        ),
        (
            "create_balance_definition",
            {**DEFINITION, "isInternal": True},
            'give meta {"isInternal": true}.',
        ),
        ("create_tier_group", {"name": "x", "tiers": []}, "create_tier adds each tier"),
        (
            "update_tier_group",
            {"tier_group": "g", "balanceDefinitionId": "b"},
            "create_tier names the balance, in access_conditions.",
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
        balance_spec({"expiryPolicy": {"type": "never"}}, 'give expiry {"kind": "rolling", "val'),
        balance_spec({"roundingPolicy": "floor"}, "give credit_rounding and debit_rounding: down"),
        balance_spec({"creditFrequencyLimit": {}}, 'give limits [{"transaction_type": "credit",'),
        balance_spec({"isInternal": True}, "calls it internal: true or false"),
        balance_spec({"expiry": {"type": "rolling"}}, "an expiry calls it kind: one of never, aft"),
        balance_spec({"expiry": {"kind": "after", "duration": 12}}, "an expiry calls it value"),
        balance_spec({"expiry": {"kind": "fixed", "date": "31/12"}}, "an expiry calls it day"),
        balance_spec({"credit_rounding": "lower"}, "the reference's lower, upper, natural"),
        group_spec({"balanceDefinitionId": "b"}, "each tier names its balance in minimum"),
        group_spec({"upgradeEvaluationTrigger": "real_time"}, "a tier group spec calls it upgrade"),
        group_spec({"tiers": [{"name": "Silver", "threshold": 300}]}, "a tier spec calls it min"),
        ("plan_program", {"spec": {"name": "x"}}, 'program: {"name": "VIP Club"}'),
        (
            "plan_program",
            {"spec": {"program": {"name": "x"}, "balanceDefinitions": []}},
            "a program spec calls it balances",
        ),
        (
            "plan_program",
            {"spec": {"program": {"name": "x", "documentId": "crm-42"}}},
            "a program header calls it document_id",
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


@pytest.mark.parametrize("kind", ["inactivity-based", "inactivity_based", "Inactivity"])
def test_the_guides_word_for_inactivity_is_read(kind: str) -> None:
    """`inactivity-based` is inactivity."""
    expiry = Expiry.model_validate({"kind": form_of_model(Expiry).fields["kind"].read(kind)} | SPAN)

    assert expiry.kind == "inactivity"


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
    assert {advice.where for found in GUIDE_WORDS.values() for advice in found} <= words


def test_a_word_that_means_nothing_has_no_neighbour() -> None:
    """A far-fetched resemblance is not offered."""
    assert known_name("banana", ["member", "amount"]) is None
