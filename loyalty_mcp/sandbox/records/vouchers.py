"""Vouchers: issued to members, held, and in the end consumed, revoked or lapsed."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import NotAllowed, NotFound, Refusal, Rejected
from loyalty_mcp.sandbox.records import (
    balances,
    codes,
    definitions,
    due,
    events,
    members,
    movements,
)
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.rules import rewards
from loyalty_mcp.sandbox.rules.amounts import from_millionths, to_millionths
from loyalty_mcp.sandbox.rules.entities import Item, Member, Program
from loyalty_mcp.sandbox.rules.moments import from_milliseconds, stored_to_text, to_milliseconds
from loyalty_mcp.sandbox.rules.rewards import Ceiling, Reward, Voucher
from loyalty_mcp.sandbox.store import Unit

REMINDER: Final = timedelta(days=7)
"""How long before its end a voucher's expiry is announced."""

_STATUS_SQL: Final = """
SELECT v.*, s.contact, e.status, e.at, COALESCE(e.at, v.created_at) AS updated_at
FROM vouchers v JOIN subscriptions s ON s.seq = v.member
LEFT JOIN voucher_ends e ON e.voucher_seq = v.seq
WHERE s.ended_at IS NULL
"""


class Issued(NamedTuple):
    """A voucher as it stands, with what is shown of it."""

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
    """What a reward says of itself."""

    name: str | None
    public_description: str | None


def issue(
    unit: Unit,
    program: Program,
    member: Member,
    item: Item,
    *,
    code: str | None = None,
    value: Decimal | None = None,
    valid_from: datetime | None = None,
    expires_at: datetime | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Issued:
    """Give a member a voucher of a reward.

    Raises:
        NotAllowed: The reward is closed, a ceiling is reached, its pool is empty, its price
            cannot be paid, another voucher has its code, or it would expire before it is valid.
    """
    reward = reward_records.of(item)
    rewards.require_attributable(reward, unit.now, _issued_counter(unit, reward, member))
    ends = expires_at or rewards.voucher_expiry(reward, unit.now, valid_from)
    if ends is not None and ends <= (valid_from or unit.now):
        raise NotAllowed("The voucher would expire before it is valid.")
    text, pooled = _code(unit, program, item, code)
    voucher_id = unit.new_id()
    if reward.subtracts_at_issue:
        _pay(unit, program, member, reward, voucher_id)
    worth = value if value is not None else item.body.get("value")
    seq = unit.run(
        "INSERT INTO vouchers (id, program, reward, member, code, value, unit, meta, valid_from,"
        " expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        voucher_id,
        program.id,
        item.id,
        member.seq,
        text,
        None if worth is None else to_millionths(Decimal(worth)),
        item.body.get("unit"),
        documents.dump(meta or {}),
        to_milliseconds(valid_from or unit.now),
        None if ends is None else to_milliseconds(ends),
        unit.now_stored,
    )
    if pooled is not None:
        codes.use(unit, pooled, seq)
    _schedule(unit, seq, ends)
    issued = by_seq(unit, seq)
    events.emit(unit, "voucher_created", member, **details(unit, issued))
    return issued


def try_to_issue(unit: Unit, program: Program, member: Member, reward_id: str) -> None:
    """Give a voucher because a tier or a rule says so; a refusal is announced, not raised."""
    try:
        issue(unit, program, member, reward_records.get_in_force(unit, program, reward_id))
    except Refusal as refusal:
        announce_failure(unit, member, reward_id, refusal.message)


def announce_failure(unit: Unit, member: Member, reward_id: str, reason: str) -> None:
    """Announce that a voucher was not issued."""
    events.emit(unit, "voucher_attribution_failed", member, reason=reason, reward={"id": reward_id})


def revoke(unit: Unit, issued: Issued) -> None:
    """Take a voucher away from its member.

    Raises:
        NotFound: It was taken already.
        NotAllowed: It was redeemed already.
    """
    if issued.voucher.revoked_at is not None:
        raise NotFound("One of attributedRewardIds is no voucher that a member holds.")
    if issued.voucher.consumed_at is not None:
        raise NotAllowed("A voucher that was redeemed cannot be revoked.")
    end(unit, issued, "revoked")
    member = members.by_seq(unit, issued.member_seq)
    events.emit(unit, "voucher_revoked", member, **details(unit, by_seq(unit, issued.seq)))


def end(unit: Unit, issued: Issued, status: Literal["consumed", "revoked"]) -> None:
    """Note that a voucher came to its end."""
    unit.run("INSERT INTO voucher_ends VALUES (?, ?, ?)", issued.seq, status, unit.now_stored)


def by_seq(unit: Unit, seq: int) -> Issued:
    """Return the voucher with that number."""
    row = unit.one(f"{_STATUS_SQL} AND v.seq = ?", seq)
    if row is None:
        raise NotFound("There is no voucher with that id.")
    return _issued(row)


def by_id(unit: Unit, program_id: str, voucher_id: str) -> Issued | None:
    """Return the voucher with that id, whatever became of it."""
    row = unit.one(f"{_STATUS_SQL} AND v.id = ? AND v.program = ?", voucher_id, program_id)
    return None if row is None else _issued(row)


def by_code(unit: Unit, program_id: str, code: str) -> list[Issued]:
    """Return the vouchers with that code: several only where a reward has one code for all."""
    sql = f"{_STATUS_SQL} AND v.program = ? AND v.code = ? ORDER BY v.seq"
    return [_issued(row) for row in unit.all(sql, program_id, code)]


def of_member(unit: Unit, member: Member, reward_id: str | None = None) -> list[Issued]:
    """Return the vouchers a member has or had, revoked ones left out, oldest first."""
    rows = unit.all(
        f"{_STATUS_SQL} AND v.member = ? AND (? IS NULL OR v.reward = ?)"
        " AND e.status IS NOT 'revoked' ORDER BY v.seq",
        member.seq,
        reward_id,
        reward_id,
    )
    return [_issued(row) for row in rows]


def page(
    unit: Unit,
    member: Member,
    order: Literal["updatedAt", "createdAt"],
    *,
    reward_id: str | None = None,
    metadata: tuple[str, str] | None = None,
    descending: bool = True,
    limit: int = 25,
    offset: int = 0,
) -> tuple[list[Issued], int]:
    """Return a page of the vouchers a member has or had, and how many there are in all.

    Args:
        unit: The transaction.
        member: Whose.
        order: By which time.
        reward_id: Only those of this reward.
        metadata: Only those whose meta has this value, written as text, under this key.
        descending: Newest first.
        limit: The most that are returned.
        offset: How many are passed over.
    """
    found = of_member(unit, member, reward_id)
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


def announce_expiry(unit: Unit, seq: int) -> None:
    """Announce that a voucher has lapsed unused."""
    _announce(unit, seq, "voucher_expired")


def remind(unit: Unit, seq: int) -> None:
    """Announce that a voucher lapses soon."""
    _announce(unit, seq, "voucher_expiration_reminder")


def _announce(
    unit: Unit, seq: int, name: Literal["voucher_expired", "voucher_expiration_reminder"]
) -> None:
    issued = by_seq(unit, seq)
    if issued.voucher.consumed_at is None and issued.voucher.revoked_at is None:
        member = members.by_seq(unit, issued.member_seq)
        events.emit(unit, name, member, **details(unit, issued))


def details(unit: Unit, issued: Issued) -> dict[str, Any]:
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
            "created_at": _text(voucher.created_at),
            "valid_from": _text(voucher.valid_from),
            "expiration_date": _text(voucher.expires_at),
            "consumed_at": _text(voucher.consumed_at),
        },
    }


def reward_texts(unit: Unit, reward_id: str) -> RewardTexts:
    """Return what a reward says of itself: as it is in force, or else as it was drafted."""
    row = unit.one(
        "SELECT body FROM configuration WHERE id = ? ORDER BY version LIMIT 1", reward_id
    )
    body = {} if row is None else documents.load(row["body"])
    return RewardTexts(body.get("name"), body.get("publicDescription"))


def _issued_counter(unit: Unit, reward: Reward, member: Member) -> Callable[[Ceiling], int]:
    def count(ceiling: Ceiling) -> int:
        sql = (
            "SELECT COUNT(*) FROM vouchers v LEFT JOIN voucher_ends e ON e.voucher_seq = v.seq"
            " WHERE v.reward = ? AND v.created_at >= ? AND e.status IS NOT 'revoked'"
        )
        values: list[object] = [reward.id, earliest_issue(ceiling)]
        if ceiling.per_consumer:
            sql += " AND v.member = ?"
            values.append(member.seq)
        return unit.number(sql, *values)

    return count


def earliest_issue(ceiling: Ceiling) -> int:
    """Return the first instant, as it is stored, that a ceiling counts."""
    if ceiling.since is None:
        return 0
    return to_milliseconds(ceiling.since) + ceiling.since_excluded


def _code(
    unit: Unit, program: Program, item: Item, asked: str | None
) -> tuple[str, codes.Code | None]:
    if asked is not None:
        if by_code(unit, program.id, asked):
            raise NotAllowed(
                "Another voucher of this program has that code.", code="duplicate_parameter"
            )
        return asked, None
    if pool := item.body.get("codePoolId"):
        return _pooled(unit, program, pool)
    if shared := item.body.get("code"):
        return shared, None
    pattern = (item.body.get("generator") or {}).get("pattern")
    for _ in range(_TRIES):
        text = rewards.generated_code(pattern, _drawer(unit))
        if not by_code(unit, program.id, text):
            return text, None
    raise NotAllowed("The generator of this reward has no new codes.")


_TRIES: Final = 20


def _pooled(unit: Unit, program: Program, pool_id: str) -> tuple[str, codes.Code]:
    code = codes.first(unit, pool_id)
    while code is not None and by_code(unit, program.id, code.text):
        # Somebody was given this code by hand: it is used up.
        codes.use(unit, code, by_code(unit, program.id, code.text)[0].seq)
        code = codes.first(unit, pool_id)
    if code is None:
        raise NotAllowed("The code pool of this reward is empty.")
    return code.text, code


def _drawer(unit: Unit) -> Callable[[int], int]:
    # Taken from an id, so that whoever fixes the ids fixes the codes; an id has 122 random bits.
    bits = int(unit.new_id().replace("-", ""), 16)

    def draw(below: int) -> int:
        nonlocal bits
        if bits < below:
            bits = int(unit.new_id().replace("-", ""), 16)
        bits, drawn = divmod(bits, below)
        return drawn

    return draw


def _pay(unit: Unit, program: Program, member: Member, reward: Reward, voucher_id: str) -> None:
    definition_id = reward.subtract_balance_definition_id
    if definition_id is None:
        return
    try:
        definition = definitions.get_in_force(unit, program, definition_id)
    except NotFound as absent:
        raise NotAllowed(absent.message) from None
    price = rewards.subtraction(reward, balances.value(unit, member, definition_id))
    if price is None:
        return
    if price == 0:
        raise Rejected("The member has no balance that the voucher could take.")
    movement = movements.draft(unit, member, definition, -price, meta={"voucherId": voucher_id})
    movements.complete(unit, program, movement)


def _schedule(unit: Unit, seq: int, ends: datetime | None) -> None:
    if ends is None:
        return
    due.schedule(unit, "voucher_expiry", seq, ends)
    if ends - REMINDER > unit.now:
        due.schedule(unit, "voucher_reminder", seq, ends - REMINDER)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else stored_to_text(to_milliseconds(moment))


def _issued(row: sqlite3.Row) -> Issued:
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
    return Issued(
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
