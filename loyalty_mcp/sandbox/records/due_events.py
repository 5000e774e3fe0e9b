"""Settling: what fell due since the last request happens now, in order, at its own time."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from loyalty_mcp.sandbox.errors import Refusal
from loyalty_mcp.sandbox.records import (
    anniversaries,
    due,
    member_tiers,
    movements,
    programs,
    vouchers,
)
from loyalty_mcp.sandbox.store import Unit


def process_order(unit: Unit, movement_id: str) -> None:
    """Complete the transaction of an order that is due, if it is still open."""
    row = unit.one("SELECT program FROM transactions WHERE id = ?", movement_id)
    if row is not None:
        program = programs.get_running(unit, row["program"])
        movements.complete(unit, program, movements.get(unit, program.id, movement_id))


def expire_lot(unit: Unit, lot: str) -> None:
    """Announce what a lot still held when it ended."""
    movements.expire_lot(unit, int(lot))


def remind_of_lot(unit: Unit, lot: str) -> None:
    """Announce that a lot ends soon."""
    movements.remind_of_lot(unit, int(lot))


def expire_voucher(unit: Unit, voucher: str) -> None:
    """Announce that a voucher has lapsed unused."""
    vouchers.announce_expiry(unit, int(voucher))


def remind_of_voucher(unit: Unit, voucher: str) -> None:
    """Announce that a voucher lapses soon."""
    vouchers.remind(unit, int(voucher))


def _anniversary(family: anniversaries.Family, unit: Unit, subject: str) -> None:
    anniversaries.announce(unit, family, subject)


def _anniversary_reminder(family: anniversaries.Family, unit: Unit, subject: str) -> None:
    anniversaries.remind(unit, family, subject)


def _evaluation(direction: member_tiers.Direction, unit: Unit, subject: str) -> None:
    member_tiers.evaluate(unit, subject, direction)


HANDLERS: Final[dict[str, Callable[[Unit, str], None]]] = {
    "lot_expiry": expire_lot,
    "lot_reminder": remind_of_lot,
    "membership_anniversary": partial(_anniversary, "membership"),
    "membership_reminder": partial(_anniversary_reminder, "membership"),
    "order": process_order,
    "tier_anniversary": partial(_anniversary, "tier"),
    "tier_downgrade": partial(_evaluation, "downgrade"),
    "tier_reminder": partial(_anniversary_reminder, "tier"),
    "tier_upgrade": partial(_evaluation, "upgrade"),
    "voucher_expiry": expire_voucher,
    "voucher_reminder": remind_of_voucher,
}
"""What happens, by kind; each is given the unit at the time of falling due, and the subject."""


def process_due(unit: Unit, *, stepped_from: datetime | None = None) -> None:
    """Let everything happen that is due.

    Args:
        unit: The unit, at the present.
        stepped_from: The time before a step of the clock, which also settles what waits for one.
    """
    due_kinds: tuple[due.DueKind, ...] = ("always",) if stepped_from is None else ("always", "step")
    while (next_due := due.take_next(unit, due_kinds)) is not None:
        at = next_due.at if stepped_from is None else max(next_due.at, stepped_from)
        try:
            with unit.part():
                HANDLERS[next_due.kind](unit.at(at), next_due.subject)
        except Refusal:
            # Nobody asked, so nobody is answered; a rejected movement says so in the history.
            continue
