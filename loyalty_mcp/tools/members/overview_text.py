"""The overview of a member in words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.tools.members.overview import (
    SOON,
    BalanceView,
    ExpiringPoints,
    MemberOverview,
    MovementView,
    TierView,
    VoucherView,
)
from loyalty_mcp.tools.render import (
    LISTED,
    amount_text,
    moment_text,
    signed_amount_text,
    value_text,
)

EXPIRY_DAYS: Final = 2
"""The number of days for which the text lists expiring amounts."""

DRAFTS_LISTED: Final = 3
"""The number of open drafts in the text."""


def overview_text(view: MemberOverview, now: datetime) -> str:
    """An overview in words, one line for each part."""
    program = f" of {quoted(view.program)}" if view.program else ""
    own = f" (own id {quoted(view.own_id)})" if view.own_id else ""
    since = f", since {view.since:%Y-%m-%d}" if view.since else ""
    lines = [f"Member {view.member}{own}{program}{since}."]
    lines += [_balance_line(item, now) for item in view.balances]
    lines += [_tier_line(item, view.balances) for item in view.tiers]
    lines += [_voucher_line(item, now) for item in view.vouchers[:LISTED]]
    if len(view.vouchers) > LISTED:
        lines.append(f"{len(view.vouchers) - LISTED} more vouchers: list_vouchers.")
    if not view.vouchers:
        lines.append("No usable voucher.")
    if view.movements:
        lines.append("Latest movements; list_transaction_history tells their ids:")
        lines += [_movement_line(item) for item in view.movements]
    drafts = view.drafts or ()
    lines += [
        f"Open draft: {_movement_line(item, with_status=False)[:-1]}, id {item.transaction_id}."
        for item in drafts[:DRAFTS_LISTED]
    ]
    if len(drafts) > DRAFTS_LISTED:
        lines.append(f"{len(drafts) - DRAFTS_LISTED} more drafts: list_transaction_history.")
    if view.could_not_read:
        lines.append(f"Could not be read now: {', '.join(view.could_not_read)}.")
    return "\n".join(lines)


def _balance_line(view: BalanceView, now: datetime) -> str:
    mark = " (internal)" if view.internal else ""
    line = f"{quoted(view.balance)}{mark}: {amount_text(view.value, view.unit)}."
    days = _expiry_by_day(view.expiring_soon)
    for part in days[:EXPIRY_DAYS]:
        when = moment_text(part.expires_at, now)
        line += f" {amount_text(part.amount, view.unit)} {expires(part.amount)} {when}."
    if len(days) > EXPIRY_DAYS:
        more = sum((part.amount for part in days[EXPIRY_DAYS:]), Decimal(0))
        line += f" {amount_text(more, view.unit)} more within {SOON.days} days."
    return line


def expires(amount: Decimal) -> str:
    """The verb that goes with an amount: one point expires, two expire."""
    return "expires" if amount == 1 else "expire"


def _expiry_by_day(parts: Sequence[ExpiringPoints]) -> list[ExpiringPoints]:
    """The amount that expires on each day, with the earliest time on that day."""
    days: dict[str, ExpiringPoints] = {}
    for part in parts:
        day = f"{part.expires_at.astimezone(UTC):%Y-%m-%d}"
        known = days.get(day)
        amount = part.amount + (known.amount if known else 0)
        first = known.expires_at if known else part.expires_at
        days[day] = ExpiringPoints(amount=amount, expires_at=first)
    return list(days.values())


def _tier_line(view: TierView, balances: Sequence[BalanceView]) -> str:
    units = {item.balance: item.unit for item in balances}
    tier = quoted(view.tier) if view.tier else "none"
    line = f"Tier ({quoted(view.group)}): {tier}."
    if view.next_tier is None:
        return f"{line} No higher tier."
    if not view.missing:
        return f"{line} To {quoted(view.next_tier)}: what it needs is not shown here."
    lacking = [
        f"{amount_text(value, units.get(name, ''))} of {quoted(name)}"
        for name, value in view.missing.items()
    ]
    return f"{line} To {quoted(view.next_tier)}: {', '.join(lacking)} missing."


def _voucher_line(view: VoucherView, now: datetime) -> str:
    name = f"code {quoted(view.code)}" if view.code else f"id {view.voucher_id}"
    line = f"Voucher {quoted(view.reward)}, {name}"
    if view.value is not None:
        line += f", worth {value_text(view.value)} {value_text(view.unit or '')}".rstrip()
    return f"{line}{_valid_until(view.expires_at, now)}."


def _valid_until(text: str | None, now: datetime) -> str:
    """When a voucher expires: with the time if it is soon, otherwise the date."""
    ends = read_moment(text)
    if ends is None:
        return ""
    soon = ends <= now + SOON
    return f", until {moment_text(ends, now) if soon else f'{ends.astimezone(UTC):%Y-%m-%d} UTC'}"


def _movement_line(view: MovementView, *, with_status: bool = True) -> str:
    when = f"{view.at[:10]}: " if view.at else ""
    shown = with_status and view.status != "completed"
    status = f", {_status_text(view.status)}" if shown else ""
    reason = f", {quoted(view.reason)}" if view.reason else ""
    moved = signed_amount_text(view.amount, view.unit)
    return f"{when}{moved} of {quoted(view.balance)}{status}{reason}."


def _status_text(status: str) -> str:
    """A documented status unchanged; any other word quoted."""
    known = {"draft", "cancelled", "expired", "rejected", "unknown"}
    return status if status in known else quoted(status)
