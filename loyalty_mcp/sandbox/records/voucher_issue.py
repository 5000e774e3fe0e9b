"""Issuing vouchers: limits, code, price and expiry."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import NotAllowed, NotFound, Refusal, Rejected
from loyalty_mcp.sandbox.records import balances, codes, definitions, due, events, movements
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.records.voucher_codes import choose_code
from loyalty_mcp.sandbox.records.vouchers import (
    IssuedVoucher,
    earliest_issue,
    voucher_by_seq,
    voucher_details,
)
from loyalty_mcp.sandbox.rules import rewards
from loyalty_mcp.sandbox.rules.amounts import to_millionths
from loyalty_mcp.sandbox.rules.entities import Item, Member, Program
from loyalty_mcp.sandbox.rules.moments import to_milliseconds
from loyalty_mcp.sandbox.rules.rewards import Ceiling, Reward
from loyalty_mcp.sandbox.rules.vouchers import voucher_expiry
from loyalty_mcp.sandbox.store import UnitOfWork


def issue_voucher(
    unit: UnitOfWork,
    program: Program,
    member: Member,
    item: Item,
    *,
    code: str | None = None,
    value: Decimal | None = None,
    valid_from: datetime | None = None,
    expires_at: datetime | None = None,
    meta: Mapping[str, Any] | None = None,
) -> IssuedVoucher:
    """Issue a voucher of a reward to a member.

    Raises:
        NotAllowed: The reward is closed, a ceiling is reached, its pool is empty, its price
            cannot be paid, another voucher has its code, or it would expire before it is valid.
    """
    reward = reward_records.reward_from_item(item)
    rewards.require_attributable(reward, unit.now, _issued_counter(unit, reward, member))
    ends = expires_at or voucher_expiry(reward, unit.now, valid_from)
    if ends is not None and ends <= (valid_from or unit.now):
        raise NotAllowed("The voucher would expire before it is valid.")
    text, pooled = choose_code(unit, program, item, code)
    voucher_id = unit.new_id()
    if reward.subtracts_at_issue:
        _pay_at_issue(unit, program, member, reward, voucher_id)
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
        codes.use_code(unit, pooled, seq)
    _schedule_expiry(unit, seq, ends)
    issued = voucher_by_seq(unit, seq)
    events.emit(unit, "voucher_created", member, **voucher_details(unit, issued))
    return issued


def try_to_issue(unit: UnitOfWork, program: Program, member: Member, reward_id: str) -> None:
    """Issue a voucher for a tier or a rule; a refusal becomes an event instead of an error."""
    try:
        issue_voucher(
            unit, program, member, reward_records.reward_in_force(unit, program, reward_id)
        )
    except Refusal as refusal:
        announce_failed_issue(unit, member, reward_id, refusal.message)


def announce_failed_issue(unit: UnitOfWork, member: Member, reward_id: str, reason: str) -> None:
    """Emit that a voucher could not be issued."""
    events.emit(unit, "voucher_attribution_failed", member, reason=reason, reward={"id": reward_id})


def _issued_counter(unit: UnitOfWork, reward: Reward, member: Member) -> Callable[[Ceiling], int]:
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


def _pay_at_issue(
    unit: UnitOfWork, program: Program, member: Member, reward: Reward, voucher_id: str
) -> None:
    definition_id = reward.subtract_balance_definition_id
    if definition_id is None:
        return
    try:
        definition = definitions.definition_in_force(unit, program, definition_id)
    except NotFound as absent:
        raise NotAllowed(absent.message) from None
    price = rewards.subtraction(reward, balances.balance_value(unit, member, definition_id))
    if price is None:
        return
    if price == 0:
        raise Rejected("The member has no balance to pay the voucher with.")
    movement = movements.draft_movement(
        unit, member, definition, -price, meta={"voucherId": voucher_id}
    )
    movements.complete_movement(unit, program, movement)


def _schedule_expiry(unit: UnitOfWork, seq: int, ends: datetime | None) -> None:
    if ends is None:
        return
    due.schedule_due(unit, "voucher_expiry", seq, ends)
    if ends - due.REMINDER > unit.now:
        due.schedule_due(unit, "voucher_reminder", seq, ends - due.REMINDER)
