"""Earlier movements and changes, as the basis for the caps of the policy."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select

from loyalty_mcp.intents.journal.rows import MILLIONTHS, stored
from loyalty_mcp.intents.journal.tables import intents
from loyalty_mcp.intents.lifecycle import COUNTS_TOWARD_CAPS, Movement
from loyalty_mcp.intents.policy import Usage


def read_usage(
    connection: Connection, account: str, caller: str, movement: Movement | None, now: datetime
) -> Usage:
    """The caller's changes in the last hour, and the member's movements today.

    Args:
        connection: the connection of a transaction.
        account: only its intents count.
        caller: whose changes are counted.
        movement: whose member and direction are added up; None to count only changes.
        now: our clock; days are UTC days.
    """
    hour_ago = stored(now - timedelta(hours=1))
    in_caps = intents.c.state.in_(COUNTS_TOWARD_CAPS)
    calls = select(func.count()).where(
        intents.c.account == account,
        intents.c.caller == caller,
        intents.c.sent_at > hour_ago,
        in_caps,
    )
    changes = int(connection.execute(calls).scalar_one())
    if movement is None:
        return Usage(changes_this_hour=changes)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    moved = select(func.coalesce(func.sum(intents.c.movement_amount), 0)).where(
        intents.c.account == account,
        intents.c.movement_member == movement.member,
        intents.c.movement_kind == movement.kind,
        intents.c.sent_at >= stored(midnight),
        in_caps,
    )
    total = Decimal(int(connection.execute(moved).scalar_one())) / MILLIONTHS
    return Usage(moved_today=total, changes_this_hour=changes)
