"""An explanation of a balance in words."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.tools.members.explanation import BalanceExplanation, ExplanationLine
from loyalty_mcp.tools.render import amount_text, signed_amount_text

LINES_SHOWN: Final = 15
"""The number of latest changes in the text."""

LOSSES_SHOWN: Final = 3
"""The number of latest months for which the text says what expired."""


def explanation_text(found: BalanceExplanation, now: datetime) -> str:
    """An explanation in words: expiries by month, then the single changes."""
    own = f" (own id {quoted(found.own_id)})" if found.own_id else ""
    heading = f"{quoted(found.balance)} of member {found.member}{own}{_period(found)}:"
    opening, closing = (amount_text(value, found.unit) for value in (found.opening, found.closing))
    left_out = len(found.lines) - LINES_SHOWN
    lines = [heading, *_losses(found), f"At the beginning: {opening}."]
    if left_out > 0:
        lines.append(f"{left_out} changes; `since` and `until` show them. Then:")
    lines += [_line(line, found.unit) for line in found.lines[-LINES_SHOWN:]]
    if not found.lines:
        lines.append("Nothing changed.")
    lines.append(f"{'At the end' if _is_past(found, now) else 'Now'}: {closing}.")
    if found.unexplained:
        missing = signed_amount_text(found.unexplained, found.unit)
        lines.append(f"Not explained by any transaction or expiry: {missing}.")
    if found.read_back_to is not None:
        lines.append(
            f"Transactions before {_day(found.read_back_to)} were not read; what they left, and "
            "what of it expired later, is in the balance at the beginning."
        )
    return "\n".join(lines)


def _period(found: BalanceExplanation) -> str:
    since = f" from {_day(found.since)}" if found.since else ""
    # `until` is exclusive.
    until = f" to {_day(found.until - timedelta(seconds=1))}" if found.until else ""
    return f"{since}{until}"


def _is_past(found: BalanceExplanation, now: datetime) -> bool:
    return found.until is not None and found.until <= now


def _losses(found: BalanceExplanation) -> list[str]:
    """A sentence for each of the latest months with expiries."""
    expired = [line for line in found.lines if line.kind == "expired"]
    months = [list(group) for _, group in groupby(expired, key=lambda line: _month(line.at))]
    return [_loss(lines, found.unit) for lines in months[-LOSSES_SHOWN:]]


def _loss(lines: Sequence[ExplanationLine], unit: str) -> str:
    total = -sum((line.amount for line in lines), Decimal(0))
    lost = amount_text(total, unit)
    was, they = ("was", "it") if total == 1 else ("were", "they")
    if len(lines) == 1 and lines[0].credited_at is not None:
        credit = lines[0].credited_at
        how = (
            f"{they} {was} credited on {_day(credit)} and expired "
            f"{lifetime_text(credit, lines[0].at)}"
        )
    else:
        first = min(line.credited_at or line.at for line in lines)
        how = f"they expired; they come from {len(lines)} credits since {_day(first)}"
    return f"In {_month(lines[0].at)}, {lost} {was} lost: {how}."


def _line(line: ExplanationLine, unit: str) -> str:
    parts = [f"{_day(line.at)}: {signed_amount_text(line.amount, unit)}"]
    if line.kind == "expired":
        parts.append(f"expired, credited on {_day(line.credited_at)}" if line.credited_at else "")
    if line.kind == "reversal":
        parts.append("reversal")
    if line.reason:
        parts.append(quoted(line.reason))
    if line.order_id:
        parts.append(f"order {quoted(line.order_id)}")
    if line.by:
        parts.append(f"by {quoted(line.by)}")
    if line.reversed_by:
        parts.append("reversed later")
    return f"{', '.join(part for part in parts if part)}."


def lifetime_text(begin: datetime, end: datetime) -> str:
    """How long a credit lasted, in whole months or days; otherwise when it expired."""
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    months = (end.year - begin.year) * 12 + end.month - begin.month
    days = (end - begin).days
    if months and (begin.day, begin.time()) == (end.day, end.time()):
        return f"after {months} month{'' if months == 1 else 's'}"
    if days and begin.time() == end.time():
        return f"after {days} day{'' if days == 1 else 's'}"
    if end.time() == time():
        return f"at the end of {_day(end - timedelta(days=1))}"
    return f"on {_day(end)} at {end:%H:%M} UTC"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _month(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%B %Y}"
