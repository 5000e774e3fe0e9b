"""One step of a plan, and its settings in words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.request import Request
from loyalty_mcp.tools.programs.balance_spec import LimitSpec
from loyalty_mcp.tools.programs.configuration import ProgramConfiguration, name_of
from loyalty_mcp.tools.programs.spec_part import name_key

Action = Literal["create", "change", "keep", "manual"]
Kind = Literal["program", "balance", "limit", "reward", "tier_group", "tier", "tier_order"]

AS_DESCRIBED: Final = "as described"
NOT_DESCRIBED: Final = "not described, stays as it is"

ItemT = TypeVar("ItemT", bound=BaseModel)


FollowUp = Callable[[ProgramConfiguration, Any], Request[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan.

    Args:
        action: `create` and `change` send a request; `keep` and `manual` only inform.
        kind: the kind of object.
        name: the object's name, from outside.
        details: the settings or changes, with outside text quoted.
        request: carries out the step; None while the id of an earlier step is missing.
        follow_up: creates the request that completes the step, from the objects after the first
            reply and from that reply.
        limit: for a new limit, the balance definition id and the limit, whose id is stored.
    """

    action: Action
    kind: Kind
    name: str
    details: str
    request: Request[Any] | None = None
    follow_up: FollowUp | None = None
    limit: tuple[str, LimitSpec] | None = None

    @property
    def changes(self) -> bool:
        """Whether the step sends a request."""
        return self.action in {"create", "change"}

    @property
    def identity(self) -> tuple[str, str, str]:
        """The key that identifies the step within a plan."""
        return self.action, self.kind, self.name

    @property
    def text(self) -> str:
        """What the step does, in words."""
        return f"{self.action} {self.kind.replace('_', ' ')} {quoted(self.name)}"


def keep_step(kind: Kind, name: str, wanted: Mapping[str, Any], current: Mapping[str, Any]) -> Step:
    """Return the step of an object that matches; it names the settings that are not described."""
    more = [each.replace("_", " ") for each in current if each not in wanted and current[each]]
    also = f"; not described and kept: {', '.join(more)}" if more else ""
    return Step("keep", kind, name, AS_DESCRIBED + also)


def changing_steps(steps: Iterable[Step]) -> list[Step]:
    """Return the steps that send a request."""
    return [step for step in steps if step.changes]


def undescribed(items: Iterable[ItemT], names: Iterable[str]) -> list[ItemT]:
    """Return the items with none of the names."""
    known = {name_key(name) for name in names}
    return [item for item in items if name_key(name_of(item)) not in known]


def given_settings(part: BaseModel, *without: str) -> dict[str, Any]:
    """Return the settings that a part of a spec gives, except its name."""
    return part.model_dump(mode="json", exclude_none=True, exclude={"name", *without})


def changed_settings(wanted: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wanted settings that differ from the current ones."""
    return {
        name: value
        for name, value in wanted.items()
        if not equal_settings(value, current.get(name))
    }


def equal_settings(one: Any, other: Any) -> bool:
    """Whether two settings are equal; an empty text counts as none."""
    return (None if one == "" else one) == (None if other == "" else other)
