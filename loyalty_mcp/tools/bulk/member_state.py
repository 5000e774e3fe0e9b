"""The state of a member that a batch can change: balances and tiers. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.balances import ContactBalance
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.tools.members.tier_rules import after_change, earned, ladder
from loyalty_mcp.tools.points.movement_amounts import (
    MovementKind,
    effect_on,
    owner_of,
    rounded_amount,
)
from loyalty_mcp.tools.points.tier_effect import NO_TIER


@dataclass(frozen=True, slots=True)
class TierRules:
    """The live tiers of a program.

    Args:
        groups: every tier group.
        tiers: the tiers of all groups.
    """

    groups: Sequence[TierGroup]
    tiers: Sequence[Tier]

    def depend_on(self, balance: str) -> bool:
        """Whether every tier depends on the same balance."""
        conditions = [each for tier in self.tiers for each in tier.access_conditions]
        return all(each.balance_definition_id == balance for each in conditions)


@dataclass(frozen=True, slots=True)
class MemberState:
    """What a member has.

    Args:
        owner: the contact that owns the points.
        own_id: the member's own id, if there is one.
        balances: balance definition id to total.
        tiers: tier group id to the id of the current tier; None for none.
    """

    owner: int
    own_id: str | None
    balances: Mapping[str, Decimal]
    tiers: Mapping[str, str | None]


def state_of_account(info: AccountInfo, contact: int, rules: TierRules) -> MemberState:
    """The state of a member according to their account."""
    held = info.balance.balances if info.balance is not None else ()
    membership = info.membership
    return MemberState(
        owner=owner_of(info, contact),
        own_id=None if membership is None else membership.loyalty_subscription_id,
        balances={item.balance_definition_id: item.value or Decimal(0) for item in held},
        tiers={
            group.id: next((t.tier_id for t in info.tier if t.group_id == group.id), None)
            for group in rules.groups
        },
    )


def state_of_holder(holder: ContactBalance, balance: str, rules: TierRules) -> MemberState:
    """The state of a member in the list of a balance's holders; tiers follow from thresholds."""
    balances = {balance: holder.value or Decimal(0)}
    tiers = {group.id: earned(ladder(group, rules.tiers), balances) for group in rules.groups}
    return MemberState(
        owner=holder.contact_id,
        own_id=holder.loyalty_subscription_id,
        balances=balances,
        tiers={group: None if tier is None else tier.tier_id for group, tier in tiers.items()},
    )


def state_after(
    state: MemberState,
    definition: BalanceDefinition,
    kind: MovementKind,
    amount: Decimal,
    rules: TierRules,
) -> MemberState:
    """The state of a member after a movement.

    Args:
        state: before it.
        definition: of the balance.
        kind: the direction.
        amount: positive, as requested.
        rules: determine the tiers.

    Raises:
        Refused: the minimum, the maximum or the cap per movement forbids it.
    """
    total = state.balances.get(definition.id, Decimal(0))
    effect = effect_on(definition, kind, rounded_amount(definition, kind, amount), total)
    balances = {**state.balances, definition.id: effect.balance}
    tiers: dict[str, str | None] = {}
    for group in rules.groups:
        rungs = ladder(group, rules.tiers)
        tier = after_change(group, rungs, state.tiers.get(group.id), balances)
        tiers[group.id] = None if tier is None else tier.tier_id
    return replace(state, balances=balances, tiers=tiers)


def shown_state(state: MemberState, balance: str, rules: TierRules) -> dict[str, Any]:
    """The balance and the tiers by name: the facts behind a row's preview."""
    names = {tier.tier_id: tier.name for tier in rules.tiers}
    tiers = {
        group.name: names.get(state.tiers.get(group.id) or "", NO_TIER) for group in rules.groups
    }
    shown: dict[str, Any] = {"balance": state.balances.get(balance, Decimal(0))}
    return {**shown, "tiers": tiers} if tiers else shown
