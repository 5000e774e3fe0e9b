"""The effect of one row, computed for the preview of its batch, and again before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import NotFound, Refused, UnknownReference
from loyalty_mcp.intents.lifecycle import Movement, Preparation, Preview
from loyalty_mcp.tools.bulk.member_state import (
    MemberState,
    TierRules,
    shown_state,
    state_after,
    state_of_account,
)
from loyalty_mcp.tools.bulk.planned_row import PlannedRow
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import read_member, together, unit_of
from loyalty_mcp.tools.points.earlier_reversals import refuse_second_reversal
from loyalty_mcp.tools.points.movement_amounts import MovementKind, rounded_amount
from loyalty_mcp.tools.points.tier_effect import NO_TIER
from loyalty_mcp.tools.render import amount_text

Facts = Mapping[str, Any]

ENROL: Final = "create_subscription"
ASSIGN: Final = "assign_tier"
REVERSE: Final = "reverse_transaction"
MOVES: Final[dict[str, MovementKind]] = {"credit_points": "credit", "debit_points": "debit"}
"""The tools that carry out rows."""


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """What determines how points of one balance move.

    Args:
        program: its id.
        definition: of the balance.
        tiers: the tiers of the program.
    """

    program: str
    definition: BalanceDefinition
    tiers: TierRules


async def read_tier_rules(context: Context, program: str) -> TierRules:
    """The live tiers of a program."""
    groups, tiers = await together(
        context.references.tier_groups(program), context.references.tiers(program)
    )
    return TierRules(groups, tiers)


async def read_balance_rules(context: Context, program: str, balance: str) -> BalanceRules:
    """What determines how points of a balance move.

    Raises:
        UnknownReference: the balance is not live.
    """
    definitions = await context.references.balances(program)
    definition = next((item for item in definitions if item.id == balance), None)
    if definition is None:
        raise UnknownReference("That balance is not live yet; publish_program makes it so.")
    return BalanceRules(program, definition, await read_tier_rules(context, program))


def person_text(words: str, contact: int, own_id: str | None) -> str:
    """A member in words: as the caller names them, the contact id and the own id."""
    known = "" if own_id is None or own_id == str(contact) else f", own id {quoted(own_id)}"
    if words == str(contact):
        return f"member {contact}{known and f' ({known[2:]})'}"
    return f"{quoted(words)} (member {contact}{known})"


def movement_preparation(
    words: str,
    contact: int,
    state: MemberState,
    rules: BalanceRules,
    kind: MovementKind,
    amount: Decimal,
    agreed: PlannedRow | None = None,
) -> tuple[Preparation, MemberState]:
    """The effect of a movement, and the member's state after it.

    Args:
        words: as the caller names the member.
        contact: the member's contact id.
        state: the member before the movement.
        rules: of the balance.
        kind: the direction.
        amount: positive, as requested.
        agreed: the previewed row, if any; its tiers stay valid unless a tier changes differently.

    Raises:
        Refused: the balance cannot accept the movement.
    """
    definition = rules.definition
    moved = state_after(state, definition, kind, amount, rules.tiers)
    before = shown_state(state, definition.id, rules.tiers)
    after = shown_state(moved, definition.id, rules.tiers)
    if agreed is not None and _tiers_as_agreed(before, after, agreed):
        before, after = _with_tiers(before, agreed.before), _with_tiers(after, agreed.after)
    unit = unit_of(definition)
    parts = [f"{amount_text(before['balance'], unit)} → {amount_text(after['balance'], unit)}"]
    parts += tier_changes(before, after)
    summary = f"{person_text(words, contact, state.own_id)}: {'; '.join(parts)}"
    movement = Movement(kind, rounded_amount(definition, kind, amount), state.owner)
    subject = f"{rules.program} member {state.owner}"
    preview = Preview(summary, before, after)
    return Preparation(preview, movement=movement, subject=subject), moved


def tier_changes(before: Facts, after: Facts) -> list[str]:
    """A text for each tier group in which the tier changes."""
    return [
        f"{quoted(group)} {quoted(tier)} → {quoted(after['tiers'][group])}"
        for group, tier in before.get("tiers", {}).items()
        if tier != after["tiers"][group]
    ]


def _with_tiers(facts: Facts, agreed: Facts) -> dict[str, Any]:
    """Facts with the tiers as previewed, if the program has any."""
    return {**facts, "tiers": agreed["tiers"]} if "tiers" in agreed else dict(facts)


def _tiers_as_agreed(before: Facts, after: Facts, agreed: PlannedRow) -> bool:
    """Whether every tier change was previewed like that.

    The preview of a long list derives tiers from thresholds. A member who already has the tier, or
    keeps a higher one, loses nothing that the preview did not show.
    """
    then, later = agreed.before.get("tiers", {}), agreed.after.get("tiers", {})
    now, soon = before.get("tiers", {}), after.get("tiers", {})
    if then.keys() != now.keys():
        return False
    return all(
        tier == soon[group]
        or (soon[group] == later[group] and (tier == NO_TIER or then[group] != later[group]))
        for group, tier in now.items()
    )


def enrolment_preparation(words: str, program: str, contact: int) -> Preparation:
    """The effect of enrolling a contact."""
    return Preparation(
        Preview(
            f"{person_text(words, contact, None)}: becomes a member",
            {"member": False},
            {"member": True},
        ),
        subject=f"{program} member {contact}",
    )


def assignment_preparation(
    words: str, program: str, contact: int, state: MemberState, tier: Tier, rules: TierRules
) -> Preparation:
    """The effect of assigning a tier to a member.

    Raises:
        Refused: the member already has the tier.
    """
    names = {each.tier_id: each.name for each in rules.tiers}
    held = state.tiers.get(tier.group_id or "")
    if held == tier.tier_id:
        raise Refused(f"The member is on tier {quoted(tier.name)} already.")
    old = names.get(held or "", NO_TIER)
    who = person_text(words, contact, state.own_id)
    return Preparation(
        Preview(f"{who}: {quoted(old)} → {quoted(tier.name)}", {"tier": old}, {"tier": tier.name}),
        subject=f"{program} member {contact}",
    )


async def is_enrolled(context: Context, program: str, contact: int) -> bool:
    """Whether a contact is a member of a program."""
    try:
        await read_member(context, program, contact)
    except NotFound:
        return False
    return True


async def prepare_row(context: Context, row: PlannedRow) -> Preparation:
    """The current effect of a row, from fresh reads of its member.

    Raises:
        Refused: it can no longer be carried out.
        NotFound: the contact is no longer a member.
        LoyaltyError: it cannot be read now.
    """
    program, contact = str(row.resolved[0]), int(row.resolved[1])
    if row.tool == ENROL:
        if await is_enrolled(context, program, contact):
            raise Refused(f"Contact {contact} is a member already.")
        return enrolment_preparation(row.member, program, contact)
    if row.tool == ASSIGN:
        rules = await read_tier_rules(context, program)
        tier = next((item for item in rules.tiers if item.tier_id == row.resolved[2]), None)
        if tier is None:
            raise Refused("That tier is not live any more.")
        state = state_of_account(await read_member(context, program, contact), contact, rules)
        return assignment_preparation(row.member, program, contact, state, tier, rules)
    kind, amount = await _what_moves(context, row)
    balance_rules = await read_balance_rules(context, program, str(row.resolved[2]))
    info = await read_member(context, program, contact)
    state = state_of_account(info, contact, balance_rules.tiers)
    found, _ = movement_preparation(row.member, contact, state, balance_rules, kind, amount, row)
    return found


async def _what_moves(context: Context, row: PlannedRow) -> tuple[MovementKind, Decimal]:
    """The direction and the amount of a row that moves points.

    Raises:
        Refused: it would reverse something that was already reversed.
    """
    if row.tool != REVERSE:
        return MOVES[row.tool], Decimal(str(row.arguments["amount"]))
    await refuse_second_reversal(context, row.kept["transaction"])
    return row.kept["kind"], Decimal(row.kept["amount"])
