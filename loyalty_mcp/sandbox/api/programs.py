"""Endpoints for programs: create, change, publish and delete."""

from typing import Final

from pydantic import Field

from loyalty_mcp.sandbox.api.endpoint import Call, Json
from loyalty_mcp.sandbox.api.fields import (
    Body,
    Limit,
    Meta,
    Name,
    NoBody,
    NoQuery,
    Offset,
    Query,
    Sort,
    Text,
)
from loyalty_mcp.sandbox.errors import Malformed
from loyalty_mcp.sandbox.records import configuration, programs
from loyalty_mcp.sandbox.records.programs import ProgramOrder
from loyalty_mcp.sandbox.rules.entities import Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text

_ORDERS: Final[dict[str, ProgramOrder]] = {
    "name": "name",
    "created_at": "created_at",
    "updated_at": "updated_at",
}


class ProgramPage(Query):
    """Query for a page of programs."""

    limit: Limit = 50
    offset: Offset = 0
    sort_field: str = Field("updated_at", alias="sort_field")
    sort: Sort = "desc"


class NewProgram(Body):
    """A program to create."""

    name: Name
    description: Text | None = None
    document_id: Text | None = None
    meta: Meta | None = None


class ProgramTexts(Body):
    """All texts of a program; omitted ones are cleared."""

    name: Name
    description: Text | None = None
    meta: Meta | None = None


class SomeProgramTexts(Body):
    """Some texts of a program; omitted ones stay."""

    name: Name | None = None
    description: Text | None = None
    meta: Meta | None = None


def list_programs(call: Call[ProgramPage, NoBody]) -> Json:
    """List the programs, one page at a time."""
    page = call.query
    found = programs.page_of_programs(
        call.unit,
        _program_order(page.sort_field),
        descending=page.sort == "desc",
        limit=page.limit,
        offset=page.offset,
    )
    return {"items": [program_reply(program) for program in found]}


def create_program(call: Call[NoQuery, NewProgram]) -> Json:
    """Create a program, which starts out inactive."""
    new = call.body
    return program_reply(
        programs.add_program(
            call.unit,
            new.name,
            description=new.description,
            document_id=new.document_id or None,
            meta=new.meta,
        )
    )


def get_program(call: Call[NoQuery, NoBody]) -> Json:
    """Return one program."""
    return program_reply(programs.load_program(call.unit, call.id("pid")))


def update_program(call: Call[NoQuery, ProgramTexts]) -> Json:
    """Replace the texts of a program."""
    program, new = programs.load_program(call.unit, call.id("pid")), call.body
    return program_reply(
        programs.change_program(call.unit, program, new.name, new.description, new.meta or {})
    )


def patch_program(call: Call[NoQuery, SomeProgramTexts]) -> Json:
    """Change some texts of a program."""
    program, new = programs.load_program(call.unit, call.id("pid")), call.body
    return program_reply(
        programs.change_program(
            call.unit,
            program,
            program.name if new.name is None else new.name,
            program.description if new.description is None else new.description,
            program.meta if new.meta is None else new.meta,
        )
    )


def delete_program(call: Call[NoQuery, NoBody]) -> None:
    """Delete a program."""
    programs.end_program(call.unit, programs.load_program(call.unit, call.id("pid")))


def publish_program(call: Call[NoQuery, NoBody]) -> Json:
    """Make the draft configuration active, and return the program."""
    program = programs.load_program(call.unit, call.id("pid"))
    configuration.publish_draft(call.unit, program.id)
    program = programs.mark_published(call.unit, program)
    for follow in call.unit.hooks.after_publish:
        follow(call.unit, program)
    return program_reply(program)


def program_reply(program: Program) -> Json:
    """Return a program as the API shows it."""
    return {
        "id": program.id,
        "name": program.name,
        "description": program.description,
        "meta": program.meta,
        "state": "active" if program.version else "inactive",
        "subscriptionPoolId": None,
        "subscriptionGeneratorId": None,
        "pattern": None,
        "codeCount": 0,
        "documentId": program.document_id,
        "birthdayAttribute": None,
        "createdAt": stored_to_text(program.created_at),
        "updatedAt": stored_to_text(program.updated_at),
    }


def _program_order(field: str) -> ProgramOrder:
    if field in _ORDERS:
        return _ORDERS[field]
    raise Malformed("sort_field: must be one of 'name', 'created_at' or 'updated_at'")
