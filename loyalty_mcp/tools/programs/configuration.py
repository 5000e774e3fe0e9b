"""One version of a program's configuration, as the API returns it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.operations.rewards import CreatedReward, Reward
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import AmbiguousReference
from loyalty_mcp.tools.programs.balance_spec import LimitSpec
from loyalty_mcp.tools.programs.limit_memory import unconfirmed_limits
from loyalty_mcp.tools.programs.spec_part import name_key

ItemT = TypeVar("ItemT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ProgramConfiguration:
    """The existing objects of a program, in one version.

    Args:
        program: None if no program has the name.
        balances: the balance definitions.
        limits: the existing limits with known ids.
        unconfirmed_limits: balance definition id and limit, if the answer to the creation was lost.
        rewards: at least their names; completely if they were read completely.
        tier_groups: the tier groups.
        tiers: the tiers of all groups.
    """

    program: Program | None = None
    balances: tuple[BalanceDefinition, ...] = ()
    limits: tuple[BalanceLimit, ...] = ()
    unconfirmed_limits: tuple[tuple[str, LimitSpec], ...] = ()
    rewards: tuple[Reward, ...] = ()
    tier_groups: tuple[TierGroup, ...] = ()
    tiers: tuple[Tier, ...] = ()

    @property
    def objects(self) -> tuple[BaseModel, ...]:
        """Everything that has a draft and a live version."""
        return (*self.balances, *self.limits, *self.rewards, *self.tier_groups, *self.tiers)


def find_named(kind: str, name: str, items: Iterable[ItemT]) -> ItemT | None:
    """Return the item of that name, or None.

    Raises:
        AmbiguousReference: several items have the name.
    """
    found = [item for item in items if name_key(name_of(item)) == name_key(name)]
    if len(found) > 1:
        raise AmbiguousReference(
            f"{len(found)} {kind}s are called {quoted(name)}; a description finds them by name, "
            "so rename all but one."
        )
    return found[0] if found else None


def name_of(item: BaseModel) -> str:
    """Return the name of an item; empty if it has none."""
    name: str = getattr(item, "name", "")
    return name


def tiers_of(group: TierGroup, existing: ProgramConfiguration) -> tuple[Tier, ...]:
    """Return the tiers of a group."""
    return tuple(tier for tier in existing.tiers if tier.group_id == group.id)


def with_reply(existing: ProgramConfiguration, reply: BaseModel) -> ProgramConfiguration:
    """Return the configuration with the object that the API has just answered."""
    match reply:
        case Program():
            return replace(existing, program=reply, unconfirmed_limits=unconfirmed_limits(reply))
        case BalanceDefinition():
            return replace(existing, balances=_with_item(existing.balances, reply, _id))
        case BalanceLimit():
            owners = {each.id: each.balance_definition_id for each in existing.limits}
            owner = reply.balance_definition_id or owners.get(reply.id)
            reply = reply.model_copy(update={"balance_definition_id": owner})
            return replace(existing, limits=_with_item(existing.limits, reply, _id))
        case CreatedReward():
            reward = Reward(
                id=reply.id,
                name=reply.name,
                public_name=reply.public_name,
                public_description=reply.public_description,
                public_image=reply.public_image,
            )
            return replace(existing, rewards=_with_item(existing.rewards, reward, _id))
        case TierGroup():
            return replace(existing, tier_groups=_with_item(existing.tier_groups, reply, _id))
        case Tier():
            tiers = _with_item(existing.tiers, reply, lambda tier: tier.tier_id)
            return replace(existing, tiers=tiers)
        case _:
            return existing


def _id(item: Any) -> str:
    found: str = item.id
    return found


def _with_item(
    items: tuple[ItemT, ...], new: ItemT, identity: Callable[[ItemT], str]
) -> tuple[ItemT, ...]:
    """Replace the item with the same id, or append the new one."""
    if any(identity(item) == identity(new) for item in items):
        return tuple(new if identity(item) == identity(new) else item for item in items)
    return (*items, new)


def last_change(existing: ProgramConfiguration) -> datetime | None:
    """Return when a part of a program was last changed, if the API says so."""
    parts: tuple[Any, ...] = (
        *(() if existing.program is None else (existing.program,)),
        *existing.balances,
        *existing.limits,
        *existing.tier_groups,
        *existing.tiers,
    )
    return max((part.updated_at for part in parts if part.updated_at is not None), default=None)
