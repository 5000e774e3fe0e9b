"""Anniversaries of memberships and tiers: monthly and yearly events, and reminders."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from loyalty_mcp.sandbox.records import due, events, members, programs
from loyalty_mcp.sandbox.records.events import EventName
from loyalty_mcp.sandbox.rules.entities import Member
from loyalty_mcp.sandbox.rules.moments import from_milliseconds, stored_to_text
from loyalty_mcp.sandbox.rules.tiers import anniversary_after
from loyalty_mcp.sandbox.store import UnitOfWork

Family = Literal["membership", "tier"]


CAUGHT_UP: Final = timedelta(days=2 * 366)
"""After a long step of the clock, only anniversaries within this time are emitted."""

_NAMES: Final[dict[Family, tuple[EventName, EventName, EventName]]] = {
    "membership": (
        "subscription_month_anniversary",
        "subscription_year_anniversary",
        "membership_anniversary_reminder",
    ),
    "tier": (
        "tier_association_month_anniversary",
        "tier_association_year_anniversary",
        "tier_anniversary_reminder",
    ),
}


class _Origin(NamedTuple):
    member: Member
    since: datetime
    details: dict[str, Any]


def plan_anniversaries(unit: UnitOfWork, family: Family, subject: str, since: datetime) -> None:
    """Schedule the anniversaries of a membership, or of a member's time on a tier.

    Args:
        unit: The transaction.
        family: A membership or a tier.
        subject: The number of the member, or `member:move` of the tier.
        since: When it began.
    """
    due.schedule_due(unit, f"{family}_anniversary", subject, anniversary_after(since, unit.now, 1))
    year = anniversary_after(since, unit.now)
    if year - due.REMINDER <= unit.now:
        year = anniversary_after(since, year)
    due.schedule_due(unit, f"{family}_reminder", subject, year - due.REMINDER)


def plan_membership_anniversaries(unit: UnitOfWork, member: Member) -> None:
    """Schedule the anniversaries of a new member."""
    plan_anniversaries(unit, "membership", str(member.seq), from_milliseconds(member.created_at))


def announce_anniversary(unit: UnitOfWork, family: Family, subject: str) -> None:
    """Emit a monthly or yearly anniversary, and schedule the next."""
    origin = _origin_of(unit, family, subject)
    if origin is None:
        return
    months = (unit.now.year - origin.since.year) * 12 + unit.now.month - origin.since.month
    month_name, year_name, _ = _NAMES[family]
    name = month_name if months % 12 else year_name
    events.emit(unit, name, origin.member, **origin.details, months=months)
    next_at = anniversary_after(origin.since, _caught_up(unit), 1)
    due.schedule_due(unit, f"{family}_anniversary", subject, next_at)


def remind_of_anniversary(unit: UnitOfWork, family: Family, subject: str) -> None:
    """Emit a reminder of a yearly anniversary, and schedule the next."""
    origin = _origin_of(unit, family, subject)
    if origin is None:
        return
    year = anniversary_after(origin.since, unit.now)
    events.emit(
        unit,
        _NAMES[family][2],
        origin.member,
        **origin.details,
        anniversary=year.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    next_year = anniversary_after(origin.since, max(year, _caught_up(unit)))
    due.schedule_due(unit, f"{family}_reminder", subject, next_year - due.REMINDER)


def _caught_up(unit: UnitOfWork) -> datetime:
    return max(unit.now, unit.present - CAUGHT_UP)


def _origin_of(unit: UnitOfWork, family: Family, subject: str) -> _Origin | None:
    """Return the membership or tier that the anniversary is of, or `None` if it has ended.

    Raises:
        NotFound: The program was deleted.
    """
    member_seq, _, move_seq = subject.partition(":")
    member = members.member_by_seq(unit, int(member_seq))
    programs.load_program(unit, member.program_id)
    if members.own_membership(unit, member.program_id, member.contact_id) != member:
        return None
    if family == "membership":
        details = {
            "subscription": {
                "created_at": stored_to_text(member.created_at),
                "loyalty_subscription_id": member.own_id,
            }
        }
        return _Origin(member, from_milliseconds(member.created_at), details)
    row = unit.one(
        "SELECT tier_group, tier, at, (SELECT MAX(seq) FROM tier_moves later"
        " WHERE later.member = m.member AND later.tier_group = m.tier_group) AS last"
        " FROM tier_moves m WHERE seq = ?",
        int(move_seq),
    )
    if row is None or row["last"] != int(move_seq):
        return None
    return _Origin(
        member,
        from_milliseconds(row["at"]),
        {
            "tier_group": {"id": row["tier_group"], "name": _name_of_item(unit, row["tier_group"])},
            "tier": {"id": row["tier"], "name": _name_of_item(unit, row["tier"])},
            "since": stored_to_text(row["at"]),
        },
    )


def _name_of_item(unit: UnitOfWork, item_id: str) -> str | None:
    # `active` sorts before `draft`; a deleted item still has its draft row.
    row = unit.one(
        "SELECT json_extract(body, '$.name') FROM configuration WHERE id = ? ORDER BY version",
        item_id,
    )
    return None if row is None else str(row[0])
