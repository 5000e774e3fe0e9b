"""Processing of due items, in order, each at the time it fell due."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from loyalty_mcp.sandbox.errors import Refusal
from loyalty_mcp.sandbox.records import (
    anniversaries,
    due,
    member_tiers,
)
from loyalty_mcp.sandbox.records.lots import expire_lot, remind_of_lot
from loyalty_mcp.sandbox.records.orders import process_order
from loyalty_mcp.sandbox.records.vouchers import announce_voucher_expiry, remind_of_voucher
from loyalty_mcp.sandbox.store import UnitOfWork


def _by_number(handle: Callable[[UnitOfWork, int], None]) -> Callable[[UnitOfWork, str], None]:
    return lambda unit, subject: handle(unit, int(subject))


def _anniversary(family: anniversaries.Family, unit: UnitOfWork, subject: str) -> None:
    anniversaries.announce_anniversary(unit, family, subject)


def _anniversary_reminder(family: anniversaries.Family, unit: UnitOfWork, subject: str) -> None:
    anniversaries.remind_of_anniversary(unit, family, subject)


def _evaluation(direction: member_tiers.Direction, unit: UnitOfWork, subject: str) -> None:
    member_tiers.evaluate_member(unit, subject, direction)


HANDLERS: Final[dict[str, Callable[[UnitOfWork, str], None]]] = {
    "lot_expiry": _by_number(expire_lot),
    "lot_reminder": _by_number(remind_of_lot),
    "membership_anniversary": partial(_anniversary, "membership"),
    "membership_reminder": partial(_anniversary_reminder, "membership"),
    "order": process_order,
    "tier_anniversary": partial(_anniversary, "tier"),
    "tier_downgrade": partial(_evaluation, "downgrade"),
    "tier_reminder": partial(_anniversary_reminder, "tier"),
    "tier_upgrade": partial(_evaluation, "upgrade"),
    "voucher_expiry": _by_number(announce_voucher_expiry),
    "voucher_reminder": _by_number(remind_of_voucher),
}
"""Handlers by kind; each gets the unit of work at the due time, and the subject."""


def process_due(unit: UnitOfWork, *, stepped_from: datetime | None = None) -> None:
    """Process everything that is due.

    Args:
        unit: The unit of work, at the present.
        stepped_from: The time before a step of the clock; then kind `step` is processed too.
    """
    due_kinds: tuple[due.DueKind, ...] = ("always",) if stepped_from is None else ("always", "step")
    while (next_due := due.take_next_due(unit, due_kinds)) is not None:
        at = next_due.at if stepped_from is None else max(next_due.at, stepped_from)
        try:
            with unit.part():
                HANDLERS[next_due.kind](unit.at(at), next_due.subject)
        except Refusal:
            # There is no caller to answer; a rejected movement is in the history.
            continue
