"""The points of a movement: rounded as the balance rounds, and their owner. Pure."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final, Literal

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.rewards import Reward
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.errors import Refused
from loyalty_mcp.intents.lifecycle import Movement
from loyalty_mcp.tools.members.account import unit_of
from loyalty_mcp.tools.render import amount_text

MovementKind = Literal["credit", "debit"]

ROUNDINGS: Final = {"upper": ROUND_UP, "natural": ROUND_HALF_UP, "lower": ROUND_DOWN}
WHOLE_UNITS: Final = frozenset({"POINTS", "JPY", "CLP"})
"""Units without decimals; the sandbox's choice, because the sources do not say."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a movement on a balance.

    Args:
        balance: the total after it.
        lost: what exceeds the maximum and is lost.
    """

    balance: Decimal
    lost: Decimal = Decimal(0)


def owner_of(info: AccountInfo | None, contact: int) -> int:
    """The contact that owns the points: members of a shared membership use those of its owner."""
    if info is None or info.balance is None or info.balance.contact_id is None:
        return contact
    return info.balance.contact_id


def rounded_amount(
    definition: BalanceDefinition | None, kind: MovementKind, amount: Decimal
) -> Decimal:
    """The amount as the balance rounds it; unchanged if the balance does not say.

    Args:
        definition: of the balance; None if it is not known.
        kind: the direction.
        amount: positive.
    """
    if definition is None:
        return amount
    rounding = (
        definition.balance_option_credit_rounding
        if kind == "credit"
        else definition.balance_option_debit_rounding
    )
    if rounding not in ROUNDINGS:
        return amount
    smallest = Decimal(1) if definition.unit in {None, *WHOLE_UNITS} else Decimal("0.01")
    return amount.quantize(smallest, rounding=ROUNDINGS[rounding])


def movement_of(
    definition: BalanceDefinition | None, kind: MovementKind, amount: Decimal, owner: int
) -> Movement:
    """A movement with the amount that it really moves."""
    return Movement(kind, rounded_amount(definition, kind, amount), owner)


def effect_on(
    definition: BalanceDefinition, kind: MovementKind, amount: Decimal, total: Decimal
) -> Effect:
    """The effect of a movement on a balance with this total.

    Args:
        definition: of the balance.
        kind: the direction.
        amount: positive, already rounded.
        total: the balance before the movement.

    Raises:
        Refused: the minimum, the maximum or the cap per movement forbids it.
    """
    unit = unit_of(definition)
    if amount == 0:
        raise Refused("The balance rounds this amount down to nothing, so it would move nothing.")
    credit = kind == "credit"
    cap = definition.max_credit_amount_limit if credit else definition.max_debit_amount_limit
    if cap is not None and amount > cap:
        raise Refused(f"One {kind} of this balance moves at most {amount_text(cap, unit)}.")
    return _credited(definition, amount, total) if credit else _debited(definition, amount, total)


def _debited(definition: BalanceDefinition, amount: Decimal, total: Decimal) -> Effect:
    unit, floor = unit_of(definition), definition.min_amount or Decimal(0)
    if total - amount < floor:
        most = amount_text(max(total - floor, Decimal(0)), unit)
        raise Refused(
            f"The balance is {amount_text(total, unit)} and may not fall below "
            f"{amount_text(floor, unit)}; at most {most} can be debited."
        )
    return Effect(total - amount)


def _credited(definition: BalanceDefinition, amount: Decimal, total: Decimal) -> Effect:
    unit, ceiling = unit_of(definition), definition.max_amount
    if ceiling is None or total + amount <= ceiling:
        return Effect(total + amount)
    room = max(ceiling - total, Decimal(0))
    if definition.balance_option_amount_overtaking_strategy != "partial" or room == 0:
        raise Refused(
            f"The balance is {amount_text(total, unit)} and may not pass "
            f"{amount_text(ceiling, unit)}; at most {amount_text(room, unit)} can be credited."
        )
    return Effect(ceiling, lost=amount - room)


def taken_at_issue(reward: Reward) -> bool:
    """Whether a reward takes its points when it is given instead of when it is redeemed."""
    strategy = (reward.subtract_balance_strategy or "").lower()
    return strategy.removeprefix("on_").startswith("attribut")


def price_of(reward: Reward, info: AccountInfo) -> Decimal:
    """The points that a reward takes from a member, at whatever time; 0 for none."""
    definition = reward.subtract_balance_definition_id
    if not definition:
        return Decimal(0)
    if not reward.subtract_total_balance:
        return Decimal(reward.subtract_balance_value or 0)
    held = info.balance.balances if info.balance is not None else ()
    total = next((b.value for b in held if b.balance_definition_id == definition), None)
    return total or Decimal(0)
