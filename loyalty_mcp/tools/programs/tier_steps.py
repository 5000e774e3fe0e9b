"""The steps of a plan for tiers: thresholds, rewards and images."""

from collections.abc import Iterator, Mapping
from typing import Any

from loyalty_mcp.brevo.operations.tier_groups import TierGroup
from loyalty_mcp.brevo.operations.tiers import AccessCondition, Tier, create_tier, update_tier
from loyalty_mcp.brevo.quoting import quoted, quoted_whole
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.programs.change_words import (
    changed_details,
    changed_rewards,
    new_details,
    tier_rewards_text,
)
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named, tiers_of
from loyalty_mcp.tools.programs.description import describe_tier
from loyalty_mcp.tools.programs.plan_step import (
    NOT_DESCRIBED,
    Step,
    equal_settings,
    given_settings,
    keep_step,
    undescribed,
)
from loyalty_mcp.tools.programs.setting_words import (
    tier_words,
    unit_word,
)
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.programs.tier_spec import TierGroupSpec, TierSpec


def tier_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that make the tiers as described.

    Raises:
        InvalidArgument: a tier would have the threshold of a tier that stays.
    """
    for wanted in spec.tier_groups:
        group = find_named("tier group", wanted.name, existing.tier_groups)
        tiers = () if group is None else tiers_of(group, existing)
        others = undescribed(tiers, [each.name for each in wanted.tiers])
        for other in others:
            _refuse_equal_threshold(wanted, other, existing)
        steps = [
            _tier_step(each, wanted, group, find_named("tier", each.name, tiers), existing)
            for each in wanted.tiers
        ]
        # The API refuses two tiers with the same threshold, so a threshold is used only after it is
        # free.
        held = [threshold_of(tier, existing) for tier in tiers]
        waits = {each.name for each in wanted.tiers if each.threshold in held}
        yield from sorted(steps, key=lambda step: step.changes and step.name in waits)
        for other in others:
            yield Step("keep", "tier", other.name, NOT_DESCRIBED)


def _refuse_equal_threshold(
    wanted: TierGroupSpec, other: Tier, existing: ProgramConfiguration
) -> None:
    """Refuse a tier with the threshold of a tier that is not described and stays.

    Raises:
        InvalidArgument: the thresholds are equal.
    """
    threshold = threshold_of(other, existing)
    for tier in wanted.tiers:
        if tier.threshold == threshold:
            raise InvalidArgument(
                f"Tier {quoted(tier.name)} would have the threshold of tier {quoted(other.name)}, "
                "which exists and is not described, so it stays. Describe it too, or delete it "
                "with delete_tier."
            )


def _tier_step(
    wanted: TierSpec,
    group_spec: TierGroupSpec,
    group: TierGroup | None,
    current: Tier | None,
    existing: ProgramConfiguration,
) -> Step:
    given = given_settings(wanted)
    fields = _tier_fields(wanted, current, existing)
    program = existing.program
    if current is None:
        parts = [f"in {quoted(group_spec.name)}", new_details(_words(given, existing))]
        if wanted.rewards:
            parts.append(tier_rewards_text([quoted_whole(name) for name in wanted.rewards]))
        text = "; ".join(parts)
        request = None
        if program is not None and group is not None and fields is not None:
            request = create_tier(program.id, group.id, wanted.name, **fields)
        return Step("create", "tier", wanted.name, text, request)
    settings = describe_tier(current, existing)
    changes = {
        name: value
        for name, value in given.items()
        if not equal_settings(_comparable(value), _comparable(settings.get(name)))
    }
    if not changes:
        return keep_step("tier", wanted.name, given, settings)
    change = None
    if program is not None and fields is not None:
        change = update_tier(program.id, current.tier_id, current.name, **fields)
    text = "; ".join(_tier_changes(given, settings, existing))
    return Step("change", "tier", wanted.name, text, change)


def _tier_changes(
    given: Mapping[str, Any], settings: Mapping[str, Any], existing: ProgramConfiguration
) -> list[str]:
    """Write the changes of a tier, and which rewards it keeps, gains and loses."""
    before = {name: settings.get(name) for name in given}
    parts = changed_details(_words(before, existing), _words(given, existing))
    rewards = {name_key(name): name for name in settings.get("rewards") or ()}
    wanted = [rewards.get(name_key(name), name) for name in given.get("rewards", rewards.values())]
    return [
        *parts,
        *changed_rewards(
            list(map(quoted_whole, rewards.values())), list(map(quoted_whole, wanted))
        ),
    ]


def _words(settings: Mapping[str, Any], existing: ProgramConfiguration) -> dict[str, str]:
    """Return label and value of each setting of a tier in a spec."""
    units = {name_key(item.name): unit_word(item.unit) for item in existing.balances}
    only_unit = next(iter(units.values())) if len(units) == 1 else ""
    names = {name_key(item.name): item.name for item in existing.balances}
    conditions = [
        {"balance_definition_id": name_key(name), "minimum_value": least}
        for name, least in (settings.get("minimum") or {}).items()
    ]
    known = names | {
        name_key(name): names.get(name_key(name), name) for name in settings.get("minimum") or {}
    }
    api = {"access_conditions": conditions, "image_ref": settings.get("image")}
    return tier_words(api, known, only_unit)


def _comparable(value: Any) -> Any:
    """Return thresholds and rewards in a form that ignores case and order of names."""
    if isinstance(value, dict):
        return _by_key(value)
    return sorted(map(name_key, value)) if isinstance(value, list) else value


def _by_key(minimum: Mapping[str, Any]) -> dict[str, Any]:
    return {name_key(name): value for name, value in minimum.items()}


def threshold_of(tier: Tier, existing: ProgramConfiguration) -> dict[str, Any]:
    """Return the thresholds of an existing tier, by the key of each balance."""
    return _by_key(describe_tier(tier, existing)["minimum"])


def _tier_fields(
    wanted: TierSpec, current: Tier | None, existing: ProgramConfiguration
) -> dict[str, Any] | None:
    """Return a tier as the arguments of its operations; None while a name has no id."""
    balances = [
        (find_named("balance", name, existing.balances), least)
        for name, least in wanted.minimum.items()
    ]
    if wanted.rewards is None:
        kept = () if current is None else current.tier_rewards
        rewards = [each.reward_id for each in kept if each.reward_id is not None]
    else:
        found = [find_named("reward", name, existing.rewards) for name in wanted.rewards]
        rewards = [each.id for each in found if each is not None]
        if len(rewards) < len(found):
            return None
    conditions = [
        AccessCondition(balance=definition.id, minimum_value=least)
        for definition, least in balances
        if definition is not None
    ]
    if len(conditions) < len(balances):
        return None
    image = wanted.image if current is None or wanted.image else current.image_ref
    return {
        "access_conditions": tuple(conditions),
        "tier_rewards": tuple(rewards),
        "image_ref": image,
    }
