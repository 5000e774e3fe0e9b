"""The steps of a plan for rewards. The API can set only their texts."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from loyalty_mcp.brevo.operations.programs import Program
from loyalty_mcp.brevo.operations.rewards import CreatedReward, Reward, create_reward
from loyalty_mcp.tools.programs.change_words import changed_details, new_details
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, find_named
from loyalty_mcp.tools.programs.description import describe_reward
from loyalty_mcp.tools.programs.plan_step import (
    NOT_DESCRIBED,
    Step,
    changed_settings,
    given_settings,
    keep_step,
    undescribed,
)
from loyalty_mcp.tools.programs.setting_words import other_words
from loyalty_mcp.tools.programs.spec import ProgramSpec, RewardSpec
from loyalty_mcp.tools.programs.spec_part import name_key

NO_VALUE: Final = "the API sets only its texts; set value, codes, rules and dates in Brevo's app"
_TEXTS: Final = frozenset(CreatedReward.model_fields)


def reward_steps(spec: ProgramSpec, existing: ProgramConfiguration) -> Iterator[Step]:
    """Yield the steps that make the rewards as described."""
    for wanted in spec.rewards:
        current = find_named("reward", wanted.name, existing.rewards)
        yield from _reward_step(wanted, current, existing.program)
    for other in undescribed(existing.rewards, [each.name for each in spec.rewards]):
        yield Step("keep", "reward", other.name, NOT_DESCRIBED)


def _reward_step(
    wanted: RewardSpec, current: Reward | None, program: Program | None
) -> Iterator[Step]:
    given = given_settings(wanted)
    if current is None:
        request = None if program is None else create_reward(program.id, wanted.name, **given)
        yield Step("create", "reward", wanted.name, new_details(other_words(given)), request)
        yield Step("manual", "reward", wanted.name, NO_VALUE)
        return
    settings = describe_reward(current)
    changes = changed_settings(given, settings)
    if changes:
        text = f"the API cannot change a reward; in Brevo's app: {_changes(changes, settings)}"
        yield Step("manual", "reward", wanted.name, text)
    else:
        yield keep_step("reward", wanted.name, given, settings)
    if _has_only_texts(current):
        yield Step("manual", "reward", wanted.name, NO_VALUE)


def _changes(changes: Mapping[str, Any], current: Mapping[str, Any]) -> str:
    before = {name: current.get(name) for name in changes}
    return "; ".join(changed_details(other_words(before), other_words(changes)))


def has_texts(reward: RewardSpec) -> bool:
    """Whether a spec says more about a reward than its name."""
    return bool(given_settings(reward))


def differing_rewards(
    spec: ProgramSpec, existing: ProgramConfiguration, created: Collection[str]
) -> list[Step]:
    """Return a step for each reward just created whose texts do not match.

    Args:
        spec: the wanted state.
        existing: the objects as read back.
        created: the name keys of the rewards just created; the API cannot change others.
    """
    found = []
    for wanted in spec.rewards:
        if name_key(wanted.name) not in created:
            continue
        current = find_named("reward", wanted.name, existing.rewards)
        given = given_settings(wanted)
        settings = {} if current is None else describe_reward(current)
        if changes := changed_settings(given, settings):
            text = _changes(changes, settings)
            found.append(Step("change", "reward", wanted.name, text))
    return found


def _has_only_texts(reward: Reward) -> bool:
    """Whether nobody has set anything in Brevo's app that the API cannot set."""
    return all(
        getattr(reward, name) in (None, (), "", 0, False, {})
        for name in Reward.model_fields
        if name not in _TEXTS
    )
