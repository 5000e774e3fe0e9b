"""Vouchers in the store: found, listed, revoked and consumed."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import NotAllowed, NotFound
from loyalty_mcp.sandbox.records import (
    events,
    members,
)
from loyalty_mcp.sandbox.rules.amounts import from_millionths
from loyalty_mcp.sandbox.rules.entities import Member
from loyalty_mcp.sandbox.rules.moments import from_milliseconds, optional_to_text, to_milliseconds
from loyalty_mcp.sandbox.rules.rewards import Ceiling
from loyalty_mcp.sandbox.rules.vouchers import Voucher
from loyalty_mcp.sandbox.store import UnitOfWork

_STATUS_SQL: Final = """
SELECT v.*, s.contact, e.status, e.at, COALESCE(e.at, v.created_at) AS updated_at
FROM vouchers v JOIN subscriptions s ON s.seq = v.member
LEFT JOIN voucher_ends e ON e.voucher_seq = v.seq
WHERE s.ended_at IS NULL
"""


class IssuedVoucher(NamedTuple):
    """A voucher as stored."""

    seq: int
    program_id: str
    member_seq: int
    code: str
    value: Decimal | None
    unit: str | None
    meta: Mapping[str, Any]
    updated_at: datetime
    voucher: Voucher


class RewardTexts(NamedTuple):
    """The name and public description of a reward."""

    name: str | None
    public_description: str | None


def revoke_voucher(unit: UnitOfWork, issued: IssuedVoucher) -> None:
    """Revoke a voucher.

    Raises:
        NotFound: It is already revoked.
        NotAllowed: It is already redeemed.
    """
    if issued.voucher.revoked_at is not None:
        raise NotFound("One of attributedRewardIds is not a voucher of a member.")
    if issued.voucher.consumed_at is not None:
        raise NotAllowed("A voucher that was redeemed cannot be revoked.")
    end_voucher(unit, issued, "revoked")
    member = members.member_by_seq(unit, issued.member_seq)
    events.emit(
        unit, "voucher_revoked", member, **voucher_details(unit, voucher_by_seq(unit, issued.seq))
    )


def end_voucher(
    unit: UnitOfWork, issued: IssuedVoucher, status: Literal["consumed", "revoked"]
) -> None:
    """Record that a voucher was consumed or revoked."""
    unit.run("INSERT INTO voucher_ends VALUES (?, ?, ?)", issued.seq, status, unit.now_stored)


def voucher_by_seq(unit: UnitOfWork, seq: int) -> IssuedVoucher:
    """Return the voucher with that sequence number."""
    row = unit.one(f"{_STATUS_SQL} AND v.seq = ?", seq)
    if row is None:
        raise NotFound("There is no voucher with that id.")
    return _issued_from_row(row)


def voucher_by_id(unit: UnitOfWork, program_id: str, voucher_id: str) -> IssuedVoucher | None:
    """Return the voucher with that id in any state, or `None`."""
    row = unit.one(f"{_STATUS_SQL} AND v.id = ? AND v.program = ?", voucher_id, program_id)
    return None if row is None else _issued_from_row(row)


def vouchers_by_code(unit: UnitOfWork, program_id: str, code: str) -> list[IssuedVoucher]:
    """Return the vouchers with that code; several if a reward has one code for all."""
    sql = f"{_STATUS_SQL} AND v.program = ? AND v.code = ? ORDER BY v.seq"
    return [_issued_from_row(row) for row in unit.all(sql, program_id, code)]


def vouchers_of_member(
    unit: UnitOfWork, member: Member, reward_id: str | None = None
) -> list[IssuedVoucher]:
    """Return a member's vouchers except revoked ones, oldest first."""
    rows = unit.all(
        f"{_STATUS_SQL} AND v.member = ? AND (? IS NULL OR v.reward = ?)"
        " AND e.status IS NOT 'revoked' ORDER BY v.seq",
        member.seq,
        reward_id,
        reward_id,
    )
    return [_issued_from_row(row) for row in rows]


def page_of_vouchers(
    unit: UnitOfWork,
    member: Member,
    order: Literal["updatedAt", "createdAt"],
    *,
    reward_id: str | None = None,
    metadata: tuple[str, str] | None = None,
    descending: bool = True,
    limit: int = 25,
    offset: int = 0,
) -> tuple[list[IssuedVoucher], int]:
    """Return a page of a member's vouchers, and their total number.

    Args:
        unit: The unit of work.
        member: The member.
        order: The time to sort by.
        reward_id: Only vouchers of this reward.
        metadata: Only vouchers whose `meta` has this value, as text, under this key.
        descending: Newest first.
        limit: The most vouchers to return.
        offset: The number of vouchers to skip.
    """
    found = vouchers_of_member(unit, member, reward_id)
    if metadata is not None:
        key, value = metadata
        found = [each for each in found if str(each.meta.get(key)) == value]
    found.sort(
        key=lambda each: (
            each.updated_at if order == "updatedAt" else each.voucher.created_at,
            each.seq,
        ),
        reverse=descending,
    )
    return found[offset : offset + limit], len(found)


def earliest_issue(ceiling: Ceiling) -> int:
    """Return the first instant, as stored, that counts towards a ceiling."""
    if ceiling.since is None:
        return 0
    return to_milliseconds(ceiling.since) + ceiling.since_excluded


def announce_voucher_expiry(unit: UnitOfWork, seq: int) -> None:
    """Emit that a voucher has expired unused."""
    _announce_unless_over(unit, seq, "voucher_expired")


def remind_of_voucher(unit: UnitOfWork, seq: int) -> None:
    """Emit a reminder that a voucher expires soon."""
    _announce_unless_over(unit, seq, "voucher_expiration_reminder")


def _announce_unless_over(
    unit: UnitOfWork, seq: int, name: Literal["voucher_expired", "voucher_expiration_reminder"]
) -> None:
    issued = voucher_by_seq(unit, seq)
    if issued.voucher.consumed_at is None and issued.voucher.revoked_at is None:
        member = members.member_by_seq(unit, issued.member_seq)
        events.emit(unit, name, member, **voucher_details(unit, issued))


def voucher_details(unit: UnitOfWork, issued: IssuedVoucher) -> dict[str, Any]:
    """Describe a voucher and its reward as events do."""
    voucher = issued.voucher
    reward = reward_texts(unit, voucher.reward_id)
    return {
        "reward": {"id": voucher.reward_id, "name": reward.name},
        "voucher": {
            "id": voucher.id,
            "code": issued.code,
            "value": issued.value,
            "unit": issued.unit,
            "meta": issued.meta,
            "created_at": optional_to_text(voucher.created_at),
            "valid_from": optional_to_text(voucher.valid_from),
            "expiration_date": optional_to_text(voucher.expires_at),
            "consumed_at": optional_to_text(voucher.consumed_at),
        },
    }


def reward_texts(unit: UnitOfWork, reward_id: str) -> RewardTexts:
    """Return the texts of a reward from its active version, or else its draft."""
    row = unit.one(
        "SELECT body FROM configuration WHERE id = ? ORDER BY version LIMIT 1", reward_id
    )
    body = {} if row is None else documents.load(row["body"])
    return RewardTexts(body.get("name"), body.get("publicDescription"))


def _issued_from_row(row: sqlite3.Row) -> IssuedVoucher:
    def moment(stored: int | None) -> datetime | None:
        return None if stored is None else from_milliseconds(stored)

    voucher = Voucher(
        id=row["id"],
        reward_id=row["reward"],
        contact_id=row["contact"],
        created_at=from_milliseconds(row["created_at"]),
        valid_from=from_milliseconds(row["valid_from"]),
        expires_at=moment(row["expires_at"]),
        consumed_at=moment(row["at"]) if row["status"] == "consumed" else None,
        revoked_at=moment(row["at"]) if row["status"] == "revoked" else None,
    )
    return IssuedVoucher(
        seq=row["seq"],
        program_id=row["program"],
        member_seq=row["member"],
        code=row["code"],
        value=None if row["value"] is None else from_millionths(row["value"]),
        unit=row["unit"],
        meta=documents.load(row["meta"]),
        updated_at=from_milliseconds(row["updated_at"]),
        voucher=voucher,
    )
