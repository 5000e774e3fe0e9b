"""The differences between the draft and the live version of a program. Pure, and complete."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.intents.lifecycle import MARKER
from loyalty_mcp.tools.programs.change_words import (
    changed_details,
    changed_rewards,
    new_details,
    tier_rewards_text,
)
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, name_of
from loyalty_mcp.tools.programs.setting_words import (
    STAMPS,
    Settings,
    balance_words,
    group_words,
    limit_words,
    other_words,
    reward_names,
    tier_words,
    unit_word,
)

Kind = Literal["balance", "limit", "reward", "tier group", "tier"]
Published = Literal["create", "change", "delete"]
"""What publishing does with an object that members see."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that publishing changes.

    Args:
        kind: the kind of object.
        id: the object's id.
        name: its name; of a limit, the name of its balance.
        details: its settings if it is new, else what changes, in words; empty if it is removed.
        before: all its settings in the live version; None if it is new.
        after: all its settings in the draft; None if it is removed.
    """

    kind: Kind
    id: str
    name: str
    details: str
    before: Settings | None
    after: Settings | None

    @property
    def action(self) -> Published:
        """What publishing does with the object."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "change"

    @property
    def text(self) -> str:
        """The difference in a line."""
        return difference_line(self.action, self.kind, self.name, self.details)

    @property
    def facts(self) -> dict[str, Any]:
        """The difference with every value in full, for the guard to compare."""
        return {
            "kind": self.kind,
            "id": self.id,
            "before": self.before,
            "after": self.after,
        }


def difference_line(action: Published, kind: str, name: str, details: str) -> str:
    """Write one difference in a line."""
    begin = {"create": f"New {kind}", "delete": f"Removed: {kind}", "change": kind.capitalize()}
    return f"{begin[action]} {quoted(name)}{f': {details}' if details else ''}."


def version_differences(
    live: ProgramConfiguration, draft: ProgramConfiguration
) -> tuple[Difference, ...]:
    """Compare every field of every object of two versions of a program.

    Args:
        live: the live version.
        draft: the version after publishing.
    """
    names = _names(live) | _names(draft)
    units = {item.id: unit_word(item.unit) for item in (*live.balances, *draft.balances)}
    only_unit = next(iter(units.values())) if len(units) == 1 else ""

    def limit_details(settings: Settings) -> dict[str, str]:
        return limit_words(settings, units.get(settings.get("balance_definition_id") or "", ""))

    def tier_details(settings: Settings) -> dict[str, str]:
        return tier_words(settings, names, only_unit)

    def group_details(settings: Settings) -> dict[str, str]:
        return group_words(settings, names)

    return (
        *_differences("balance", live.balances, draft.balances, balance_words),
        *_differences("limit", live.limits, draft.limits, limit_details, names),
        *_differences("reward", live.rewards, draft.rewards, other_words),
        *_differences("tier group", live.tier_groups, draft.tier_groups, group_details),
        *_differences("tier", live.tiers, draft.tiers, tier_details, names),
    )


def _names(version: ProgramConfiguration) -> dict[str, str]:
    """Return the names of all objects of a version, by id."""
    items: list[Any] = [*version.balances, *version.rewards, *version.tier_groups]
    names: dict[str, str] = {item.id: item.name for item in items}
    return names | {tier.tier_id: tier.name for tier in version.tiers}


def object_id(item: BaseModel) -> str:
    """Return the id of an object; for a tier its `tier_id`."""
    return str(getattr(item, "tier_id", None) or getattr(item, "id", ""))


def settings_of(item: BaseModel) -> dict[str, Any]:
    """Return all settings of an object as plain JSON, without ids, times and empty values.

    A false flag counts as empty, because the API may write it or omit it.
    """
    values: dict[str, Any] = _settled(item.model_dump(mode="json"))
    return values


UNSEEN: Final = STAMPS | {MARKER}
"""Fields that are not settings: ids, times, and the mark of the intent that created an object."""

_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


def _settled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_empty(
            {key: _settled(each) for key, each in value.items() if key not in UNSEEN}
        )
    return [_settled(each) for each in value] if isinstance(value, list) else value


def without_empty(settings: Settings) -> dict[str, Any]:
    """Return the settings that have a value; a false flag counts as empty."""
    return {
        name: value
        for name, value in settings.items()
        if value not in _EMPTY and value is not False
    }


def _differences(
    kind: Kind,
    live: Sequence[BaseModel],
    draft: Sequence[BaseModel],
    words: Callable[[Settings], dict[str, str]],
    names: Mapping[str, str] | None = None,
) -> Iterator[Difference]:
    was, will = _by_id(live), _by_id(draft)
    for identity in {**was, **will}:
        before = settings_of(was[identity]) if identity in was else None
        after = settings_of(will[identity]) if identity in will else None
        if before == after:
            continue
        item = was.get(identity) or will[identity]
        name = name_of(item)
        if kind == "limit":
            owner = getattr(item, "balance_definition_id", None) or ""
            name = (names or {}).get(owner, owner)
        yield _difference(kind, identity, name, before, after, words, names or {})


def _by_id(items: Sequence[BaseModel]) -> dict[str, BaseModel]:
    return {object_id(item): item for item in items}


def _difference(
    kind: Kind,
    identity: str,
    name: str,
    before: Settings | None,
    after: Settings | None,
    words: Callable[[Settings], dict[str, str]],
    names: Mapping[str, str],
) -> Difference:
    if before is None and after is not None:
        details = new_details(words(after))
        if rewards := reward_names(after, names):
            details = f"{details}; {tier_rewards_text(rewards)}"
        return Difference(kind, identity, name, details, before, after)
    if before is not None and after is not None:
        parts = changed_details(words(before), words(after))
        if kind == "tier":
            parts += changed_rewards(reward_names(before, names), reward_names(after, names))
        parts = parts or changed_details(other_words(before), other_words(after))
        return Difference(kind, identity, name, "; ".join(parts), before, after)
    return Difference(kind, identity, name, "", before, after)
