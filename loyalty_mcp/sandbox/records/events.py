"""Webhook events: recorded in the transaction of their cause, read in Brevo's format."""

from typing import Any, Final, Literal

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.rules.entities import Definition, Member
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.store import UnitOfWork

EventName = Literal[
    "balance_value_updated",
    "balance_expiration_reminder",
    "balance_value_expired",
    "balance_minimum_value_reached",
    "balance_maximum_value_reached",
    "balance_transaction_unauthorized",
    "membership_anniversary_reminder",
    "subscription_created",
    "subscription_revoked",
    "subscription_member_added",
    "subscription_member_removed",
    "subscription_month_anniversary",
    "subscription_year_anniversary",
    "tier_association_updated",
    "tier_association_month_anniversary",
    "tier_association_year_anniversary",
    "tier_anniversary_reminder",
    "voucher_created",
    "voucher_redeemed",
    "voucher_redeem_unauthorized",
    "voucher_revoked",
    "voucher_expired",
    "voucher_expiration_reminder",
    "voucher_attribution_failed",
]

KEPT: Final = 10_000
"""How many events are kept; older ones make room."""


def emit(unit: UnitOfWork, name: EventName, member: Member, **details: Any) -> None:
    """Record an event about a member; `details` are the fields of this kind of event."""
    program = unit.one("SELECT name FROM programs WHERE id = ?", member.program_id)
    subject = {"id": member.program_id, "name": program["name"] if program else ""}
    seq = unit.run(
        "INSERT INTO events (id, name, at, contact, own_id, details) VALUES (?, ?, ?, ?, ?, ?)",
        unit.new_id(),
        name,
        unit.now_stored,
        member.contact_id,
        member.own_id,
        documents.dump({"loyalty_program": subject, **details}),
    )
    unit.run("DELETE FROM events WHERE seq <= ?", seq - KEPT)


def definition_details(definition: Definition) -> dict[str, Any]:
    """Describe a balance definition as events do."""
    return {
        "id": definition.id,
        "metadata": definition.meta,
        "name": definition.name,
        "unit": definition.unit,
    }


def last_event(unit: UnitOfWork) -> int:
    """Return the number of the last event, 0 before the first."""
    return unit.number("SELECT COALESCE(MAX(seq), 0) FROM events")


def events_since(unit: UnitOfWork, seq: int = 0) -> list[tuple[int, dict[str, Any]]]:
    """Return the events after the one with this number, oldest first, each with its number."""
    rows = unit.all(
        "SELECT e.*, c.attributes, c.email, c.phone, c.ext_id FROM events e"
        " LEFT JOIN contacts c ON c.id = e.contact WHERE e.seq > ? ORDER BY e.seq",
        seq,
    )
    return [
        (
            row["seq"],
            {
                "contact_id": row["contact"],
                "contact_properties": documents.load(row["attributes"] or "{}"),
                "event_date": stored_to_text(row["at"]),
                "event_id": row["id"],
                "event_name": row["name"],
                "identifiers": {
                    "contact_id": row["contact"],
                    "email_id": row["email"],
                    "phone_id": row["phone"],
                    "ext_id": row["ext_id"],
                    "loyalty_subscription_id": row["own_id"],
                },
                "source": "loyalty",
                **documents.load(row["details"]),
            },
        )
        for row in rows
    ]
