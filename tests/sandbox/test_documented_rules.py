"""Each documented rule has a test that names it; and those that had none until here."""

import ast
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import CONFIG, Account, Json, Sandbox
from tests.sandbox.documented_rules import RULES, Rule

TESTS = Path(__file__).parents[1]


def names_in(module: str) -> set[str]:
    """The names of the tests in a module, read without running it."""
    path = TESTS / f"{module}.py"
    return {
        node.name
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_each_rule_has_a_test_that_exists(rule: Rule) -> None:
    """A rule names tests, and those tests are there."""
    assert rule.tests
    for named in rule.tests:
        module, _, test = named.partition("::")

        assert test in names_in(module), named


def test_rules_are_told_apart(tell: Callable[[str], None]) -> None:
    """No rule is listed twice, and every section of behaviour has some."""
    times_listed = Counter(rule.id for rule in RULES)
    tests = {test for rule in RULES for test in rule.tests}
    tell(f"documented rules of the API: {len(RULES)}, tests that name them: {len(tests)}")

    assert max(times_listed.values()) == 1
    assert {rule.id.split()[0] for rule in RULES} == {str(number) for number in range(1, 15)}


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


async def test_publish_answers_the_program(club: Club) -> None:
    """Publish answers 200 with the program, whose state is active (GUIDE-SETUP)."""
    published = await club.sandbox.post(f"{CONFIG}/{club.program}/publish")

    assert (published["id"], published["state"]) == (club.program, "active")


async def test_texts_have_their_longest_length(club: Club) -> None:
    """Names 128, descriptions 256, own ids 64, codes 128 characters (OAS, RUBY)."""
    contact = await club.sandbox.contact()
    reward = await club.reward()
    program = f"{CONFIG}/{club.program}"
    cases: list[tuple[str, Json, str, int]] = [
        (CONFIG, {}, "name", 128),
        (CONFIG, {"name": "A"}, "description", 256),
        (f"{club.balance}/balance-definitions", {"unit": "EUR"}, "name", 128),
        (f"{club.balance}/balance-definitions", {"unit": "EUR", "name": "A"}, "description", 256),
        (f"{club.offer}/offers", {}, "name", 128),
        (f"{club.offer}/offers", {"name": "A"}, "publicDescription", 128),
        (f"{program}/subscriptions", {"contactId": contact}, "loyaltySubscriptionId", 64),
        (
            f"{club.offer}/rewards/attribute",
            {"rewardId": reward, "contactId": contact},
            "code",
            128,
        ),
    ]
    for path, body, field, longest in cases:
        too_long = {**body, field: "x" * (longest + 1)}

        assert await club.sandbox.refused("POST", path, too_long) == 422, field
        assert (await club.sandbox.call("POST", path, {**body, field: "x" * longest})).status == 200


async def test_put_needs_a_name_and_patch_nothing(club: Club) -> None:
    """PUT without a name is a 422, PATCH with nothing changes nothing (PY)."""
    path = f"{CONFIG}/{club.program}"

    assert await club.sandbox.refused("PUT", path, {"description": "d"}) == 422
    assert (await club.sandbox.call("PATCH", path, {})).body["name"] == "Club"


async def test_what_the_api_lacks_is_not_found(club: Club) -> None:
    """There is no list of members or limits, no single transaction, no edit of a reward."""
    reward = await club.reward()
    for method, path, status in (
        ("GET", f"{CONFIG}/{club.program}/subscriptions", 405),
        ("GET", f"{club.balance}/balance-definitions/{club.points}/limits", 405),
        ("GET", f"{club.balance}/transactions/{club.points}", 404),
        ("PUT", f"{club.offer}/rewards/{reward}", 405),
        ("DELETE", f"{club.offer}/rewards/{reward}", 405),
        ("POST", f"{club.offer}/rewards/redeem/{reward}/cancel", 404),
    ):
        assert await club.sandbox.refused(method, path) == status, path


@pytest.mark.parametrize(("ttl", "status"), [(9, 422), (10, 200), (0, 422), (-1, 422)])
async def test_a_ttl_has_at_least_ten_seconds(account: Account, ttl: int, status: int) -> None:
    """The ttl of a transaction is at least 10 seconds (PY, OAS)."""
    answer = await account.try_move(5, autoComplete=False, ttl=ttl)

    assert answer.status == status


async def test_an_event_time_is_kept(account: Account) -> None:
    """An eventTime may lie in the past, and comes back (PY)."""
    made = await account.draft(5, eventTime="2025-12-24T18:00:00+01:00")

    assert made["eventTime"] == "2025-12-24T17:00:00.000Z"


async def test_replacing_a_group_needs_both_strategies(club: Club) -> None:
    """Updating a group without one of its strategies is a 422 (OAS)."""
    group = await club.group()
    path = f"{club.tier}/tier-groups/{group}"
    whole = {
        "name": "A",
        "tierOrder": [],
        "upgradeStrategy": "real_time",
        "downgradeStrategy": "real_time",
    }
    for missing in whole:
        body = {key: value for key, value in whole.items() if key != missing}

        assert await club.sandbox.refused("PUT", path, body) == 422


async def test_pages_have_their_bounds_and_defaults(club: Club) -> None:
    """Limits run to 100 or 500, defaults are 25, 200 and 20 (REF, OAS, RUBY)."""
    contact = await club.join()
    reward = await club.reward()
    for number in range(30):
        await club.issue(reward, contact)
        await club.move(contact, number + 1)
    mine = {"contactId": contact}
    points = {"balanceDefinitionId": club.points}
    lists: list[tuple[str, Json, str, int, int]] = [
        (f"{club.offer}/vouchers", mine, "contactRewards", 25, 100),
        (f"{club.offer}/offers", {}, "items", 1, 100),
        (f"{club.balance}/balance-definitions", {}, "items", 1, 500),
        (f"{club.balance}/contact-balances", points, "balances", 1, 500),
        (f"{club.balance}/active-balance", {**mine, **points}, "activeBalances", 30, 500),
        (f"{club.balance}/transaction-history", {**mine, **points}, "transactionHistory", 20, 500),
    ]
    for path, query, key, default, most in lists:
        assert len((await club.sandbox.get(path, **query))[key]) == default, path
        assert len((await club.sandbox.get(path, **query, limit=most, offset=0))[key]) >= default
        for wrong in ({"limit": 0}, {"limit": most + 1}, {"offset": -1}):
            assert await club.sandbox.refused("GET", path, None, **query, **wrong) == 422, path


async def test_lists_sort_by_their_own_words(club: Club) -> None:
    """Each list has its own sort words and its own name for them (REF, OAS)."""
    contact = await club.join()
    mine: dict[str, Any] = {"contactId": contact, "balanceDefinitionId": club.points}
    cases: list[tuple[str, Json, str, list[str], int]] = [
        (CONFIG, {}, "sort_field", ["name", "created_at", "updated_at"], 400),
        (
            f"{club.balance}/balance-definitions",
            {},
            "sortField",
            ["name", "created_at", "updated_at"],
            422,
        ),
        (
            f"{club.balance}/contact-balances",
            {"balanceDefinitionId": club.points},
            "sortField",
            ["updatedAt", "value"],
            422,
        ),
        (f"{club.balance}/active-balance", mine, "sortField", ["createdAt"], 422),
        (f"{club.balance}/transaction-history", mine, "sortField", ["createdAt"], 422),
        (
            f"{club.offer}/vouchers",
            {"contactId": contact},
            "sortField",
            ["updatedAt", "createdAt"],
            422,
        ),
    ]
    for path, query, name, words, status in cases:
        for word in words:
            await club.sandbox.get(path, **query, **{name: word}, sort="asc")
        wrong = {name: "colour"}

        assert await club.sandbox.refused("GET", path, None, **query, **wrong) == status, path
