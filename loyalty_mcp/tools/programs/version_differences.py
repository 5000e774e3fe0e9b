"""The differences between a program's draft and what is live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Version, plain
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import together
from loyalty_mcp.tools.render import label, value_text

UNSEEN: Final = frozenset({"id", "tier_id", "created_at", "updated_at", "loyalty_program_id"})
"""Facts that differ between versions without any edit."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that publishing changes.

    Args:
        kind: what it is: a balance, a tier, …
        name: its name.
        action: what happens to it, as a verb.
        details: what is different, in words; empty unless it changes.
    """

    kind: str
    name: str
    action: str
    details: str = ""

    @property
    def text(self) -> str:
        """The difference in a line."""
        suffix = f": {self.details}" if self.details else ""
        return f"{self.kind.capitalize()} {quoted(self.name)} {self.action}{suffix}."


def differences(
    kind: str,
    live: Sequence[BaseModel],
    draft: Sequence[BaseModel],
    key: str,
    names: Mapping[str, str],
) -> list[Difference]:
    """Compare what is live with the draft, object by object.

    Args:
        kind: what the objects are called.
        live: as members see them.
        draft: as they will be.
        key: the name of their id.
        names: by id, what else they may mention.
    """
    was = {getattr(item, key): _named_facts(plain(item), names) for item in live}
    will = {getattr(item, key): _named_facts(plain(item), names) for item in draft}
    found = []
    for known in {**was, **will}:
        name = str({**was, **will}[known]["name"])
        if known not in was:
            found.append(Difference(kind, name, "is new"))
        elif known not in will:
            found.append(Difference(kind, name, "goes away"))
        elif was[known] != will[known]:
            found.append(Difference(kind, name, "changes", _changes(was[known], will[known])))
    return found


def _named_facts(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value as a person would say it: by name, without what nobody notices."""
    if isinstance(value, Mapping):
        return {
            key: _named_facts(inner, names) for key, inner in value.items() if key not in UNSEEN
        }
    if isinstance(value, list):
        return [_named_facts(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def _changes(was: Mapping[str, Any], will: Mapping[str, Any]) -> str:
    names = [name for name in {**was, **will} if was.get(name) != will.get(name)]
    return "; ".join(
        f"{label(name)} {_fact_text(was.get(name))} → {_fact_text(will.get(name))}"
        for name in names
    )


def _fact_text(value: Any) -> str:
    return "none" if value is None else value_text(value)


async def unpublished_differences(context: Context, program: str) -> list[Difference]:
    """Return what publishing a program would change for its members.

    Raises:
        LoyaltyError: the configuration cannot be read.
    """
    versions: tuple[Version, Version] = ("active", "draft")
    references = context.references
    live, draft = [
        await together(
            references.balances(program, version),
            references.tier_groups(program, version),
            references.tiers(program, version),
            references.rewards(program, version),
        )
        for version in versions
    ]
    kinds = (("balance", "id"), ("tier group", "id"), ("tier", "tier_id"), ("reward", "id"))
    names: dict[str, str] = {}
    for (_, key), was, will in zip(kinds, live, draft, strict=True):
        names |= {getattr(item, key): item.name for item in (*was, *will)}
    found: list[Difference] = []
    for (kind, key), was, will in zip(kinds, live, draft, strict=True):
        found += differences(kind, was, will, key, names)
    return found
