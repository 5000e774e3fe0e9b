"""What exists of a program, and the same in the words of a description: pure."""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.programs import Program, patch_program
from loyalty_mcp.brevo.operations.rewards import CreatedReward, Reward
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.brevo.types import ID_PATTERN, plain
from loyalty_mcp.errors import AmbiguousReference
from loyalty_mcp.tools.programs.spec import LimitSpec, ProgramSpec, key

LIMITS_KEY: Final = "loyaltyMcpLimits"
"""The key in a program's `meta` under which the ids of its limits are kept: no call lists them."""


ROUNDING: Final = {"down": "lower", "up": "upper", "nearest": "natural"}
SNAP: Final = {"none": "noModification", "start": "startOfPeriod", "end": "endOfPeriod"}
ROUNDING_WORDS: Final = {wire: word for word, wire in ROUNDING.items()}
SNAP_WORDS: Final = {wire: word for word, wire in SNAP.items()}

ItemT = TypeVar("ItemT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Existing:
    """What there is of a program, in one version.

    Args:
        program: None where there is none of that name.
        balances: the definitions.
        limits: those that are remembered and still there.
        unsure: balance definition id and limit, where the answer to its creation was lost.
        rewards: by name at least; whole where a description names them.
        groups, tiers: the ladders.
    """

    program: Program | None = None
    balances: tuple[BalanceDefinition, ...] = ()
    limits: tuple[BalanceLimit, ...] = ()
    unsure: tuple[tuple[str, LimitSpec], ...] = ()
    rewards: tuple[Reward, ...] = ()
    groups: tuple[TierGroup, ...] = ()
    tiers: tuple[Tier, ...] = ()


def named(kind: str, name: str, items: Iterable[ItemT]) -> ItemT | None:
    """The item of that name, or None.

    Raises:
        AmbiguousReference: several have it.
    """
    found = [item for item in items if key(name_of(item)) == key(name)]
    if len(found) > 1:
        raise AmbiguousReference(
            f"{len(found)} {kind}s are called {quoted(name)}; names have to tell them apart, so "
            "rename all but one of them."
        )
    return found[0] if found else None


def name_of(item: BaseModel) -> str:
    """Its name."""
    name: str = getattr(item, "name", "")
    return name


# In the words of a description.


def described(existing: Existing) -> dict[str, Any]:
    """A program as a description says it; what a description cannot say is left out."""
    if existing.program is None:
        return {}
    balances = []
    for definition in sorted(existing.balances, key=_by_name):
        limits = [
            spec.model_dump(mode="json", exclude_none=True)
            for _, (_, spec) in sorted(limits_of(definition.id, existing).items())
        ]
        balance = {"name": definition.name, **described_balance(definition)}
        balances.append({**balance, "limits": limits} if limits else balance)
    groups = []
    for group in sorted(existing.groups, key=_by_name):
        ranks = {tier_id: place for place, tier_id in enumerate(group.tier_order)}
        tiers = sorted(
            tiers_of(group, existing), key=lambda tier: ranks.get(tier.tier_id, len(ranks))
        )
        described_tiers = [{"name": tier.name, **described_tier(tier, existing)} for tier in tiers]
        groups.append({"name": group.name, **described_group(group), "tiers": described_tiers})
    rewards = [
        {"name": reward.name, **described_reward(reward)}
        for reward in sorted(existing.rewards, key=_by_name)
    ]
    program = {"name": existing.program.name, **described_program(existing.program)}
    parts = {"balances": balances, "rewards": rewards, "tier_groups": groups}
    return {"program": program, **{name: part for name, part in parts.items() if part}}


def described_program(program: Program) -> dict[str, Any]:
    """The texts of a program; what we keep in its `meta` is ours, and no part of them."""
    meta = {name: value for name, value in (program.meta or {}).items() if name != LIMITS_KEY}
    return _filled({"description": program.description, "meta": meta or None})


def described_balance(definition: BalanceDefinition) -> dict[str, Any]:
    """The settings of a balance; a cap of nothing is the API's word for none."""
    life = None
    value, unit = (
        definition.balance_availability_duration_value,
        definition.balance_availability_duration_unit,
    )
    if value and unit:
        snap = SNAP_WORDS.get(definition.balance_availability_duration_modifier or "", "none")
        life = {"value": value, "unit": unit, "snap": snap}
    internal = (definition.meta or {}).get("isInternal") is True
    return _filled(
        {
            "unit": definition.unit or "POINTS",
            "description": definition.description,
            "minimum": plain(definition.min_amount),
            "maximum": plain(definition.max_amount) or None,
            "credit_maximum": plain(definition.max_credit_amount_limit) or None,
            "debit_maximum": plain(definition.max_debit_amount_limit) or None,
            "over_maximum": definition.balance_option_amount_overtaking_strategy,
            "credit_rounding": ROUNDING_WORDS.get(definition.balance_option_credit_rounding or ""),
            "debit_rounding": ROUNDING_WORDS.get(definition.balance_option_debit_rounding or ""),
            "expires_after": life,
            "expires_on": None if life else definition.balance_expiration_date,
            "internal": internal or None,
        }
    )


def described_limit(limit: BalanceLimit) -> LimitSpec | None:
    """A limit as a description says it; None for one that only Brevo's app can make."""
    try:
        return LimitSpec.model_validate(
            {
                "transaction_type": limit.transaction_type,
                "constraint_type": limit.constraint_type,
                "value": plain(limit.value),
                "per": {"value": limit.duration_value, "unit": limit.duration_unit},
                "sliding": limit.sliding_schedule is True,
            }
        )
    except ValidationError:
        return None


def described_reward(reward: Reward) -> dict[str, Any]:
    """The texts of a reward."""
    return _filled(
        {
            "public_name": reward.public_name,
            "public_description": reward.public_description,
            "public_image": reward.public_image,
        }
    )


def described_group(group: TierGroup) -> dict[str, Any]:
    """The strategies of a tier group."""
    return _filled({"upgrade": group.upgrade_strategy, "downgrade": group.downgrade_strategy})


def described_tier(tier: Tier, existing: Existing) -> dict[str, Any]:
    """The settings of a tier, its balances and rewards by name."""
    balances = {item.id: item.name for item in existing.balances}
    rewards = {item.id: item.name for item in existing.rewards}
    minimum = {
        balances[each.balance_definition_id]: plain(each.minimum_value) or 0
        for each in tier.access_conditions
        if each.balance_definition_id in balances
    }
    issued = [rewards[each.reward_id] for each in tier.tier_rewards if each.reward_id in rewards]
    return {"minimum": minimum, **_filled({"rewards": issued or None, "image": tier.image_ref})}


def _filled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are set."""
    return {name: value for name, value in settings.items() if value not in (None, "")}


def _by_name(item: BaseModel) -> tuple[str, str]:
    """An order that two descriptions of one program share, whenever its parts were made."""
    return key(name_of(item)), name_of(item)


def limits_of(definition_id: str, existing: Existing) -> dict[str, tuple[BalanceLimit, LimitSpec]]:
    """The limits of a balance that a description can hold, by name."""
    found = {}
    for limit in existing.limits:
        spec = described_limit(limit) if limit.balance_definition_id == definition_id else None
        if spec is not None:
            found[spec.name] = (limit, spec)
    return found


def tiers_of(group: TierGroup, existing: Existing) -> tuple[Tier, ...]:
    """The tiers of a group."""
    return tuple(tier for tier in existing.tiers if tier.group_id == group.id)


# What is remembered of limits, for no call lists them.


def remembered(program: Program) -> list[dict[str, Any]]:
    """The limits of a program as its `meta` keeps them.

    Each has the id of its `balance`, and its own `id`, or as `sent` what was sent before its id
    was known. What is not in this form is not ours and left out.
    """
    kept = (program.meta or {}).get(LIMITS_KEY)
    entries = kept if isinstance(kept, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and _is_entry(entry)]


def _is_entry(entry: Mapping[str, Any]) -> bool:
    known = isinstance(entry.get("id"), str) and re.fullmatch(ID_PATTERN, entry["id"])
    owner = entry.get("balance")
    return (
        isinstance(owner, str)
        and re.fullmatch(ID_PATTERN, owner) is not None
        and bool(known or isinstance(entry.get("sent"), dict))
    )


def with_own(meta: dict[str, Any], program: Program) -> dict[str, Any]:
    """`meta` with what we keep in the program's own."""
    own = (program.meta or {}).get(LIMITS_KEY)
    return meta if own is None else {**meta, LIMITS_KEY: own}


def unsure(program: Program) -> tuple[tuple[str, LimitSpec], ...]:
    """The limits that were sent, and whose id was never learnt."""
    found = []
    for entry in remembered(program):
        if "id" in entry:
            continue
        with contextlib.suppress(ValidationError):
            found.append((entry["balance"], LimitSpec.model_validate(entry["sent"])))
    return tuple(found)


def remembering(program: Program, entries: Sequence[Mapping[str, Any]]) -> Request[Program]:
    """Write what is remembered into the program's `meta`, beside what else is there."""
    meta = {**(program.meta or {}), LIMITS_KEY: list(entries)}
    return patch_program(program.id, meta=meta)


# What exists after a step.


def after(existing: Existing, reply: BaseModel) -> Existing:
    """What exists once the API has answered a step with `reply`."""
    match reply:
        case Program():
            return replace(existing, program=reply, unsure=unsure(reply))
        case BalanceDefinition():
            return replace(existing, balances=_put(existing.balances, reply, _id))
        case BalanceLimit():
            owners = {each.id: each.balance_definition_id for each in existing.limits}
            owner = reply.balance_definition_id or owners.get(reply.id)
            reply = reply.model_copy(update={"balance_definition_id": owner})
            return replace(existing, limits=_put(existing.limits, reply, _id))
        case CreatedReward():
            reward = Reward(
                id=reply.id,
                name=reply.name,
                public_name=reply.public_name,
                public_description=reply.public_description,
                public_image=reply.public_image,
            )
            return replace(existing, rewards=_put(existing.rewards, reward, _id))
        case TierGroup():
            return replace(existing, groups=_put(existing.groups, reply, _id))
        case Tier():
            return replace(existing, tiers=_put(existing.tiers, reply, lambda tier: tier.tier_id))
        case _:
            return existing


def _id(item: Any) -> str:
    found: str = item.id
    return found


def _put(
    items: tuple[ItemT, ...], new: ItemT, identity: Callable[[ItemT], str]
) -> tuple[ItemT, ...]:
    """`items` with `new` in the place of what has its id, or at the end."""
    if any(identity(item) == identity(new) for item in items):
        return tuple(new if identity(item) == identity(new) else item for item in items)
    return (*items, new)


def touched(spec: ProgramSpec, existing: Existing) -> dict[str, Any]:
    """The ids and last updates of what the description names: a plan rests on them."""
    program = existing.program
    names: dict[str, tuple[Iterable[Any], set[str]]] = {
        "balances": (existing.balances, {key(each.name) for each in spec.balances}),
        "rewards": (existing.rewards, {key(each.name) for each in spec.rewards}),
        "tier groups": (existing.groups, {key(each.name) for each in spec.tier_groups}),
        "tiers": (
            existing.tiers,
            {key(tier.name) for group in spec.tier_groups for tier in group.tiers},
        ),
    }
    facts: dict[str, Any] = {"program": None if program is None else _stamp(program)}
    for kind, (items, keys) in names.items():
        facts[kind] = sorted(_stamp(item) for item in items if key(item.name) in keys)
    facts["limits"] = sorted(_stamp(limit) for limit in existing.limits)
    return facts


def last_change(existing: Existing) -> datetime | None:
    """When a part of a program was changed last, as far as it tells."""
    parts: tuple[Any, ...] = (
        *(() if existing.program is None else (existing.program,)),
        *existing.balances,
        *existing.limits,
        *existing.groups,
        *existing.tiers,
    )
    return max((part.updated_at for part in parts if part.updated_at is not None), default=None)


def _stamp(item: Any) -> str:
    updated = item.updated_at
    moment = updated.isoformat() if hasattr(updated, "isoformat") else str(updated)
    return f"{getattr(item, 'tier_id', None) or item.id} {moment}"
