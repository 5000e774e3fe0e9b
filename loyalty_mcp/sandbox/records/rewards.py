"""Active rewards, as rules."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from loyalty_mcp.sandbox.errors import NotAllowed, NotFound
from loyalty_mcp.sandbox.records import configuration
from loyalty_mcp.sandbox.rules import moments
from loyalty_mcp.sandbox.rules.entities import Item, Program
from loyalty_mcp.sandbox.rules.ledger import Span
from loyalty_mcp.sandbox.rules.rewards import Reward, RewardLimit
from loyalty_mcp.sandbox.store import UnitOfWork


def reward_in_force(unit: UnitOfWork, program: Program, reward_id: str) -> Item:
    """Return a reward whose vouchers can be issued.

    Raises:
        NotFound: There is none with that id.
        NotAllowed: It is a draft that was not published yet.
    """
    version = configuration.version_in_force(unit, program)
    item = configuration.find_item(unit, program.id, "reward", reward_id, version)
    if item is not None:
        return item
    if configuration.find_item(unit, program.id, "reward", reward_id) is not None:
        raise NotAllowed("The reward is not published yet: publish the program first.")
    raise NotFound("There is no reward with that id.")


def reward_from_item(item: Item) -> Reward:
    """Read an item of configuration as a reward."""
    body = item.body
    return Reward(
        id=item.id,
        start_date=_moment_or_none(body.get("startDate")),
        end_date=_moment_or_none(body.get("endDate")),
        disabled_at=_moment_or_none(body.get("disabledAt")),
        total_attribution=body.get("totalAttribution"),
        attribution_per_consumer=body.get("attributionPerConsumer"),
        total_redeem=body.get("totalRedeem"),
        redeem_per_consumer=body.get("redeemPerConsumer"),
        limits=tuple(_reward_limit(each) for each in body.get("limits") or ()),
        expiration_date=_moment_or_none(body.get("expirationDate")),
        life=_life_of_vouchers(body),
        subtract_balance_definition_id=body.get("subtractBalanceDefinitionId"),
        subtract_balance_strategy=body.get("subtractBalanceStrategy"),
        subtract_balance_value=_decimal_or_none(body.get("subtractBalanceValue")),
        subtract_total_balance=body.get("subtractTotalBalance") is True,
    )


def _reward_limit(body: Mapping[str, Any]) -> RewardLimit:
    return RewardLimit(
        type=body["type"],
        value=body["limitValue"],
        duration_value=body.get("durationValue"),
        duration_unit=body.get("durationUnit"),
        sliding=body.get("slidingSchedule") is True,
    )


def _life_of_vouchers(body: Mapping[str, Any]) -> Span | None:
    value, unit = body.get("expirationValue"), body.get("expirationUnit")
    if not value or not unit:
        return None
    return Span(value, unit, body.get("expirationModifier") or "noModification")


def _moment_or_none(text: str | None) -> Any:
    return None if text is None else moments.parse_moment(text)


def _decimal_or_none(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
