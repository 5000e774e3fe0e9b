"""The steps of a plan for tier groups and the order of their tiers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.operations.tier_groups import TierGroup, create_tier_group, update_tier_group
from loyalty_mcp.brevo.operations.tiers import Tier
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.tools.programs.change_words import (
    changed_details,
    new_details,
)
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named, tiers_of
from loyalty_mcp.tools.programs.description import describe_group
from loyalty_mcp.tools.programs.group_memory import group_meta, remember_group_meta
from loyalty_mcp.tools.programs.plan_step import (
    NOT_DESCRIBED,
    Action,
    FollowUp,
    Step,
    changed_settings,
    given_settings,
    keep_step,
    undescribed,
)
from loyalty_mcp.tools.programs.setting_words import (
    INTERNAL,
    group_words,
)
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.programs.tier_spec import TierGroupSpec
from loyalty_mcp.tools.programs.tier_steps import threshold_of

SCHEDULE_STAYS: Final = "its schedule stays: the API sets a schedule only when it creates the group"


def group_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that make the tier groups as described."""
    for wanted in spec.tier_groups:
        current = find_named("tier group", wanted.name, existing.tier_groups)
        if current is not None:
            yield from _change_group(wanted, current, existing)
            continue
        meta = _group_meta(wanted, {})
        request = None
        if existing.program is not None:
            request = create_tier_group(
                existing.program.id,
                wanted.name,
                upgrade_strategy=wanted.upgrade,
                downgrade_strategy=wanted.downgrade,
                meta=meta or None,
            )
        follow_up = _remember_meta(meta) if meta else None
        text = new_details(group_words(_planned_group(wanted.model_dump(), meta), {}))
        yield Step("create", "tier_group", wanted.name, text, request, follow_up)
    for other in undescribed(existing.tier_groups, [each.name for each in spec.tier_groups]):
        yield Step("keep", "tier_group", other.name, NOT_DESCRIBED)


def _change_group(
    wanted: TierGroupSpec, current: TierGroup, existing: ProgramConfiguration
) -> Iterator[Step]:
    given = given_settings(wanted, "tiers")
    settings = {"internal": False, **describe_group(current, existing.program)}
    if "meta" in given:
        given["meta"] = {**settings.get("meta", {}), **given["meta"]}
    changes = changed_settings(given, settings)
    if not changes:
        yield keep_step("tier_group", wanted.name, given, settings)
        return
    meta = _group_meta(wanted, group_meta(current, existing.program))
    request = _replace_group(current, existing, current.tier_order, changes, meta)
    before = _planned_group(settings, group_meta(current, existing.program))
    after = _planned_group({**settings, **changes}, meta)
    text = "; ".join(changed_details(group_words(before, {}), group_words(after, {})))
    follow_up = _remember_meta(meta) if {"internal", "meta"}.intersection(changes) else None
    yield Step("change", "tier_group", wanted.name, text, request, follow_up)
    if current.upgrade_schedule is not None or current.downgrade_schedule is not None:
        yield Step("manual", "tier_group", wanted.name, SCHEDULE_STAYS)


def _planned_group(settings: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a group in the spelling of the API."""
    return {
        "upgrade_strategy": settings.get("upgrade"),
        "downgrade_strategy": settings.get("downgrade"),
        "meta": meta,
    }


def _group_meta(wanted: TierGroupSpec, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `meta` of a group; keys that the spec does not name stay."""
    internal = {} if wanted.internal is None else {INTERNAL: wanted.internal}
    return {**current, **(wanted.meta or {}), **internal}


def _remember_meta(meta: Mapping[str, Any]) -> FollowUp:
    """Return the request that stores the `meta` of a group in its program; no read returns it."""

    def request(existing: ProgramConfiguration, group: TierGroup) -> Request[Program]:
        if existing.program is None:
            raise AssertionError("a tier group belongs to a program")
        return remember_group_meta(existing.program, group.id, meta)

    return request


def _replace_group(
    current: TierGroup,
    existing: ProgramConfiguration,
    order: Sequence[str],
    changes: Mapping[str, Any],
    meta: Mapping[str, Any],
) -> Request[TierGroup] | None:
    """Replace a group; unchanged settings are sent as they are."""
    if existing.program is None:
        return None
    settings = {**describe_group(current, existing.program), **changes}
    return update_tier_group(
        existing.program.id,
        current.id,
        current.name,
        tier_order=tuple(order),
        upgrade_strategy=settings.get("upgrade", "real_time"),
        downgrade_strategy=settings.get("downgrade", "real_time"),
        meta=dict(meta) or None,
    )


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
            meta = group_meta(group, existing.program)
            request = _replace_group(group, existing, order, {}, meta)
        action: Action = "create" if group is None else "change"
        yield Step(action, "tier_order", wanted.name, text, request)


def wanted_order(
    wanted: TierGroupSpec, tiers: Sequence[Tier], existing: ProgramConfiguration
) -> list[str]:
    """Return the names of a group's tiers, lowest first.

    A tier that is not described goes below the first tier with a higher threshold in a shared
    balance.
    """
    order = [(tier.name, tier.threshold) for tier in wanted.tiers]
    others = undescribed(tiers, [each.name for each in wanted.tiers])
    ranks = {} if not others else _ranks(existing)
    for tier in sorted(others, key=lambda each: ranks.get(each.tier_id, len(ranks))):
        threshold = threshold_of(tier, existing)
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
    """Return the current position of each tier in its group."""
    return {
        tier_id: place
        for group in existing.tier_groups
        for place, tier_id in enumerate(group.tier_order)
    }
