import pytest

from tests.sandbox.conftest import CONFIG, NO_ID, MakeSandbox, Sandbox

pytestmark = pytest.mark.anyio


async def test_a_program_starts_inactive_and_becomes_active_by_publishing(
    sandbox: Sandbox,
) -> None:
    """The first publish turns the program from inactive to active (GUIDE-SETUP)."""
    program = await sandbox.program()

    assert (await sandbox.get(f"{CONFIG}/{program}"))["state"] == "inactive"
    published = await sandbox.post(f"{CONFIG}/{program}/publish")
    assert published["state"] == "active"
    assert await sandbox.get(f"{CONFIG}/{program}") == published


async def test_names_are_unique(sandbox: Sandbox) -> None:
    """Another program with the name is a conflict (OAS); a deleted one frees its name."""
    first = await sandbox.program("Club")
    second = await sandbox.program("Circle")

    assert await sandbox.refused("POST", CONFIG, {"name": "Club"}) == 409
    assert await sandbox.refused("PUT", f"{CONFIG}/{second}", {"name": "Club"}) == 409
    assert await sandbox.refused("PATCH", f"{CONFIG}/{second}", {"name": "Club"}) == 409
    assert (await sandbox.call("PUT", f"{CONFIG}/{first}", {"name": "Club"})).status == 200
    assert (await sandbox.call("DELETE", f"{CONFIG}/{first}")) == (204, None)
    assert await sandbox.program("Club") != first


async def test_put_replaces_and_patch_changes(sandbox: Sandbox) -> None:
    """PUT clears what is left out, PATCH keeps it."""
    path = f"{CONFIG}/{await sandbox.program('Club')}"
    await sandbox.call("PUT", path, {"name": "Club", "description": "d", "meta": {"a": 1}})

    patched = (await sandbox.call("PATCH", path, {"name": "New"})).body
    assert (patched["name"], patched["description"], patched["meta"]) == ("New", "d", {"a": 1})

    put = (await sandbox.call("PUT", path, {"name": "New"})).body
    assert (put["description"], put["meta"]) == (None, {})


async def test_programs_are_paged_and_sorted(sandbox: Sandbox) -> None:
    """Limit and offset; no total."""
    for name in ("b", "c", "a"):
        await sandbox.program(name)
        sandbox.clock.pass_(seconds=1)

    async def names(**query: object) -> list[str]:
        return [each["name"] for each in (await sandbox.get(CONFIG, **query))["items"]]

    assert await names() == ["a", "c", "b"]
    assert await names(sort_field="name", sort="asc") == ["a", "b", "c"]
    assert await names(sort_field="created_at", sort="asc", limit=1, offset=1) == ["c"]
    assert await sandbox.refused("GET", CONFIG, sort_field="size") == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_unknown_program_is_not_found(sandbox: Sandbox, method: str) -> None:
    """404 for an id of nobody, 422 for what is no id."""
    body = {"name": "x"} if method in {"PUT", "PATCH"} else None

    assert await sandbox.refused(method, f"{CONFIG}/{NO_ID}", body) == 404
    assert await sandbox.refused(method, f"{CONFIG}/nobody", body) == 422


async def test_meta_is_kept_exactly(sandbox: Sandbox) -> None:
    """Numbers come back as they were sent, however many digits they have."""
    meta = {"deep": [{"n": 123456789012345678901234567890, "d": 0.1, "x": None, "t": "é✓"}]}

    created = await sandbox.post(CONFIG, {"name": "Club", "meta": meta})

    assert created["meta"] == meta


async def test_the_draft_does_not_apply_before_the_first_publication(
    sandbox: Sandbox,
) -> None:
    """Members cannot be enrolled before the first publish (GUIDE-SETUP)."""
    program, contact = await sandbox.program(), await sandbox.contact()
    await sandbox.define(program)

    path = f"{CONFIG}/{program}/subscriptions"
    assert await sandbox.refused("POST", path, {"contactId": contact}) == 422


async def test_the_draft_may_apply_where_settings_say_so(make_sandbox: MakeSandbox) -> None:
    """A switch lets an unpublished program take members and movements."""
    sandbox: Sandbox = await make_sandbox(draft_configuration_applies=True)
    program, contact = await sandbox.program(), await sandbox.contact()
    definition = await sandbox.define(program)
    await sandbox.enrol(program, contact)

    done = await sandbox.post(
        f"{sandbox.balance(program)}/transactions",
        {
            "amount": 5,
            "balanceDefinitionId": definition,
            "contactId": contact,
            "autoComplete": True,
        },
    )

    assert done["balance"] == 5


async def test_a_document_id_is_any_text(sandbox: Sandbox) -> None:
    """An external reference of any form, once; at most 256 characters."""
    made = await sandbox.post(CONFIG, {"name": "A", "documentId": "crm-42"})

    assert made["documentId"] == "crm-42"
    assert await sandbox.refused("POST", CONFIG, {"name": "B", "documentId": "crm-42"}) == 409
    assert await sandbox.refused("POST", CONFIG, {"name": "B", "documentId": "x" * 257}) == 422
    for name in ("C", "D"):
        assert (await sandbox.post(CONFIG, {"name": name, "documentId": ""}))["documentId"] is None
