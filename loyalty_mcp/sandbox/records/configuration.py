"""Configuration items: a draft that edits change, and the active version."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.rules.entities import Item, Program
from loyalty_mcp.sandbox.store import UnitOfWork

Kind = Literal["balance_definition", "limit", "tier_group", "tier", "reward"]
Version = Literal["draft", "active"]


def add_item(
    unit: UnitOfWork,
    program_id: str,
    kind: Kind,
    body: Mapping[str, Any],
    *,
    parent: str | None = None,
) -> Item:
    """Add an item to the draft."""
    item_id = unit.new_id()
    unit.run(
        "INSERT INTO configuration VALUES (?, 'draft', ?, ?, ?,"
        " (SELECT COALESCE(MAX(seq), 0) + 1 FROM configuration WHERE program = ?), ?, ?, ?, NULL)",
        item_id,
        program_id,
        kind,
        parent,
        program_id,
        documents.dump(body),
        unit.now_stored,
        unit.now_stored,
    )
    return Item(item_id, program_id, kind, parent, body, unit.now_stored, unit.now_stored)


def find_item(
    unit: UnitOfWork, program_id: str, kind: Kind, item_id: str, version: Version = "draft"
) -> Item | None:
    """Return an item of a version, or `None`."""
    row = unit.one(
        "SELECT * FROM configuration WHERE id = ? AND version = ? AND program = ? AND kind = ?"
        " AND deleted_at IS NULL",
        item_id,
        version,
        program_id,
        kind,
    )
    return None if row is None else _item_from_row(row)


def all_items(
    unit: UnitOfWork,
    program_id: str,
    kind: Kind,
    version: Version = "draft",
    *,
    parent: str | None = None,
) -> list[Item]:
    """Return all items of a kind, in the order of their creation."""
    rows = unit.all(
        "SELECT * FROM configuration WHERE program = ? AND version = ? AND kind = ?"
        " AND deleted_at IS NULL AND (? IS NULL OR parent = ?) ORDER BY seq",
        program_id,
        version,
        kind,
        parent,
        parent,
    )
    return [_item_from_row(row) for row in rows]


def change_item(
    unit: UnitOfWork, item: Item, body: Mapping[str, Any], version: Version = "draft"
) -> Item:
    """Replace an item's fields in one version."""
    unit.run(
        "UPDATE configuration SET body = ?, updated_at = ? WHERE id = ? AND version = ?",
        documents.dump(body),
        unit.now_stored,
        item.id,
        version,
    )
    return Item(
        item.id,
        item.program_id,
        item.kind,
        item.parent,
        body,
        item.created_at,
        unit.now_stored,
    )


def delete_item(unit: UnitOfWork, item: Item) -> None:
    """Delete an item and its children from the draft; publishing deletes them for members."""
    unit.run(
        "UPDATE configuration SET deleted_at = ? WHERE version = 'draft' AND deleted_at IS NULL"
        " AND (id = ? OR parent = ?)",
        unit.now_stored,
        item.id,
        item.id,
    )


def publish_draft(unit: UnitOfWork, program_id: str) -> None:
    """Make the draft the active version, deletions included."""
    unit.run("DELETE FROM configuration WHERE program = ? AND version = 'active'", program_id)
    unit.run(
        "INSERT INTO configuration SELECT id, 'active', program, kind, parent, seq, body,"
        " created_at, updated_at, NULL FROM configuration"
        " WHERE program = ? AND version = 'draft' AND deleted_at IS NULL",
        program_id,
    )


def version_in_force(unit: UnitOfWork, program: Program) -> Version:
    """Return the version that applies to members: `active`, unless a switch applies the draft."""
    early = program.version == 0 and unit.settings.draft_configuration_applies
    return "draft" if early else "active"


def _item_from_row(row: sqlite3.Row) -> Item:
    return Item(
        id=row["id"],
        program_id=row["program"],
        kind=row["kind"],
        parent=row["parent"],
        body=documents.load(row["body"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
