"""The tiers of members: the current tier in each group, and every change."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from loyalty_mcp.sandbox.errors import Conflict
from loyalty_mcp.sandbox.records import (
    anniversaries,
    balances,
    configuration,
    due,
    events,
    members,
    programs,
)
from loyalty_mcp.sandbox.records.voucher_issue import try_to_issue
from loyalty_mcp.sandbox.rules import tiers
from loyalty_mcp.sandbox.rules.entities import CompletedMovement, Item, Member, Program
from loyalty_mcp.sandbox.rules.moments import from_milliseconds
from loyalty_mcp.sandbox.rules.periods import DayOfYear
from loyalty_mcp.sandbox.rules.tiers import Condition, Ladder, Schedule, Tier, TierMembership
from loyalty_mcp.sandbox.store import UnitOfWork

Direction = Literal["upgrade", "downgrade"]

_INSTANT = timedelta(milliseconds=1)


class TierAssociation(NamedTuple):
    """A member's current tier in a group."""

    seq: int
    group_id: str
    tier_id: str
    since: int
    by_hand: bool


def ladders_in_force(unit: UnitOfWork, program: Program) -> list[Ladder]:
    """Return the tier groups in force, with their tiers from low to high."""
    version = configuration.version_in_force(unit, program)
    groups = configuration.all_items(unit, program.id, "tier_group", version)
    if not groups:
        return []
    rungs = configuration.all_items(unit, program.id, "tier", version)
    return [ladder_of(group, rungs) for group in groups]


def ladder_of(group: Item, rungs: list[Item]) -> Ladder:
    """Read a tier group and its tiers as rules."""
    body = group.body
    own = [tier_from_item(item) for item in rungs if item.parent == group.id]
    return Ladder(
        group_id=group.id,
        tiers=tiers.from_low_to_high(own, body.get("tierOrder") or ()),
        upgrade=body["upgradeStrategy"],
        downgrade=body["downgradeStrategy"],
        upgrade_schedule=_schedule_from_body(body.get("upgradeSchedule")),
        downgrade_schedule=_schedule_from_body(body.get("downgradeSchedule")),
        name=body["name"],
    )


def tiers_of_member(unit: UnitOfWork, member: Member) -> dict[str, TierAssociation]:
    """Return a member's tiers by group; a tier may no longer be in force."""
    rows = unit.all(
        "SELECT tier_group, MAX(seq) AS seq, tier, by_hand, at FROM tier_moves"
        " WHERE member = ? GROUP BY tier_group",
        member.seq,
    )
    return {
        row["tier_group"]: TierAssociation(
            row["seq"], row["tier_group"], row["tier"], row["at"], bool(row["by_hand"])
        )
        for row in rows
        if row["tier"] is not None
    }


def enter_tiers(unit: UnitOfWork, member: Member) -> None:
    """Assign a new member to the entry tier of each group."""
    for ladder in ladders_in_force(unit, programs.load_program(unit, member.program_id)):
        first = tiers.entry_tier(ladder)
        if first is not None:
            _place_on_tier(unit, member, ladder, None, first.id)
        _schedule_evaluations(unit, member, ladder)


def reevaluate_after_movement(unit: UnitOfWork, completed: CompletedMovement) -> None:
    """Re-evaluate the tiers of the member of a completed movement, in real-time groups."""
    reevaluate_member(unit, completed.member)


def reevaluate_member(unit: UnitOfWork, member: Member) -> None:
    """Re-evaluate the tiers of a member whose balances changed, in real-time groups."""
    found = ladders_in_force(unit, programs.load_program(unit, member.program_id))
    if not found:
        return
    places = tiers_of_member(unit, member)
    values = balances.balance_values(unit, member)
    for ladder in found:
        place = places.get(ladder.group_id)
        before = None if place is None else place.tier_id
        after = tiers.on_balance_change(ladder, before, values)
        if after != before:
            _place_on_tier(unit, member, ladder, before, after)


def evaluate_member(unit: UnitOfWork, subject: str, direction: Direction) -> None:
    """Run a scheduled evaluation of one member in one group.

    An evaluation that a later tier change or publication has made obsolete is skipped.
    """
    member_seq, group_id = subject.split(":")
    member = members.member_by_seq(unit, int(member_seq))
    if members.own_membership(unit, member.program_id, member.contact_id) != member:
        return
    program = programs.load_program(unit, member.program_id)
    ladder = next(
        (each for each in ladders_in_force(unit, program) if each.group_id == group_id), None
    )
    if ladder is None:
        return
    place = tiers_of_member(unit, member).get(group_id)
    due_after = _next_evaluation(direction)
    if due_after(ladder, _membership(member, place), unit.now - _INSTANT) != unit.now:
        return
    before = None if place is None else place.tier_id
    after = tiers.evaluate_tier(
        ladder,
        before,
        balances.balance_values(unit, member),
        upgrade_due=direction == "upgrade",
        downgrade_due=direction == "downgrade",
    )
    if after != before:
        _place_on_tier(unit, member, ladder, before, after)
    _schedule_evaluations(unit, member, ladder)


def assign_by_hand(unit: UnitOfWork, member: Member, ladder: Ladder, tier: Tier) -> TierAssociation:
    """Assign a member to a tier manually.

    Returns:
        The assignment, even if its consequences have already undone it: entering a tier can
        issue a reward that costs points, and fewer points can mean a lower tier.

    Raises:
        Conflict: The member is already on that tier.
    """
    place = tiers_of_member(unit, member).get(ladder.group_id)
    before = None if place is None else place.tier_id
    if before == tier.id:
        raise Conflict("The member is already on that tier.")
    seq = _place_on_tier(unit, member, ladder, before, tier.id, by_hand=True)
    return TierAssociation(seq, ladder.group_id, tier.id, unit.now_stored, by_hand=True)


def reevaluate_after_publication(unit: UnitOfWork, program: Program) -> None:
    """Reassign members whose tier was deleted, and schedule evaluations by the new strategies."""
    rungs = configuration.all_items(unit, program.id, "tier", "active")
    for group in configuration.all_items(unit, program.id, "tier_group", "active"):
        ladder = ladder_of(group, rungs)
        if _is_new(unit, ladder):
            _replace_stranded(unit, program, ladder)
            if ladder.upgrade != "real_time" or ladder.downgrade != "real_time":
                for member in _members_of_program(unit, program):
                    _schedule_evaluations(unit, member, ladder)


def _replace_stranded(unit: UnitOfWork, program: Program, ladder: Ladder) -> None:
    # Only members whose tier was deleted: publishing evaluates nobody else.
    gone = unit.all(
        "SELECT member, tier FROM (SELECT m.member, m.tier, MAX(m.seq) FROM tier_moves m"
        " JOIN subscriptions s ON s.seq = m.member WHERE s.program = ? AND s.ended_at IS NULL"
        " AND m.tier_group = ? GROUP BY m.member) WHERE tier IS NOT NULL",
        program.id,
        ladder.group_id,
    )
    for row in gone:
        if ladder.tier(row["tier"]) is None:
            member = members.member_by_seq(unit, row["member"])
            values = balances.balance_values(unit, member)
            after = tiers.on_balance_change(ladder, None, values)
            _place_on_tier(unit, member, ladder, row["tier"], after)


def _is_new(unit: UnitOfWork, ladder: Ladder) -> bool:
    # Kept outside the loyalty data: it only avoids visiting every member again.
    name = f"ladder:{ladder.group_id}"
    digest = hashlib.sha256(repr(ladder).encode()).hexdigest()
    row = unit.one("SELECT value FROM settings WHERE name = ?", name)
    if row is not None and row["value"] == digest:
        return False
    unit.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, digest)
    return True


def _place_on_tier(
    unit: UnitOfWork,
    member: Member,
    ladder: Ladder,
    before: str | None,
    after: str | None,
    *,
    by_hand: bool = False,
) -> int:
    seq = unit.run(
        "INSERT INTO tier_moves (member, tier_group, tier, by_hand, at) VALUES (?, ?, ?, ?, ?)",
        member.seq,
        ladder.group_id,
        after,
        by_hand,
        unit.now_stored,
    )
    events.emit(
        unit,
        "tier_association_updated",
        member,
        **tier_details(ladder, after),
        previous_tier=_tier_or_none(ladder, before),
        source_event="manual" if by_hand else "evaluation",
    )
    if after is not None:
        anniversaries.plan_anniversaries(unit, "tier", f"{member.seq}:{seq}", unit.now)
    _schedule_evaluations(unit, member, ladder)
    tier = ladder.tier(after)
    if tier is not None and ladder.rank(after) > ladder.rank(before):
        program = programs.load_program(unit, member.program_id)
        for reward_id in tier.rewards:
            try_to_issue(unit, program, member, reward_id)
    return seq


def tier_details(ladder: Ladder, tier_id: str | None) -> dict[str, Any]:
    """Describe a tier and its group as events do."""
    return {
        "tier_group": {"id": ladder.group_id, "name": ladder.name},
        "tier": _tier_or_none(ladder, tier_id),
    }


def _tier_or_none(ladder: Ladder, tier_id: str | None) -> dict[str, Any] | None:
    if tier_id is None:
        return None
    tier = ladder.tier(tier_id)
    return {"id": tier_id, "name": None if tier is None else tier.name}


def _schedule_evaluations(unit: UnitOfWork, member: Member, ladder: Ladder) -> None:
    membership = _membership(member, tiers_of_member(unit, member).get(ladder.group_id))
    for direction in ("upgrade", "downgrade"):
        at = _next_evaluation(direction)(ladder, membership, unit.now)
        if at is not None:
            due.schedule_due(unit, f"tier_{direction}", f"{member.seq}:{ladder.group_id}", at)


def _next_evaluation(direction: str) -> Any:
    return tiers.upgrade_due_after if direction == "upgrade" else tiers.downgrade_due_after


def _membership(member: Member, place: TierAssociation | None) -> TierMembership:
    return TierMembership(
        member_since=from_milliseconds(member.created_at),
        tier_id=None if place is None else place.tier_id,
        tier_since=None if place is None else from_milliseconds(place.since),
    )


def _members_of_program(unit: UnitOfWork, program: Program) -> list[Member]:
    rows = unit.all(
        "SELECT seq FROM subscriptions WHERE program = ? AND ended_at IS NULL", program.id
    )
    return [members.member_by_seq(unit, row["seq"]) for row in rows]


def tier_from_item(item: Item) -> Tier:
    """Read an item of configuration as a tier."""
    return Tier(
        id=item.id,
        name=item.body["name"],
        conditions=tuple(
            Condition(each["balanceDefinitionId"], Decimal(each["minimumValue"]))
            for each in item.body["accessConditions"]
        ),
        rewards=tuple(each["rewardId"] for each in item.body.get("tierRewards") or ()),
    )


def _schedule_from_body(body: Mapping[str, Any] | None) -> Schedule | None:
    if not body:
        return None
    day = body.get("scheduledDate")
    return Schedule(
        duration_value=body.get("durationValue"),
        duration_unit=body.get("durationUnit"),
        modifier=body.get("durationModifier"),
        scheduled_date=DayOfYear.parse(day) if day else None,
    )
