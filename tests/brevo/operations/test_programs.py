"""Programs: this call describes that request."""

from loyalty_mcp.brevo.operations.programs import (
    Program,
    Programs,
    create_program,
    delete_program,
    get_program,
    list_programs,
    patch_program,
    publish_program,
    update_program,
)
from loyalty_mcp.brevo.request import delete, get, patch, post, put
from loyalty_mcp.brevo.types import Done

PATH = "/loyalty/config/programs"


def test_listing_sorts_by_the_snake_case_parameter() -> None:
    """Programs are sorted by `sort_field`, which the API spells so here alone."""
    assert list_programs(limit=5, sort_field="name", sort="desc") == get(
        PATH, Programs, {"limit": 5, "sort_field": "name", "sort": "desc"}
    )


def test_reading_publishing_and_deleting_name_the_program_in_the_path() -> None:
    """These send nothing but the path."""
    assert get_program("p-1") == get(f"{PATH}/p-1", Program)
    assert publish_program("p-1") == post(f"{PATH}/p-1/publish", Done)
    assert delete_program("p-1") == delete(f"{PATH}/p-1", Done)


def test_creating_sends_what_is_given() -> None:
    """What is not given is absent, never null."""
    assert create_program("Club", document_id="d-1") == post(
        PATH, Program, {"name": "Club", "documentId": "d-1"}
    )


def test_replacing_and_changing_differ_in_the_method() -> None:
    """An update replaces, a patch changes the given fields."""
    assert update_program("p-1", "Club", meta={"a": 1}) == put(
        f"{PATH}/p-1", Program, {"name": "Club", "meta": {"a": 1}}
    )
    assert patch_program("p-1", description="New") == patch(
        f"{PATH}/p-1", Program, {"description": "New"}
    )
