from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.sandbox.conftest import CONFIG, Json, Sandbox

pytestmark = pytest.mark.anyio

ANNA: Json = {
    "email": "Anna@Example.com",
    "ext_id": "cust 7/ü",
    "attributes": {"SMS": "+4915112345678", "firstname": "Anna", "WHATSAPP": "4915199"},
    "listIds": [3],
}


@pytest.mark.parametrize(
    ("identifier", "query"),
    [
        ("anna@example.com", {}),
        ("ANNA%40example.com", {"identifierType": "email_id"}),
        ("1", {}),
        ("1", {"identifierType": "contact_id"}),
        ("+4915112345678", {}),
        ("004915112345678", {}),
        ("4915112345678", {"identifierType": "phone_id"}),
        ("cust-7", {"identifierType": "ext_id"}),
        ("4915199", {"identifierType": "whatsapp_id"}),
    ],
)
async def test_a_contact_is_found_by_each_identifier(
    sandbox: Sandbox, identifier: str, query: dict[str, str]
) -> None:
    """Without a type, email, phone and id are recognised; the others need it (PY)."""
    created = await sandbox.post("/v3/contacts", {**ANNA, "ext_id": "cust-7"})

    found = await sandbox.get(f"/v3/contacts/{identifier}", **query)

    assert found["id"] == created["id"]
    assert found["email"] == "anna@example.com"
    assert found["attributes"]["FIRSTNAME"] == "Anna"


async def test_ext_id_needs_its_type(sandbox: Sandbox) -> None:
    """An own id looks like nothing in particular."""
    await sandbox.post("/v3/contacts", {**ANNA, "ext_id": "cust-7"})

    assert await sandbox.refused("GET", "/v3/contacts/cust-7") == 404


async def test_contacts_are_listed_and_filtered(sandbox: Sandbox) -> None:
    """By id, list, attribute and time; newest first; with a total."""
    for number in range(3):
        await sandbox.post(
            "/v3/contacts",
            {
                "email": f"{number}@example.com",
                "attributes": {"CITY": f"c{number}"},
                "listIds": [number + 1],
            },
        )
        sandbox.clock.pass_(days=1)

    async def ids(**query: object) -> list[int]:
        return [each["id"] for each in (await sandbox.get("/v3/contacts", **query))["contacts"]]

    assert await ids() == [3, 2, 1]
    assert await ids(sort="asc", limit=1, offset=1) == [2]
    assert await ids(ids="1,3") == [3, 1]
    assert await ids(listIds="2") == [2]
    assert await ids(filter='equals(CITY,"c1")') == [2]
    assert await ids(createdSince="2026-03-11T00:00:00Z") == [3, 2]
    assert await ids(segmentId="5") == []


async def test_a_contact_is_changed_only_when_asked(sandbox: Sandbox) -> None:
    """A second one with the email is refused, or changes the first with updateEnabled."""
    await sandbox.post("/v3/contacts", ANNA)
    again = {"email": "anna@example.com", "attributes": {"LASTNAME": "K"}}

    assert await sandbox.refused("POST", "/v3/contacts", again) == 400
    answer = await sandbox.call("POST", "/v3/contacts", {**again, "updateEnabled": True})
    assert answer == (204, None)
    found = await sandbox.get("/v3/contacts/1")
    assert found["attributes"]["LASTNAME"] == "K"
    assert found["attributes"]["FIRSTNAME"] == "Anna"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "nobody"},
        {"email": "a b@c.d"},
        {"email": 5},
        {"attributes": {"SMS": "call me"}},
        {"email": "a@b.c", "attributes": {"x y": 1}},
        {"email": "a@b.c", "attributes": {"DEEP": {"a": 1}}},
        {"email": "a@b.c", "listIds": ["1"]},
        {"email": "a@b.c", "vip": True},
        [],
        "text",
        None,
    ],
    ids=str,
)
async def test_contacts_that_do_not_fit_are_refused(sandbox: Sandbox, body: Any) -> None:
    """The contacts operations declare 400 for it."""
    assert await sandbox.refused("POST", "/v3/contacts", body) == 400


async def test_identifiers_that_fit_nobody_are_not_found(sandbox: Sandbox) -> None:
    """404 for nobody, 400 for a wrong type or span."""
    assert await sandbox.refused("GET", "/v3/contacts/none@example.com") == 404
    assert await sandbox.refused("GET", "/v3/contacts/1", identifierType="name") == 400
    assert await sandbox.refused("GET", "/v3/contacts/1", startDate="2026-01-01") == 400
    assert await sandbox.refused("GET", f"/v3/contacts/{'x' * 10_000}") == 400


@pytest.mark.parametrize(
    "own_id", ["a/b", "/", "a//b/", "a?b#c", "50%", "%2F", "ü 日本", "a;b=c", "a\\b"]
)
async def test_an_own_id_may_hold_any_character(sandbox: Sandbox, own_id: str) -> None:
    """An own id is found by a path that holds it percent-encoded."""
    created = await sandbox.post("/v3/contacts", {**ANNA, "ext_id": own_id})
    headers = {"api-key": "any"}
    request = httpx2.Request("GET", "http://sandbox/", headers=headers)
    raw = f"/v3/contacts/{quote(own_id, safe='')}?identifierType=ext_id".encode()
    request.url = request.url.copy_with(raw_path=raw)

    answer = await sandbox.http.send(request)

    assert (answer.status_code, answer.json()["id"]) == (200, created["id"])


async def test_a_contact_is_deleted_once_it_is_no_member(sandbox: Sandbox) -> None:
    """As long as a program has it, the deletion is refused (our choice); 204 without a body."""
    contact = await sandbox.post("/v3/contacts", {"email": "a@example.com"})
    program = (await sandbox.post(CONFIG, {"name": "Short"}))["id"]
    await sandbox.post(f"{CONFIG}/{program}/publish", {})
    await sandbox.post(f"{CONFIG}/{program}/subscriptions", {"contactId": contact["id"]})
    path = f"/v3/contacts/{contact['id']}"
    assert await sandbox.refused("DELETE", path) == 400

    await sandbox.call("DELETE", f"{CONFIG}/{program}")

    assert (await sandbox.call("DELETE", path)).status == 204
    assert await sandbox.refused("GET", path) == 404
    assert await sandbox.refused("DELETE", path) == 404


async def test_a_deleted_program_and_contact_leave_the_state_as_it_was(sandbox: Sandbox) -> None:
    """The digest counts what can still be reached."""
    before = (await sandbox.get("/sandbox/state-hash"))["state_hash"]
    contact = (await sandbox.post("/v3/contacts", {"email": "a@example.com"}))["id"]
    program = (await sandbox.post(CONFIG, {"name": "Short"}))["id"]
    await sandbox.post(f"{CONFIG}/{program}/publish", {})
    await sandbox.post(f"{CONFIG}/{program}/subscriptions", {"contactId": contact})
    changed = (await sandbox.get("/sandbox/state-hash"))["state_hash"]

    await sandbox.call("DELETE", f"{CONFIG}/{program}")
    await sandbox.call("DELETE", f"/v3/contacts/{contact}")

    assert changed != before
    assert (await sandbox.get("/sandbox/state-hash"))["state_hash"] == before
