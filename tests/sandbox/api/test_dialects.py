"""Words of the other dialect are answered with the right word and form."""

import json
from urllib.parse import parse_qsl

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import CONFIG, Json, Sandbox


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


DEFINITION: Json = {"name": "A", "unit": "POINTS"}
CONDITIONS: Json = {"name": "A", "accessConditions": []}
CASES: list[tuple[str, str, Json, str]] = [
    ("POST", "{balance}/balance-definitions", {**DEFINITION, "maxBalance": 1}, "maxAmount"),
    ("POST", "{balance}/balance-definitions", {**DEFINITION, "minBalance": 1}, "minAmount"),
    (
        "POST",
        "{balance}/balance-definitions",
        {**DEFINITION, "maxCreditPerOperation": 1},
        "maxCreditAmountLimit",
    ),
    (
        "PUT",
        "{balance}/balance-definitions/{points}",
        {**DEFINITION, "maxDebitPerOperation": 1},
        "maxDebitAmountLimit",
    ),
    (
        "POST",
        "{balance}/balance-definitions",
        {**DEFINITION, "expiryPolicy": {"type": "never"}},
        (
            "balanceAvailabilityDurationValue with balanceAvailabilityDurationUnit, or"
            " balanceExpirationDate (dd/mm)"
        ),
    ),
    (
        "POST",
        "{balance}/balance-definitions",
        {**DEFINITION, "roundingPolicy": "none"},
        "balanceOptionCreditRounding and balanceOptionDebitRounding",
    ),
    (
        "POST",
        "{balance}/balance-definitions",
        {**DEFINITION, "creditFrequencyLimit": {}},
        "POST .../balance-definitions/{id}/limits",
    ),
    ("POST", "{balance}/balance-definitions", {"name": "A", "unit": "points"}, "use 'POINTS'"),
    ("POST", "{balance}/balance-definitions", {"name": "A", "unit": "€"}, "use 'EUR'"),
    (
        "POST",
        "{balance}/balance-definitions",
        {**DEFINITION, "balanceOptionCreditRounding": "floor"},
        "use 'lower'",
    ),
    (
        "POST",
        "{balance}/balance-definitions",
        {**DEFINITION, "balance_expiration_date": "31/12"},
        "use balanceExpirationDate",
    ),
    (
        "POST",
        "{config}/balance-definitions",
        {**DEFINITION, "balanceExpirationDate": "31/12"},
        '{"type": "fixed", "date": "dd/mm"}',
    ),
    (
        "POST",
        "{config}/balance-definitions",
        {**DEFINITION, "balanceOptionCreditRounding": "lower"},
        "use roundingPolicy",
    ),
    (
        "POST",
        "{tier}/tier-groups",
        {"name": "A", "upgradeEvaluationTrigger": "real_time"},
        "use upgradeStrategy",
    ),
    ("POST", "{tier}/tier-groups", {"name": "A", "tiers": []}, "POST .../tier-groups/{id}/tiers"),
    (
        "POST",
        "{tier}/tier-groups",
        {"name": "A", "balanceDefinitionId": "b"},
        "POST .../tier-groups/{id}/tiers with accessConditions",
    ),
    (
        "POST",
        "{tier}/tier-groups/{group}/tiers",
        {**CONDITIONS, "threshold": 1},
        "give accessConditions [{balanceDefinitionId, minimumValue}]",
    ),
    (
        "POST",
        "{tier}/tier-groups/{group}/tiers",
        {"name": "A", "accessConditions": [{"balanceDefinitionId": "{points}", "threshold": 1}]},
        "accessConditions.0.threshold: is not a field here; use minimumValue",
    ),
    (
        "POST",
        "{balance}/transactions",
        {"amount": 1, "balanceDefinitionId": "{points}", "transactionType": "CREDIT"},
        "use 'credit'",
    ),
    (
        "POST",
        "{balance}/transactions",
        {"amount": 1, "balanceDefinitionId": "{points}", "expiryBalanceMinutes": 5},
        "use balanceExpiryInMinutes",
    ),
    (
        "POST",
        "{balance}/transactions",
        {"amount": 1, "balance_definition_id": "{points}"},
        "balanceDefinitionId: is required",
    ),
    (
        "GET",
        "{balance}/transaction-history?contactId=1&balanceDefinitionId={points}&status=pending",
        {},
        "use 'draft'",
    ),
    (
        "GET",
        "{balance}/balance-definitions?sort_field=name",
        {},
        "use sortField",
    ),
    ("GET", "{balance}/balance-definitions?sort=DESC", {}, "use 'desc'"),
    (
        "POST",
        "{offer}/rewards/attribute",
        {"offerId": "{points}", "rewardId": "{points}", "contactId": 1},
        "use rewardId",
    ),
    (
        "POST",
        "{config}/subscriptions",
        {"contactId": 1, "loyalty_subscription_id": "x"},
        "use loyaltySubscriptionId",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "advice"), CASES)
async def test_a_word_of_the_other_dialect_is_answered_with_the_right_one(
    club: Club, method: str, path: str, body: Json, advice: str
) -> None:
    """The message says what to send here, and never repeats a value that was sent."""
    names = {
        "{balance}": club.balance,
        "{tier}": club.tier,
        "{offer}": club.offer,
        "{config}": f"{CONFIG}/{club.program}",
        "{points}": club.points,
        "{group}": await club.group(),
    }
    sent = json.dumps(body)
    for name, value in names.items():
        path, sent = path.replace(name, value), sent.replace(name, value)
    path, _, query = path.partition("?")

    status, problem = await club.sandbox.call(
        method, path, json.loads(sent) or None, **dict(parse_qsl(query))
    )

    assert status == 422
    assert advice in problem["message"]


async def test_a_word_that_nobody_uses_gets_no_advice(club: Club) -> None:
    """An unknown field is named, and that is all."""
    body = {**DEFINITION, "colour": "red"}

    answer = await club.sandbox.call("POST", f"{club.balance}/balance-definitions", body)

    assert answer.body["message"] == "colour: is not a field here"
