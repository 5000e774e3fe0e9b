"""An existing program as a program spec."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from loyalty_mcp.brevo.operations.balance_definitions import BalanceDefinition
from loyalty_mcp.brevo.operations.limits import BalanceLimit
from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.operations.rewards import Reward
from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.errors import Refused
from loyalty_mcp.tools.programs.activity_expiry import shown_activity_expiry
from loyalty_mcp.tools.programs.balance_spec import Expiry, LimitSpec
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, name_of, tiers_of
from loyalty_mcp.tools.programs.group_memory import group_meta, own_meta
from loyalty_mcp.tools.programs.setting_words import INTERNAL
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key

ROUNDING: Final = {"down": "lower", "up": "upper", "nearest": "natural"}
"""Spec words to API words."""

SNAP: Final = {"none": "noModification", "start": "startOfPeriod", "end": "endOfPeriod"}
"""Spec words to API words."""

ROUNDING_WORDS: Final = {wire: word for word, wire in ROUNDING.items()}
SNAP_WORDS: Final = {wire: word for word, wire in SNAP.items()}


def describe(existing: ProgramConfiguration) -> dict[str, Any]:
    """Return a program as a spec; anything that a spec cannot express is omitted."""
    if existing.program is None:
        return {}
    balances = []
    for definition in sorted(existing.balances, key=_by_name):
        limits = [
            spec.model_dump(mode="json", exclude_none=True)
            for _, (_, spec) in sorted(limits_of(definition.id, existing).items())
        ]
        balance = {"name": definition.name, **describe_balance(definition)}
        balances.append({**balance, "limits": limits} if limits else balance)
    groups = []
    for group in sorted(existing.tier_groups, key=_by_name):
        ranks = {tier_id: place for place, tier_id in enumerate(group.tier_order)}
        tiers = sorted(
            tiers_of(group, existing), key=lambda tier: ranks.get(tier.tier_id, len(ranks))
        )
        described_tiers = [{"name": tier.name, **describe_tier(tier, existing)} for tier in tiers]
        groups.append(
            {
                "name": group.name,
                **describe_group(group, existing.program),
                "tiers": described_tiers,
            }
        )
    rewards = [
        {"name": reward.name, **describe_reward(reward)}
        for reward in sorted(existing.rewards, key=_by_name)
    ]
    program = {"name": existing.program.name, **describe_program(existing.program)}
    parts = {"balances": balances, "rewards": rewards, "tier_groups": groups}
    return {"program": program, **{name: part for name, part in parts.items() if part}}


def spec_of_existing(existing: ProgramConfiguration) -> ProgramSpec:
    """Return the spec of an existing program.

    Raises:
        Refused: two parts share a name, or there are more parts than a spec holds.
    """
    try:
        return ProgramSpec.model_validate(describe(existing))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Refused(
            f"This program cannot be described: {quoted(where)}: "
            f"{problem['msg'].removeprefix('Value error, ')}."
        ) from None


def describe_program(program: Program) -> dict[str, Any]:
    """Return the texts of a program, without what we store in its `meta`."""
    return _filled(
        {
            "description": program.description,
            "document_id": program.document_id,
            "meta": own_meta(program.meta) or None,
        }
    )


def describe_balance(definition: BalanceDefinition) -> dict[str, Any]:
    """Return the settings of a balance; the API writes "no cap" as a cap of 0."""
    expiry = describe_expiry(definition)
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
            "expiry": None if expiry.kind == "never" else expiry_settings(expiry),
            **_describe_meta(definition.meta or {}),
        }
    )


def describe_expiry(definition: BalanceDefinition) -> Expiry:
    """Return when the points of a balance expire."""
    activity = shown_activity_expiry(definition)
    if activity is not None:
        return activity
    value, unit = (
        definition.balance_availability_duration_value,
        definition.balance_availability_duration_unit,
    )
    if value and unit:
        snap = SNAP_WORDS.get(definition.balance_availability_duration_modifier or "", "none")
        return Expiry.model_validate({"kind": "after", "value": value, "unit": unit, "snap": snap})
    if definition.balance_expiration_date:
        return Expiry(kind="fixed", day=definition.balance_expiration_date)
    return Expiry(kind="never")


def expiry_settings(expiry: Expiry) -> dict[str, Any]:
    """Return an expiry as plain settings, so that equal ones are equal."""
    settings = expiry.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in settings.items() if (name, value) != ("snap", "none")}


def _describe_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether an object is internal, and the rest of its `meta`."""
    rest = {name: value for name, value in own_meta(meta).items() if name != INTERNAL}
    return {"internal": meta.get(INTERNAL) is True or None, "meta": rest or None}


def describe_limit(limit: BalanceLimit) -> LimitSpec | None:
    """Return a limit for a spec; None if only Brevo's app can create such a limit."""
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


def limits_of(
    definition_id: str, existing: ProgramConfiguration
) -> dict[str, tuple[BalanceLimit, LimitSpec]]:
    """Return the limits of a balance that a spec can hold, by name."""
    found = {}
    for limit in existing.limits:
        spec = describe_limit(limit) if limit.balance_definition_id == definition_id else None
        if spec is not None:
            found[spec.name] = (limit, spec)
    return found


def describe_reward(reward: Reward) -> dict[str, Any]:
    """Return the texts of a reward."""
    return _filled(
        {
            "public_name": reward.public_name,
            "public_description": reward.public_description,
            "public_image": reward.public_image,
        }
    )


def describe_group(group: TierGroup, program: Program | None) -> dict[str, Any]:
    """Return the settings of a tier group, with its `meta` as stored in the program."""
    return _filled(
        {
            "upgrade": group.upgrade_strategy,
            "downgrade": group.downgrade_strategy,
            **_describe_meta(group_meta(group, program)),
        }
    )


def describe_tier(tier: Tier, existing: ProgramConfiguration) -> dict[str, Any]:
    """Return the settings of a tier, with its balances and rewards by name."""
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
    """Drop the settings that have no value."""
    return {name: value for name, value in settings.items() if value not in (None, "")}


def _by_name(item: BaseModel) -> tuple[str, str]:
    """Sort key for the parts of a program, independent of when they were made."""
    return name_key(name_of(item)), name_of(item)
