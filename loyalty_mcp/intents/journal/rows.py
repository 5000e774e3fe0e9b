"""Conversion of intents and audit entries to rows, and back."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.engine import RowMapping

from loyalty_mcp.intents.audit_trail import Entry
from loyalty_mcp.intents.exact_json import exact_json, read_exact_json
from loyalty_mcp.intents.lifecycle import Intent, Movement, Preview, reference_of

MILLIONTHS: Final = 1_000_000
PLAIN: Final = (
    *("id", "tool", "digest", "caller", "account", "scope", "route", "state"),
    *("agreed_by", "reason", "transaction_id", "subject", "confirmation", "batch"),
)
JSON: Final = ("arguments", "resolved", "facts", "result", "kept")
MOMENTS: Final = ("created_at", "expires_at", "sent_at", "deadline")


def stored(value: Any) -> Any:
    """A value for a column: datetimes as sortable UTC text; structures as JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping | tuple | list):
        return exact_json(value)
    return value


def loaded(text: str | None) -> Any:
    """Parsed JSON with exact numbers."""
    return None if text is None else read_exact_json(text)


def row_of(intent: Intent) -> dict[str, Any]:
    """The row of an intent."""
    row = {name: stored(getattr(intent, name)) for name in (*PLAIN, *JSON, *MOMENTS)}
    row["preview"] = stored(asdict(intent.preview))
    row["refers_to"] = reference_of(intent)
    movement = intent.movement
    if movement is not None:
        row["movement_kind"] = movement.kind
        # Amounts below a millionth count as one millionth, so that rounding never makes room under
        # a cap.
        row["movement_amount"] = math.ceil(movement.amount * MILLIONTHS)
        row["movement_member"] = movement.member
    return row


def intent_of(row: RowMapping) -> Intent:
    """The intent of a row."""
    values: dict[str, Any] = {name: row[name] for name in PLAIN}
    values |= {name: loaded(row[name]) for name in JSON}
    values["kept"] = values["kept"] or {}
    for name in MOMENTS:
        values[name] = None if row[name] is None else datetime.fromisoformat(row[name])
    preview = loaded(row["preview"])
    preview["warnings"] = tuple(preview["warnings"])
    movement = None
    if row["movement_kind"] is not None:
        amount = Decimal(row["movement_amount"]) / MILLIONTHS
        movement = Movement(row["movement_kind"], amount, row["movement_member"])
    return Intent(**values, preview=Preview(**preview), movement=movement)


def entry_of(row: RowMapping) -> Entry:
    """The audit entry of a row."""
    return Entry(**row)
