"""Programs: what members join; edited as a draft, and made live by publishing."""

from typing import Annotated, Literal

from pydantic import Field

from loyalty_mcp.brevo.operation import destructive, read, write
from loyalty_mcp.brevo.reply_values import ReplyMoment
from loyalty_mcp.brevo.request import Request, delete, get, patch, post, put
from loyalty_mcp.brevo.types import (
    Description,
    Done,
    Items,
    Limit,
    Meta,
    Name,
    Offset,
    Order,
    ProgramId,
    Reply,
)

PROGRAMS = "/loyalty/config/programs"
SortField = Annotated[
    Literal["name", "created_at", "updated_at"], Field(description="What to sort by")
]


class Program(Reply):
    """A loyalty program."""

    id: str
    name: str = ""
    description: str | None = None
    state: str | None = None
    meta: Meta | None = None
    subscription_pool_id: str | None = None
    subscription_generator_id: str | None = None
    pattern: str | None = None
    code_count: int | None = None
    document_id: str | None = None
    birthday_attribute: str | None = None
    created_at: ReplyMoment = None
    updated_at: ReplyMoment = None


class Programs(Reply):
    """A page of programs."""

    items: Items[Program] = ()


@read
def list_programs(
    limit: Limit | None = None,
    offset: Offset | None = None,
    sort_field: SortField | None = None,
    sort: Order | None = None,
) -> Request[Programs]:
    """List the loyalty programs of the account."""
    query = {"limit": limit, "offset": offset, "sort_field": sort_field, "sort": sort}
    return get(PROGRAMS, Programs, query)


@read
def get_program(program: ProgramId) -> Request[Program]:
    """Read one program: its state and its texts."""
    return get(f"{PROGRAMS}/{program}", Program)


@write("Create program {name}; members do not see it until publish_program.")
def create_program(
    name: Name,
    description: Description | None = None,
    document_id: Annotated[
        str | None, Field(max_length=256, description="Your own reference")
    ] = None,
    meta: Meta | None = None,
) -> Request[Program]:
    """Create an empty, inactive program. To set up a whole one, use apply_program."""
    body = {"name": name, "description": description, "documentId": document_id, "meta": meta}
    return post(PROGRAMS, Program, body)


@write("Replace name, description and meta of program {program}.", before=get_program)
def update_program(
    program: ProgramId, name: Name, description: Description | None = None, meta: Meta | None = None
) -> Request[Program]:
    """Replace all texts of a program; what is left out is cleared. Prefer patch_program."""
    body = {"name": name, "description": description, "meta": meta}
    return put(f"{PROGRAMS}/{program}", Program, body)


@write("Change program {program}.", before=get_program)
def patch_program(
    program: ProgramId,
    name: Name | None = None,
    description: Description | None = None,
    meta: Meta | None = None,
) -> Request[Program]:
    """Change only those texts of a program that are given."""
    body = {"name": name, "description": description, "meta": meta}
    return patch(f"{PROGRAMS}/{program}", Program, body)


@destructive("Delete program {program} for good.", before=get_program)
def delete_program(program: ProgramId) -> Request[Done]:
    """Delete a program for good, with everything that its members hold."""
    return delete(f"{PROGRAMS}/{program}", Done)


@write("Make the draft of program {program} live for its members.", before=get_program)
def publish_program(program: ProgramId) -> Request[Done]:
    """Make the draft live for members. The first publish opens the program."""
    return post(f"{PROGRAMS}/{program}/publish", Done)
