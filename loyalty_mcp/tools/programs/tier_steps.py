"""The steps of a plan for tier groups, tiers and their order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loyalty_mcp.brevo.operations.tier_groups import TierGroup, create_tier_group, update_tier_group
from loyalty_mcp.brevo.operations.tiers import AccessCondition, Tier, create_tier, update_tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named, tiers_of
from loyalty_mcp.tools.programs.description import describe_group, describe_tier
from loyalty_mcp.tools.programs.plan_step import (
    NOT_DESCRIBED,
    Action,
    Step,
    changed_settings,
    changes_text,
    equal_settings,
    given_settings,
    keep_step,
    settings_text,
    undescribed,
)
from loyalty_mcp.tools.programs.spec import ProgramSpec, TierGroupSpec, TierSpec, name_key

SCHEDULE_STAYS: Final = "its schedule stays: the API sets a schedule only when it creates the group"


def group_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that make the tier groups as described."""
    for wanted in spec.tier_groups:
        current = find_named("tier group", wanted.name, existing.tier_groups)
        given = given_settings(wanted, "tiers")
        if current is not None:
            yield from _change_group(wanted, current, existing)
            continue
        request = None
        if existing.program is not None:
            request = create_tier_group(
                existing.program.id,
                wanted.name,
                upgrade_strategy=wanted.upgrade,
                downgrade_strategy=wanted.downgrade,
            )
        yield Step("create", "tier_group", wanted.name, settings_text(given), request)
    for other in undescribed(existing.tier_groups, [each.name for each in spec.tier_groups]):
        yield Step("keep", "tier_group", other.name, NOT_DESCRIBED)


def _change_group(
    wanted: TierGroupSpec, current: TierGroup, existing: ProgramConfiguration
) -> Iterator[Step]:
    given, settings = given_settings(wanted, "tiers"), describe_group(current)
    changes = changed_settings(given, settings)
    if not changes:
        yield keep_step("tier_group", wanted.name, given, settings)
        return
    request = _replace_group(current, existing, current.tier_order, changes)
    text = changes_text(changes, settings)
    yield Step("change", "tier_group", wanted.name, text, request)
    if current.upgrade_schedule is not None or current.downgrade_schedule is not None:
        yield Step("manual", "tier_group", wanted.name, SCHEDULE_STAYS)


def _replace_group(
    current: TierGroup,
    existing: ProgramConfiguration,
    order: Sequence[str],
    changes: Mapping[str, Any],
) -> Request[TierGroup] | None:
    """Replace a group; what does not change is sent as it is."""
    if existing.program is None:
        return None
    settings = {**describe_group(current), **changes}
    return update_tier_group(
        existing.program.id,
        current.id,
        current.name,
        tier_order=tuple(order),
        upgrade_strategy=settings.get("upgrade", "real_time"),
        downgrade_strategy=settings.get("downgrade", "real_time"),
        meta=(current.model_extra or {}).get("meta"),
    )


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
        # The API refuses two tiers with one threshold, so a threshold is taken after it is free.
        held = [_threshold(tier, existing) for tier in tiers]
        waits = {each.name for each in wanted.tiers if each.threshold in held}
        yield from sorted(steps, key=lambda step: step.changes and step.name in waits)
        for other in others:
            yield Step("keep", "tier", other.name, NOT_DESCRIBED)


def _refuse_equal_threshold(
    wanted: TierGroupSpec, other: Tier, existing: ProgramConfiguration
) -> None:
    """Refuse a tier that would have the threshold of a tier that is not described and stays.

    Raises:
        InvalidArgument: the thresholds are equal.
    """
    threshold = _threshold(other, existing)
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
        text = f"in {quoted(group_spec.name)}; {settings_text(given)}"
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
    return Step("change", "tier", wanted.name, changes_text(changes, settings), change)


def _comparable(value: Any) -> Any:
    """Return thresholds and rewards without regard to the case and the order of names."""
    if isinstance(value, dict):
        return _by_key(value)
    return sorted(map(name_key, value)) if isinstance(value, list) else value


def _by_key(minimum: Mapping[str, Any]) -> dict[str, Any]:
    return {name_key(name): value for name, value in minimum.items()}


def _threshold(tier: Tier, existing: ProgramConfiguration) -> dict[str, Any]:
    """Return what an existing tier demands, by the key of each balance."""
    return _by_key(describe_tier(tier, existing)["minimum"])


def _tier_fields(
    wanted: TierSpec, current: Tier | None, existing: ProgramConfiguration
) -> dict[str, Any] | None:
    """Return a tier as the arguments of its operations; None while a name has no id yet."""
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


def order_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that put the tiers of each group in order."""
    for wanted in spec.tier_groups:
        group = find_named("tier group", wanted.name, existing.tier_groups)
        tiers = () if group is None else tiers_of(group, existing)
        names = wanted_order(wanted, tiers, existing)
        if len(names) < 2 or not wanted.tiers:
            continue
        ids = {name_key(tier.name): tier.tier_id for tier in tiers}
        order = [ids.get(name_key(name), "") for name in names]
        if group is not None and list(group.tier_order) == order:
            continue
        text = " < ".join(quoted(name) for name in names)
        request = None
        if group is not None and all(order):
            request = _replace_group(group, existing, order, {})
        action: Action = "create" if group is None else "change"
        yield Step(action, "tier_order", wanted.name, text, request)


def wanted_order(
    wanted: TierGroupSpec, tiers: Sequence[Tier], existing: ProgramConfiguration
) -> list[str]:
    """Return the names of a group's tiers, lowest first.

    A tier that is not described goes below the first that demands more of a balance they share.
    """
    order = [(tier.name, tier.threshold) for tier in wanted.tiers]
    others = undescribed(tiers, [each.name for each in wanted.tiers])
    ranks = {} if not others else _ranks(existing)
    for tier in sorted(others, key=lambda each: ranks.get(each.tier_id, len(ranks))):
        threshold = _threshold(tier, existing)
        place = next(
            (
                place
                for place, (_, other) in enumerate(order)
                if any(other[name] > threshold[name] for name in other.keys() & threshold.keys())
            ),
            len(order),
        )
        order.insert(place, (tier.name, threshold))
    return [name for name, _ in order]


def _ranks(existing: ProgramConfiguration) -> dict[str, int]:
    """Return the current place of each tier in its group."""
    return {
        tier_id: place
        for group in existing.tier_groups
        for place, tier_id in enumerate(group.tier_order)
    }
