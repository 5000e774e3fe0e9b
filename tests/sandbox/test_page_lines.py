"""Every line of the pages holds where the table says, and what no other test shows is shown."""

import importlib
from typing import Any

import pytest

from tests.sandbox.club import Club, open_club
from tests.sandbox.conftest import CONFIG, NO_ID, Json, Sandbox
from tests.sandbox.page_lines import LINES, Line
from tests.sandbox.test_documented_rules import names_in


@pytest.fixture
async def club(sandbox: Sandbox) -> Club:
    """A published program with one balance."""
    return await open_club(sandbox)


@pytest.mark.parametrize("line", LINES, ids=[f"{each.page}: {each.line}" for each in LINES])
def test_each_line_names_code_and_tests_that_exist(line: Line) -> None:
    """Where it is enforced can be imported, and its tests are there."""
    parts = line.enforced.split(".")
    depth = 2 if parts[0] in {"api", "records", "rules"} else 1
    found: Any = importlib.import_module(".".join(["loyalty_mcp.sandbox", *parts[:depth]]))
    for part in parts[depth:]:
        found = getattr(found, part)

    assert line.tests
    for named in line.tests:
        module, _, test = named.partition("::")
        assert test in names_in(module), named


def test_the_five_pages_are_all_there() -> None:
    """Four reference pages and the guide, and no line twice."""
    assert len({line.page for line in LINES}) == 5
    assert len({(line.page, line.line, line.enforced) for line in LINES}) == len(LINES)


def calls(club: Club) -> dict[str, tuple[str, str, Json, Json]]:
    """Each page's call as it succeeds: method, path, body and query."""
    limit = {
        "constraintType": "transaction",
        "transactionType": "credit",
        "durationUnit": "day",
        "durationValue": 1,
        "value": 1,
    }
    points = {"balanceDefinitionId": club.points}
    return {
        "balance": ("POST", f"{club.balance}/subscriptions/101/balances", points, {}),
        "limit": ("POST", f"{club.balance}/balance-definitions/{club.points}/limits", limit, {}),
        "holders": ("GET", f"{club.balance}/contact-balances", {}, points),
        "definitions": ("GET", f"{club.balance}/balance-definitions", {}, {}),
        "program": ("POST", CONFIG, {"name": "Another"}, {}),
        "guide": (
            "POST",
            f"{CONFIG}/{club.program}/balance-definitions",
            {"name": "A", "unit": "points"},
            {},
        ),
    }


STATUSES = {
    "balance": (401, 403, 404, 422, 500),
    "limit": (401, 403, 422, 424, 500),
    "holders": (401, 403, 404, 422, 500),
    "definitions": (401, 403, 422, 500),
}


@pytest.mark.parametrize(
    ("page", "status"), [(page, status) for page, each in STATUSES.items() for status in each]
)
async def test_each_page_answers_the_statuses_it_lists(club: Club, page: str, status: int) -> None:
    """401 without a key, 404 and 424 for what is absent, 422; 403 and 500 by a fault on order."""
    sandbox = club.sandbox
    method, path, body, query = calls(club)[page]
    if status in {403, 500}:
        fault = {"path": "/v3/*", "kind": "refuse_before", "status": status}
        await sandbox.post("/sandbox/faults", {"faults": [fault]})
    elif status == 401:
        del sandbox.http.headers["api-key"]
    elif status == 422:
        query = {**query, "colour": "red"}
    else:
        path = path.replace(club.program, NO_ID)

    answer = await sandbox.call(method, path, body or None, **query)

    assert answer.status == status
    assert answer.body.keys() == {"code", "message"}


async def test_an_unknown_program_has_no_definitions_to_list(club: Club) -> None:
    """The page of the list names no 404, so it is a 422 with the code of an absent object."""
    answer = await club.sandbox.call("GET", f"{club.sandbox.balance(NO_ID)}/balance-definitions")

    assert (answer.status, answer.body["code"]) == (422, "document_not_found")


@pytest.mark.parametrize("page", ["balance", "limit", "holders", "definitions"])
async def test_ids_of_a_path_have_their_form(club: Club, page: str) -> None:
    """An id that is no UUID, or no contact id, is a 422 that names the parameter."""
    method, path, body, query = calls(club)[page]
    cases = {club.program: "pid"}
    if page == "balance":
        cases["/101/"] = "cid"
    if page == "limit":
        cases[club.points] = "bdid"
    for part, name in cases.items():
        wrong = path.replace(part, "/x/" if name == "cid" else "x")

        status, problem = await club.sandbox.call(method, wrong, body or None, **query)

        assert (status, problem["message"].split(":")[0]) == (422, name)


@pytest.mark.parametrize("page", ["balance", "limit", "holders", "program", "guide"])
async def test_what_a_page_requires_is_required(club: Club, page: str) -> None:
    """Each field of the smallest call, left out, is named as required; a wrong UUID as one."""
    method, path, body, query = calls(club)[page]
    for name in [*body, *query]:
        smaller = {key: value for key, value in body.items() if key != name}
        shorter = {key: value for key, value in query.items() if key != name}

        answer = await club.sandbox.call(method, path, smaller, **shorter)

        assert answer == (422, {"code": "missing_parameter", "message": f"{name}: is required"})
        if name == "balanceDefinitionId":
            wrong = (
                await club.sandbox.call(method, path, {**body, name: "x"})
                if body
                else await club.sandbox.call(method, path, **{**query, name: "x"})
            )
            assert wrong.body["message"] == "balanceDefinitionId: must be a UUID"


ENUMS = {
    ("limit", "constraintType"): {"transaction", "amount"},
    ("limit", "durationUnit"): {"day", "week", "month", "year"},
    ("limit", "transactionType"): {"credit", "debit"},
    ("holders", "sort"): {"asc", "desc"},
    ("holders", "sortField"): {"updatedAt", "value"},
    ("definitions", "sort"): {"asc", "desc"},
    ("definitions", "sortField"): {"name", "created_at", "updated_at"},
    ("definitions", "version"): {"active", "draft"},
}


@pytest.mark.parametrize(("page", "field"), ENUMS)
async def test_enums_take_their_words_and_no_other(club: Club, page: str, field: str) -> None:
    """Each allowed word succeeds; another is refused with the list of them."""
    method, path, body, query = calls(club)[page]
    words = ENUMS[(page, field)]

    async def sent(word: str) -> Any:
        if method == "POST":
            return await club.sandbox.call(method, path, {**body, field: word}, **query)
        return await club.sandbox.call(method, path, None, **{**query, field: word})

    for word in words:
        assert (await sent(word)).status == 200, word
    status, problem = await sent("colour")
    assert status == 422
    assert all(f"'{word}'" in problem["message"] for word in words)


async def test_the_definition_list_has_its_defaults(club: Club) -> None:
    """Draft, the last 200 by change, newest first."""
    path = f"{club.balance}/balance-definitions"
    for number in range(201):
        club.sandbox.clock.pass_(seconds=1)
        await club.sandbox.define(club.program, name=f"D{number}")

    plain = (await club.sandbox.get(path))["items"]

    assert [each["name"] for each in plain] == [f"D{number}" for number in range(200, 0, -1)]
    assert (
        plain
        == (
            await club.sandbox.get(
                path, limit=200, offset=0, sortField="updated_at", sort="desc", version="draft"
            )
        )["items"]
    )
