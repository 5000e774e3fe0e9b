"""Read everything that a member has in a program, in as few requests as possible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.balances import Lot, list_active_balances
from loyalty_mcp.brevo.operations.subscriptions import AccountBalance, AccountInfo
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.operations.transactions import PastTransaction, list_transaction_history
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.brevo.types import ContactId, ProgramId
from loyalty_mcp.brevo.visibility import is_internal
from loyalty_mcp.errors import LoyaltyError
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import HISTORY_PAGE, read_member, together, unit_of
from loyalty_mcp.tools.members.overview import (
    SOON,
    BalanceView,
    ExpiringPoints,
    MemberOverview,
    MovementView,
    TierView,
    VoucherView,
)
from loyalty_mcp.tools.members.overview_text import overview_text
from loyalty_mcp.tools.members.tier_rules import ladder, next_after
from loyalty_mcp.tools.task import reads

RECENT_MOVEMENTS: Final = 10
"""Movements in an overview; list_transaction_history has the others."""


@dataclass(frozen=True, slots=True)
class BalanceReading:
    """One balance of a member, as far as it could be read.

    Args:
        definition: the live version of the balance.
        value: the total.
        lots: unspent credits; None if they could not be read.
        history: the latest transactions; None if they could not be read or were not requested.
        could_not_read: what is missing, in words.
    """

    definition: BalanceDefinition
    value: Decimal
    lots: Sequence[Lot] | None
    history: Sequence[PastTransaction] | None
    could_not_read: Sequence[str]


Include = Annotated[
    tuple[Literal["movements"], ...], Field(description="Parts to add; movements: the latest ones")
]


@reads(text=overview_text)
async def get_member_overview(
    context: Context,
    program: ProgramId,
    member: ContactId,
    include: Include | None = None,
) -> MemberOverview:
    """Show all that a member has, in one call.

    Balances, points about to expire, tier and what the next one needs, vouchers.
    """
    info, definitions, tiers, groups = await together(
        read_member(context, program, member),
        context.references.balances(program),
        context.references.tiers(program),
        context.references.tier_groups(program),
    )
    held = {b.balance_definition_id: b.value or Decimal(0) for b in _account_balances(info)}
    shown = [item for item in definitions if item.id in held]
    with_history = "movements" in (include or ())
    readings: list[BalanceReading] = await together(
        *(
            _read_balance(context, program, member, item, held[item.id], with_history=with_history)
            for item in shown
        )
    )
    movements = _movements_of(readings)
    names = {item.id: item.name for item in definitions}
    return MemberOverview(
        member=member,
        own_id=info.membership.loyalty_subscription_id,
        program=info.loyalty_program_name,
        since=info.membership.created_at,
        balances=tuple(_balance_view(item, context.now()) for item in readings),
        tiers=tuple(_tier_view(info, group, ladder(group, tiers), held, names) for group in groups),
        vouchers=tuple(_usable_vouchers(info, context.now())),
        movements=tuple([m for m in movements if m.status != "draft"][:RECENT_MOVEMENTS])
        if with_history
        else None,
        drafts=tuple(m for m in movements if m.status == "draft") if with_history else None,
        could_not_read=tuple(part for item in readings for part in item.could_not_read),
    )


def _account_balances(info: AccountInfo) -> Sequence[AccountBalance]:
    return info.balance.balances if info.balance is not None else ()


async def _read_balance(
    context: Context,
    program: str,
    member: int,
    definition: BalanceDefinition,
    value: Decimal,
    *,
    with_history: bool,
) -> BalanceReading:
    """Read the lots and, if requested, the movements of one balance concurrently."""
    reading_lots = _read_lots(context, program, member, definition, value)
    if with_history:
        reading_history = _read_history(context, program, member, definition)
        lots, *histories = await together(reading_lots, reading_history)
    else:
        lots, histories = await reading_lots, []
    failed = ["expiry dates"] if lots is None else []
    failed += ["movements" for history in histories if history is None]
    return BalanceReading(
        definition,
        value,
        lots,
        histories[0] if histories else None,
        [f"{part} of {definition.name}" for part in failed],
    )


async def _read_lots(
    context: Context, program: str, member: int, definition: BalanceDefinition, value: Decimal
) -> Sequence[Lot] | None:
    """The unspent credits of one balance; None if they cannot be read now."""
    if value == 0 and (definition.min_amount or 0) >= 0:
        return ()  # Nothing can expire, and no overdraft hides an unspent credit.
    request = list_active_balances(program, member, definition.id, limit=500)
    try:
        return (await context.brevo.send(request)).active_balances
    except LoyaltyError:
        return None


async def _read_history(
    context: Context, program: str, member: int, definition: BalanceDefinition
) -> Sequence[PastTransaction] | None:
    """The latest transactions of one balance; None if they cannot be read now."""
    request = list_transaction_history(
        program, member, definition.id, limit=HISTORY_PAGE, sort="desc"
    )
    try:
        return (await context.brevo.send(request)).transaction_history
    except LoyaltyError:
        return None


def _balance_view(reading: BalanceReading, now: datetime) -> BalanceView:
    return BalanceView(
        balance=reading.definition.name,
        unit=unit_of(reading.definition),
        value=reading.value,
        internal=is_internal(reading.definition) or None,
        expiring_soon=tuple(_expiring_soon(reading.lots or (), now)),
    )


def _expiring_soon(lots: Sequence[Lot], now: datetime) -> list[ExpiringPoints]:
    """The lots that expire within 30 days, soonest first."""
    ending = [
        ExpiringPoints(amount=lot.amount or Decimal(0), expires_at=lot.expires_at)
        for lot in lots
        if lot.expires_at is not None and lot.expires_at <= now + SOON
    ]
    return sorted(ending, key=lambda part: part.expires_at)


def _movements_of(readings: Sequence[BalanceReading]) -> list[MovementView]:
    """The movements of all balances, newest first."""
    movements = [
        MovementView(
            transaction_id=past.id,
            balance=reading.definition.name,
            amount=past.amount or Decimal(0),
            unit=unit_of(reading.definition),
            reason=reason_of(past),
            status=past.status or "unknown",
            at=past.completed_at or past.created_at,
        )
        for reading in readings
        for past in reading.history or ()
    ]
    return sorted(movements, key=lambda movement: movement.at or "", reverse=True)


def reason_of(past: PastTransaction) -> str | None:
    """The reason for a transaction, from its `meta`."""
    reason = (past.meta or {}).get("reason")
    return reason if isinstance(reason, str) and reason else None


def _tier_view(
    info: AccountInfo,
    group: TierGroup,
    rungs: Sequence[Tier],
    held: Mapping[str, Decimal],
    names: Mapping[str, str],
) -> TierView:
    current = next((tier.tier_id for tier in info.tier if tier.group_id == group.id), None)
    ahead = next_after(rungs, current, held)
    return TierView(
        group=group.name,
        tier=next((rung.name for rung in rungs if rung.tier_id == current), None),
        next_tier=None if ahead is None else ahead.tier,
        missing=None
        if ahead is None
        else {names.get(key, key): value for key, value in ahead.by_balance.items()},
    )


def _usable_vouchers(info: AccountInfo, now: datetime) -> list[VoucherView]:
    """The vouchers that are valid now and not used."""
    usable = []
    for voucher in info.reward:
        begins, ends = voucher.valid_from, read_moment(voucher.expiration_date)
        used = (voucher.model_extra or {}).get("consumedAt")
        if used or (begins is not None and begins > now) or (ends is not None and ends <= now):
            continue
        usable.append(
            VoucherView(
                voucher_id=voucher.id,
                reward=voucher.reward_name or voucher.reward_id or "",
                code=voucher.code,
                value=voucher.value,
                unit=voucher.unit,
                expires_at=voucher.expiration_date,
            )
        )
    return usable
