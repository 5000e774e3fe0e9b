"""Programs in the store."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import Conflict, NotAllowed, NotFound, Refusal
from loyalty_mcp.sandbox.rules.entities import Program
from loyalty_mcp.sandbox.store import UnitOfWork

ProgramOrder = Literal["name", "created_at", "updated_at"]


def add_program(
    unit: UnitOfWork,
    name: str,
    *,
    description: str | None = None,
    document_id: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Program:
    """Create an unpublished program.

    Raises:
        Conflict: Another program has that name or document id.
    """
    _require_free_program_name(unit, name)
    if document_id is not None and unit.one(
        "SELECT 1 FROM programs WHERE document_id = ? AND deleted_at IS NULL", document_id
    ):
        raise Conflict("Another program already has that documentId.")
    program_id = unit.new_id()
    unit.run(
        "INSERT INTO programs (id, name, description, document_id, meta, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        program_id,
        name,
        description,
        document_id,
        documents.dump(meta or {}),
        unit.now_stored,
        unit.now_stored,
    )
    return load_program(unit, program_id)


def load_program(unit: UnitOfWork, program_id: str, *, absent: type[Refusal] = NotFound) -> Program:
    """Return a program.

    Args:
        unit: The unit of work.
        program_id: Its id.
        absent: The refusal for operations that declare no 404.

    Raises:
        Refusal: There is none with that id; of the class `absent`.
    """
    row = unit.one("SELECT * FROM programs WHERE id = ? AND deleted_at IS NULL", program_id)
    if row is None:
        raise absent("There is no program with that id.", code=NotFound.default_code)
    return _program_from_row(row)


def load_running_program(unit: UnitOfWork, program_id: str) -> Program:
    """Return a program that accepts members and movements.

    Raises:
        NotFound: There is none with that id.
        NotAllowed: It was never published.
    """
    program = load_program(unit, program_id)
    if program.version == 0 and not unit.settings.draft_configuration_applies:
        raise NotAllowed("The program is not published yet: publish it first.")
    return program


def page_of_programs(
    unit: UnitOfWork, order: ProgramOrder, *, descending: bool, limit: int, offset: int
) -> list[Program]:
    """Return a page of the programs."""
    direction = "DESC" if descending else "ASC"
    rows = unit.all(
        f"SELECT * FROM programs WHERE deleted_at IS NULL"  # noqa: S608 - both are closed sets
        f" ORDER BY {order} {direction}, seq {direction} LIMIT ? OFFSET ?",
        limit,
        offset,
    )
    return [_program_from_row(row) for row in rows]


def change_program(
    unit: UnitOfWork, program: Program, name: str, description: str | None, meta: Mapping[str, Any]
) -> Program:
    """Change the texts of a program.

    Raises:
        Conflict: Another program has that name.
    """
    if name != program.name:
        _require_free_program_name(unit, name)
    unit.run(
        "UPDATE programs SET name = ?, description = ?, meta = ?, updated_at = ? WHERE id = ?",
        name,
        description,
        documents.dump(meta),
        unit.now_stored,
        program.id,
    )
    return load_program(unit, program.id)


def end_program(unit: UnitOfWork, program: Program) -> None:
    """Delete a program: its members become unreachable, and its name is free."""
    unit.run("UPDATE programs SET deleted_at = ? WHERE id = ?", unit.now_stored, program.id)


def mark_published(unit: UnitOfWork, program: Program) -> Program:
    """Increment the program's version."""
    unit.run(
        "UPDATE programs SET version = version + 1, updated_at = ? WHERE id = ?",
        unit.now_stored,
        program.id,
    )
    return load_program(unit, program.id)


def _require_free_program_name(unit: UnitOfWork, name: str) -> None:
    if unit.one("SELECT 1 FROM programs WHERE name = ? AND deleted_at IS NULL", name):
        raise Conflict("Another program already has that name.")


def _program_from_row(row: sqlite3.Row) -> Program:
    return Program(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        document_id=row["document_id"],
        meta=documents.load(row["meta"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
