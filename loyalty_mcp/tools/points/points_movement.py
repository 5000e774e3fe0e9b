"""What a change counts for, under the caps: whose points, and how many of them. Pure."""

from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final, Literal

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.rewards import Reward
from loyalty_mcp.brevo.operations.subscriptions import AccountInfo
from loyalty_mcp.intents.lifecycle import Movement

ROUNDED: Final = {"upper": ROUND_UP, "natural": ROUND_HALF_UP}
"""The roundings that can move more than was asked for."""

WHOLE_UNITS: Final = frozenset({"POINTS", "JPY", "CLP"})


def owner_of(info: AccountInfo | None, contact: int) -> int:
    """The contact whose points they are: those who share a membership move those of its owner."""
    if info is None or info.balance is None or info.balance.contact_id is None:
        return contact
    return info.balance.contact_id


def movement_of(
    definition: BalanceDefinition | None,
    kind: Literal["credit", "debit"],
    amount: Decimal,
    owner: int,
) -> Movement:
    """A movement at its largest: as it was asked for, or as the balance rounds it up.

    Args:
        definition: of the balance; None if it is not known.
        kind: its direction.
        amount: positive.
        owner: contact id.
    """
    if definition is None:
        return Movement(kind, amount, owner)
    how = (
        definition.balance_option_credit_rounding
        if kind == "credit"
        else definition.balance_option_debit_rounding
    )
    if how not in ROUNDED:
        return Movement(kind, amount, owner)
    smallest = Decimal(1) if definition.unit in {None, *WHOLE_UNITS} else Decimal("0.01")
    return Movement(kind, max(amount, amount.quantize(smallest, rounding=ROUNDED[how])), owner)


def taken_at_issue(reward: Reward) -> bool:
    """Whether a reward takes its points when it is given, not when it is redeemed."""
    strategy = (reward.subtract_balance_strategy or "").lower()
    return strategy.removeprefix("on_").startswith("attribut")


def price_of(reward: Reward, info: AccountInfo) -> Decimal:
    """The points that a reward takes from a member, at whatever moment; 0 for none."""
    definition = reward.subtract_balance_definition_id
    if not definition:
        return Decimal(0)
    if not reward.subtract_total_balance:
        return Decimal(reward.subtract_balance_value or 0)
    held = info.balance.balances if info.balance is not None else ()
    total = next((b.value for b in held if b.balance_definition_id == definition), None)
    return total or Decimal(0)
