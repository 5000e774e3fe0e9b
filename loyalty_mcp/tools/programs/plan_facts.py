"""The facts behind a plan, with every value in full, for the guard to compare."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from loyalty_mcp.brevo.operations.rewards import Reward
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, name_of
from loyalty_mcp.tools.programs.plan_step import Step
from loyalty_mcp.tools.programs.spec import ProgramSpec
from loyalty_mcp.tools.programs.spec_part import name_key
from loyalty_mcp.tools.programs.version_differences import object_id, settings_of


def plan_facts(spec: ProgramSpec, existing: ProgramConfiguration) -> dict[str, Any]:
    """Return the settings of every existing object that a spec describes, by kind and id."""
    names = described_names(spec)
    kinds: dict[str, Iterable[BaseModel]] = {
        "balance": existing.balances,
        "reward": existing.rewards,
        "tier group": existing.tier_groups,
        "tier": existing.tiers,
    }
    facts: dict[str, Any] = {
        kind: {object_id(item): settings_of(item) for item in items if _named(item, names[kind])}
        for kind, items in kinds.items()
    }
    facts["program"] = None if existing.program is None else settings_of(existing.program)
    facts["limit"] = {limit.id: settings_of(limit) for limit in existing.limits}
    return facts


def changed_since(
    facts: Mapping[str, Any],
    spec: ProgramSpec,
    left: Iterable[Step],
    existing: ProgramConfiguration,
) -> list[str]:
    """Return the objects that a plan has yet to change, and that differ from what was agreed.

    Args:
        facts: those of the agreed plan.
        spec: the wanted state.
        left: the steps that still differ from what exists.
        existing: the current objects.
    """
    now = plan_facts(spec, existing)
    found = []
    for step in left:
        kind = step.kind.replace("_", " ")
        if step.action != "change" or kind not in now:
            continue
        if kind in {"program", "limit"}:
            same = now[kind] == facts.get(kind)
        else:
            key = name_key(step.name)
            same = _of_name(now[kind], key) == _of_name(facts.get(kind) or {}, key)
        if not same:
            found.append(step.name)
    return found


def _of_name(settings: Mapping[str, Any], key: str) -> list[Any]:
    return [each for each in settings.values() if name_key(str(each.get("name"))) == key]


def described_names(spec: ProgramSpec) -> dict[str, set[str]]:
    """Return the name keys of the objects that a spec describes, by kind."""
    return {
        "balance": {name_key(each.name) for each in spec.balances},
        "reward": {name_key(each.name) for each in spec.rewards},
        "tier group": {name_key(each.name) for each in spec.tier_groups},
        "tier": {name_key(tier.name) for group in spec.tier_groups for tier in group.tiers},
    }


def settings_by_id(version: ProgramConfiguration) -> dict[str, Any]:
    """Return the settings of every object of a version, by id."""
    return {object_id(item): settings_of(item) for item in version.objects}


def names_of_changed(before: ProgramConfiguration, after: ProgramConfiguration) -> list[str]:
    """Return the names of the objects that differ between two readings of a version."""
    was = {object_id(item): _comparable_object(item) for item in before.objects}
    will = {object_id(item): _comparable_object(item) for item in after.objects}
    found = [
        name_of(item) or "a limit"
        for item in (*after.objects, *before.objects)
        if was.get(object_id(item)) != will.get(object_id(item))
    ]
    return list(dict.fromkeys(found))


def _comparable_object(item: BaseModel) -> Any:
    """Return a value that shows whether an object was edited.

    A reward is compared by the time of its last edit, because one reading may have it from the list
    and another may have read it completely.
    """
    if not isinstance(item, Reward):
        return settings_of(item)
    try:
        return item.name, datetime.fromisoformat(item.updated_at or "")
    except ValueError:
        return item.name, item.updated_at


def _named(item: BaseModel, keys: set[str]) -> bool:
    return name_key(name_of(item)) in keys
