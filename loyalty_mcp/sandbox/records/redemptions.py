"""Redemptions: using a voucher in two phases, and paying its price."""

import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, NamedTuple

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.errors import (
    ExpectationFailed,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    Refusal,
)
from loyalty_mcp.sandbox.records import balances, definitions, events, members, movements, vouchers
from loyalty_mcp.sandbox.records import rewards as reward_records
from loyalty_mcp.sandbox.records.vouchers import IssuedVoucher, voucher_details
from loyalty_mcp.sandbox.rules import ledger, rewards
from loyalty_mcp.sandbox.rules.entities import Definition, Member, Movement, Program
from loyalty_mcp.sandbox.rules.moments import from_milliseconds, to_milliseconds
from loyalty_mcp.sandbox.rules.redemptions import (
    Redemption,
    redemption_expiry,
    redemption_status,
    require_open_redemption,
)
from loyalty_mcp.sandbox.rules.rewards import Ceiling, Reward
from loyalty_mcp.sandbox.rules.vouchers import require_usable
from loyalty_mcp.sandbox.store import UnitOfWork

_STATUS_SQL: Final = """
SELECT d.*, v.id AS voucher_id, v.program, v.member, e.status, e.at, e.reason
FROM redemptions d JOIN vouchers v ON v.seq = d.voucher_seq
JOIN subscriptions s ON s.seq = v.member
LEFT JOIN redemption_ends e ON e.redemption_seq = d.seq
WHERE s.ended_at IS NULL
"""


class NotRedeemable(PreconditionFailed):
    """The state of the voucher or redemption forbids it; the event about it is kept."""

    kept: ClassVar[bool] = True


class RedemptionRefused(ExpectationFailed):
    """A rule or a limit refuses it; the rejection and its event are kept."""

    kept: ClassVar[bool] = True


class StoredRedemption(NamedTuple):
    """A redemption as stored."""

    seq: int
    program_id: str
    member_seq: int
    voucher_seq: int
    debit: str | None
    meta: Mapping[str, Any]
    resolved_at: int | None
    reason: str | None
    redemption: Redemption


def is_redeemable(unit: UnitOfWork, program: Program, issued: IssuedVoucher) -> bool:
    """Whether a voucher could be redeemed now."""
    try:
        _check_redeemable(unit, program, issued)
    except Refusal:
        return False
    return True


def open_redemption(
    unit: UnitOfWork,
    program: Program,
    issued: IssuedVoucher,
    *,
    ttl: int | None = None,
    meta: Mapping[str, Any] | None = None,
    purchase: Mapping[str, Any] | None = None,
) -> StoredRedemption:
    """Open a redemption: the voucher is reserved, and nothing is debited yet.

    Raises:
        NotRedeemable: The voucher cannot be used now, or another redemption has reserved it.
        RedemptionRefused: The reward is closed, a ceiling is reached, or its price is too high.
    """
    member = members.member_by_seq(unit, issued.member_seq)
    try:
        reward = _check_redeemable(unit, program, issued)
    except Refusal as refusal:
        raise _announce_refused_redemption(unit, member, issued, refusal) from None
    expires_at = redemption_expiry(unit.now, ttl)
    redemption_id = unit.new_id()
    debit = None
    price = None if reward.subtracts_at_issue else _price_of_reward(unit, program, member, reward)
    if price is not None:
        definition, amount = price
        debit = movements.draft_movement(
            unit,
            member,
            definition,
            -amount,
            expires_at=expires_at,
            meta={"redemptionId": redemption_id},
        ).id
    seq = unit.run(
        "INSERT INTO redemptions"
        " (id, voucher_seq, debit, meta, purchase, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        redemption_id,
        issued.seq,
        debit,
        documents.dump(meta or {}),
        None if purchase is None else documents.dump(purchase),
        unit.now_stored,
        None if expires_at is None else to_milliseconds(expires_at),
    )
    return _redemption_by_seq(unit, seq)


def finish_redemption(
    unit: UnitOfWork, program: Program, redeeming: StoredRedemption
) -> StoredRedemption:
    """Complete an open redemption: consume the voucher and debit its price.

    Raises:
        NotRedeemable: The redemption is no longer open, or the voucher has expired since.
        RedemptionRefused: A rule refuses, or the price cannot be paid; it is rejected for good.
    """
    issued = vouchers.voucher_by_seq(unit, redeeming.voucher_seq)
    member = members.member_by_seq(unit, redeeming.member_seq)
    try:
        require_open_redemption(redeeming.redemption, unit.now)
        require_usable(issued.voucher, unit.now)
    except Refusal as refusal:
        raise _announce_refused_redemption(unit, member, issued, refusal) from None
    try:
        reward = _reward_of_voucher(unit, program, issued)
        rewards.require_redeemable(
            reward, unit.now, _redemption_counter(unit, issued, with_open=False)
        )
        _complete_debit(unit, program, redeeming)
    except Refusal as refusal:
        _resolve_redemption(unit, redeeming, "rejected", refusal.message)
        _void_debit(unit, program, redeeming)
        raise _announce_refused_redemption(unit, member, issued, refusal) from None
    vouchers.end_voucher(unit, issued, "consumed")
    _resolve_redemption(unit, redeeming, "completed")
    used = vouchers.voucher_by_seq(unit, issued.seq)
    events.emit(
        unit,
        "voucher_redeemed",
        member,
        **voucher_details(unit, used),
        redemption={"id": redeeming.redemption.id, "meta": redeeming.meta},
    )
    return _redemption_by_seq(unit, redeeming.seq)


def load_redemption(unit: UnitOfWork, program_id: str, redemption_id: str) -> StoredRedemption:
    """Return a redemption.

    Raises:
        NotFound: The program has none with that id.
    """
    row = unit.one(f"{_STATUS_SQL} AND d.id = ? AND v.program = ?", redemption_id, program_id)
    if row is None:
        raise NotFound("There is no redemption with that id.")
    return _redeeming_from_row(row)


def voucher_is_held(unit: UnitOfWork, issued: IssuedVoucher) -> bool:
    """Whether an open redemption has reserved a voucher."""
    return (
        unit.one(
            "SELECT 1 FROM redemptions d LEFT JOIN redemption_ends e ON e.redemption_seq = d.seq"
            " WHERE d.voucher_seq = ? AND e.status IS NULL"
            " AND (d.expires_at IS NULL OR d.expires_at > ?)",
            issued.seq,
            unit.now_stored,
        )
        is not None
    )


def cancel_open_redemption(unit: UnitOfWork, program: Program, issued: IssuedVoucher) -> None:
    """Cancel the open redemption of a revoked voucher, and its draft debit."""
    for row in unit.all(f"{_STATUS_SQL} AND d.voucher_seq = ? AND e.status IS NULL", issued.seq):
        redeeming = _redeeming_from_row(row)
        if redemption_status(redeeming.redemption, unit.now) == "draft":
            _resolve_redemption(unit, redeeming, "cancelled", "The voucher was revoked.")
            _void_debit(unit, program, redeeming)


def _check_redeemable(unit: UnitOfWork, program: Program, issued: IssuedVoucher) -> Reward:
    require_usable(issued.voucher, unit.now, held=voucher_is_held(unit, issued))
    reward = _reward_of_voucher(unit, program, issued)
    rewards.require_redeemable(reward, unit.now, _redemption_counter(unit, issued, with_open=True))
    if not reward.subtracts_at_issue:
        member = members.member_by_seq(unit, issued.member_seq)
        _require_affordable(unit, program, member, reward)
    return reward


def _reward_of_voucher(unit: UnitOfWork, program: Program, issued: IssuedVoucher) -> Reward:
    try:
        item = reward_records.reward_in_force(unit, program, issued.voucher.reward_id)
    except (NotFound, NotAllowed):
        raise ExpectationFailed("The reward is no longer active.") from None
    return reward_records.reward_from_item(item)


def _price_of_reward(
    unit: UnitOfWork, program: Program, member: Member, reward: Reward
) -> tuple[Definition, Decimal] | None:
    definition_id = reward.subtract_balance_definition_id
    if definition_id is None:
        return None
    amount = rewards.subtraction(reward, balances.balance_value(unit, member, definition_id))
    if amount is None:
        return None
    try:
        return definitions.definition_in_force(unit, program, definition_id), amount
    except (NotFound, NotAllowed):
        raise ExpectationFailed(
            "The balance definition that the reward debits is not active."
        ) from None


def _require_affordable(unit: UnitOfWork, program: Program, member: Member, reward: Reward) -> None:
    price = _price_of_reward(unit, program, member, reward)
    if price is None:
        return
    definition, amount = price
    if amount == 0:
        raise ExpectationFailed("The member has no balance to pay the reward with.")
    lots = balances.lots_of_balance(unit, member, definition.id)
    try:
        rounded = ledger.rounded_amount(definition.rules, -amount)
        ledger.apply_movement(definition.rules, lots, rounded, unit.now)
    except Refusal as refusal:
        raise ExpectationFailed(refusal.message) from None


def _complete_debit(unit: UnitOfWork, program: Program, redeeming: StoredRedemption) -> None:
    if redeeming.debit is None:
        return
    movement = _debit(unit, program, redeeming.debit)
    # The debit may have been completed on its own; then it is not applied again.
    if movement.status != "completed":
        movements.complete_movement(unit, program, movement)


def _debit(unit: UnitOfWork, program: Program, movement_id: str) -> Movement:
    return movements.load_movement(unit, program.id, movement_id)


def _void_debit(unit: UnitOfWork, program: Program, redeeming: StoredRedemption) -> None:
    if redeeming.debit is not None:
        movement = _debit(unit, program, redeeming.debit)
        if movement.status == "draft":
            movements.cancel_movement(unit, program, movement)


def _resolve_redemption(
    unit: UnitOfWork,
    redeeming: StoredRedemption,
    status: Literal["completed", "rejected", "cancelled"],
    reason: str | None = None,
) -> None:
    unit.run(
        "INSERT INTO redemption_ends VALUES (?, ?, ?, ?)",
        redeeming.seq,
        status,
        unit.now_stored,
        reason,
    )


def _announce_refused_redemption(
    unit: UnitOfWork, member: Member, issued: IssuedVoucher, refusal: Refusal
) -> Refusal:
    events.emit(
        unit,
        "voucher_redeem_unauthorized",
        member,
        **voucher_details(unit, issued),
        reason=refusal.message,
    )
    if isinstance(refusal, PreconditionFailed):
        return NotRedeemable(refusal.message)
    return RedemptionRefused(refusal.message)


def _redemption_counter(
    unit: UnitOfWork, issued: IssuedVoucher, *, with_open: bool
) -> Callable[[Ceiling], int]:
    def count(ceiling: Ceiling) -> int:
        since = vouchers.earliest_issue(ceiling)
        sql = (
            "SELECT COUNT(*) FROM vouchers v JOIN redemptions d ON d.voucher_seq = v.seq"
            " LEFT JOIN redemption_ends e ON e.redemption_seq = d.seq WHERE v.reward = ?"
            " AND ((e.status = 'completed' AND e.at >= ?)"
            " OR (? AND e.status IS NULL AND (d.expires_at IS NULL OR d.expires_at > ?)))"
        )
        values: list[object] = [issued.voucher.reward_id, since, with_open, unit.now_stored]
        if ceiling.per_consumer:
            sql += " AND v.member = ?"
            values.append(issued.member_seq)
        return unit.number(sql, *values)

    return count


def _redemption_by_seq(unit: UnitOfWork, seq: int) -> StoredRedemption:
    row = unit.one(f"{_STATUS_SQL} AND d.seq = ?", seq)
    if row is None:
        raise NotFound("There is no redemption with that id.")
    return _redeeming_from_row(row)


def _redeeming_from_row(row: sqlite3.Row) -> StoredRedemption:
    expires_at = row["expires_at"]
    return StoredRedemption(
        seq=row["seq"],
        program_id=row["program"],
        member_seq=row["member"],
        voucher_seq=row["voucher_seq"],
        debit=row["debit"],
        meta=documents.load(row["meta"]),
        resolved_at=row["at"],
        reason=row["reason"],
        redemption=Redemption(
            id=row["id"],
            voucher_id=row["voucher_id"],
            created_at=from_milliseconds(row["created_at"]),
            expires_at=None if expires_at is None else from_milliseconds(expires_at),
            resolution=row["status"],
        ),
    )
