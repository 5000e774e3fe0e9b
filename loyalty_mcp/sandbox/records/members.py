"""Members: enrolments of contacts, and contacts that share a membership."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import Conflict, Malformed, NotFound, Refusal
from loyalty_mcp.sandbox.records import balances, contacts, definitions, events
from loyalty_mcp.sandbox.rules.entities import Member, Program
from loyalty_mcp.sandbox.rules.moments import stored_to_text
from loyalty_mcp.sandbox.store import UnitOfWork


class AttachedContact(NamedTuple):
    """A contact that shares another contact's membership."""

    contact_id: int
    created_at: int
    updated_at: int


def enrol_contact(
    unit: UnitOfWork,
    program: Program,
    contact_id: int,
    *,
    own_id: str | None = None,
    created_at: int | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Member:
    """Enrol a contact, with all balances at 0.

    Raises:
        NotFound: There is no such contact.
        Malformed: Another member has that own id; or a switch answers a duplicate with 400.
        Conflict: The contact is already enrolled.
    """
    if not contacts.contact_exists(unit, contact_id):
        raise NotFound("There is no contact with that id.")
    if member_by_contact(unit, program.id, contact_id) is not None:
        sentence = "The contact is already enrolled in this program."
        as_400 = unit.settings.duplicate_enrolment_status == 400
        raise Malformed(sentence, code="duplicate_parameter") if as_400 else Conflict(sentence)
    if own_id is not None and member_by_own_id(unit, program.id, own_id) is not None:
        raise Malformed("That loyaltySubscriptionId already belongs to another contact.")
    since = unit.now_stored if created_at is None else created_at
    seq = unit.run(
        "INSERT INTO subscriptions"
        " (program, contact, own_id, version, meta, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        program.id,
        contact_id,
        own_id or unit.new_id(),
        program.version,
        documents.dump(meta or {}),
        since,
        unit.now_stored,
    )
    member = member_by_seq(unit, seq)
    for definition in definitions.definitions_in_force(unit, program):
        balances.open_balance(unit, member, definition.id)
    events.emit(unit, "subscription_created", member, subscription=_subscription_details(member))
    for follow in unit.hooks.after_enrolment:
        follow(unit, member)
    return member


def end_membership(unit: UnitOfWork, member: Member) -> None:
    """End a membership, also for the contacts that share it."""
    for follow in unit.hooks.before_unsubscription:
        follow(unit, member)
    unit.run("UPDATE subscriptions SET ended_at = ? WHERE seq = ?", unit.now_stored, member.seq)
    unit.run("DELETE FROM attached_contacts WHERE member = ?", member.seq)
    unit.run("DELETE FROM open_lots WHERE member = ?", member.seq)
    events.emit(unit, "subscription_revoked", member, subscription=_subscription_details(member))


def member_by_seq(unit: UnitOfWork, seq: int) -> Member:
    """Return the membership with that sequence number, ended or not."""
    row = unit.one("SELECT * FROM subscriptions WHERE seq = ?", seq)
    if row is None:
        raise NotFound("There is no such member.")
    return _member_from_row(row)


def own_membership(unit: UnitOfWork, program_id: str, contact_id: int) -> Member | None:
    """Return the membership that the contact owns, or `None`."""
    row = unit.one(
        "SELECT * FROM subscriptions WHERE program = ? AND contact = ? AND ended_at IS NULL",
        program_id,
        contact_id,
    )
    return None if row is None else _member_from_row(row)


def member_by_contact(unit: UnitOfWork, program_id: str, contact_id: int) -> Member | None:
    """Return the membership that the contact owns or shares, or `None`."""
    found = own_membership(unit, program_id, contact_id)
    if found is not None:
        return found
    row = unit.one(
        "SELECT s.* FROM attached_contacts a JOIN subscriptions s ON s.seq = a.member"
        " WHERE a.program = ? AND a.contact = ?",
        program_id,
        contact_id,
    )
    return None if row is None else _member_from_row(row)


def member_by_own_id(unit: UnitOfWork, program_id: str, own_id: str) -> Member | None:
    """Return the membership with that own id, or `None`."""
    row = unit.one(
        "SELECT * FROM subscriptions WHERE program = ? AND own_id = ? AND ended_at IS NULL",
        program_id,
        own_id,
    )
    return None if row is None else _member_from_row(row)


def named_member(
    unit: UnitOfWork,
    program_id: str,
    contact_id: int | None,
    own_id: str | None,
    *,
    otherwise: Refusal,
) -> Member:
    """Return the member with this contact id, own id or both.

    Raises:
        Refusal: `otherwise`, if neither is given, there is no such member, or the two name
            different members.
    """
    found = [
        member
        for member in (
            None if contact_id is None else member_by_contact(unit, program_id, contact_id),
            None if own_id is None else member_by_own_id(unit, program_id, own_id),
        )
        if member is not None
    ]
    asked = (contact_id is not None) + (own_id is not None)
    if not found or len(found) < asked or found[0].seq != found[-1].seq:
        raise otherwise
    return found[0]


def attach_contacts(
    unit: UnitOfWork, member: Member, contact_ids: Sequence[int]
) -> list[AttachedContact]:
    """Attach further contacts to a membership; those already attached stay as they are.

    Raises:
        NotFound: One of them does not exist.
        Conflict: One of them is the owner, is enrolled, or shares another membership.
    """
    for contact_id in dict.fromkeys(contact_ids):
        if contact_id == member.contact_id:
            raise Conflict("The owner of a subscription cannot also be its member.")
        if not contacts.contact_exists(unit, contact_id):
            raise NotFound("One of memberContactIds is not a contact.")
        place = member_by_contact(unit, member.program_id, contact_id)
        if place is not None and (place.seq != member.seq):
            raise Conflict("One of memberContactIds is already in this program.")
        if place is None:
            unit.run(
                "INSERT INTO attached_contacts VALUES (?, ?, ?, ?, ?)",
                member.program_id,
                contact_id,
                member.seq,
                unit.now_stored,
                unit.now_stored,
            )
            events.emit(
                unit,
                "subscription_member_added",
                member,
                subscription=_subscription_details(member),
                member_contact_id=contact_id,
            )
    return attached_contacts(unit, member)


def detach_contacts(unit: UnitOfWork, program_id: str, contact_ids: Sequence[int]) -> None:
    """Detach contacts from the membership they share.

    Raises:
        NotFound: One of them shares no membership.
    """
    for contact_id in dict.fromkeys(contact_ids):
        row = unit.one(
            "DELETE FROM attached_contacts WHERE program = ? AND contact = ? RETURNING member",
            program_id,
            contact_id,
        )
        if row is None:
            raise NotFound("One of memberContactIds shares no subscription of this program.")
        member = member_by_seq(unit, row["member"])
        events.emit(
            unit,
            "subscription_member_removed",
            member,
            subscription=_subscription_details(member),
            member_contact_id=contact_id,
        )


def attached_contacts(unit: UnitOfWork, member: Member) -> list[AttachedContact]:
    """Return the contacts that share a membership."""
    rows = unit.all(
        "SELECT contact, created_at, updated_at FROM attached_contacts WHERE member = ?"
        " ORDER BY created_at, contact",
        member.seq,
    )
    return [AttachedContact(*row) for row in rows]


def _subscription_details(member: Member) -> dict[str, Any]:
    return {
        "created_at": stored_to_text(member.created_at),
        "loyalty_subscription_id": member.own_id,
    }


def _member_from_row(row: sqlite3.Row) -> Member:
    return Member(
        seq=row["seq"],
        program_id=row["program"],
        contact_id=row["contact"],
        own_id=row["own_id"],
        version=row["version"],
        meta=documents.load(row["meta"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
