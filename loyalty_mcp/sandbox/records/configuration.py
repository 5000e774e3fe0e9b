"""Configuration of every kind: a draft that edits change, and an active version in force."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.rules.entities import Item, Program
from loyalty_mcp.sandbox.store import Unit

Kind = Literal["balance_definition", "limit", "tier_group", "tier", "reward"]
Version = Literal["draft", "active"]


def add_item(
    unit: Unit, program_id: str, kind: Kind, body: Mapping[str, Any], *, parent: str | None = None
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
    unit: Unit, program_id: str, kind: Kind, item_id: str, version: Version = "draft"
) -> Item | None:
    """Return an item, or `None` where that version has none."""
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
    unit: Unit,
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
    unit: Unit, item: Item, body: Mapping[str, Any], version: Version = "draft"
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


def delete_item(unit: Unit, item: Item) -> None:
    """Take an item, and what belongs to it, out of the draft; publishing takes it out of force."""
    unit.run(
        "UPDATE configuration SET deleted_at = ? WHERE version = 'draft' AND deleted_at IS NULL"
        " AND (id = ? OR parent = ?)",
        unit.now_stored,
        item.id,
        item.id,
    )


def publish_draft(unit: Unit, program_id: str) -> None:
    """Put the draft into force, deletions included."""
    unit.run("DELETE FROM configuration WHERE program = ? AND version = 'active'", program_id)
    unit.run(
        "INSERT INTO configuration SELECT id, 'active', program, kind, parent, seq, body,"
        " created_at, updated_at, NULL FROM configuration"
        " WHERE program = ? AND version = 'draft' AND deleted_at IS NULL",
        program_id,
    )


def version_in_force(unit: Unit, program: Program) -> Version:
    """Return which version rules members; before the first publication a choice may say draft."""
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
