"""Publishing: what will be different for members, before it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from loyalty_mcp.brevo.operations import programs
from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.brevo.types import Done, ProgramId, Version, plain
from loyalty_mcp.errors import LoyaltyError, OutcomeUnknown, Refused
from loyalty_mcp.intents.lifecycle import Intent, Preparation, Preview
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.members.account import together
from loyalty_mcp.tools.render import label, value_text
from loyalty_mcp.tools.task import guarded

UNSEEN: Final = frozenset({"id", "tier_id", "created_at", "updated_at", "loyalty_program_id"})
"""What members never notice: it differs between versions without any edit."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that publishing changes.

    Args:
        kind: what it is: a balance, a tier, …
        name: its name.
        action: what happens to it, as a verb.
        details: what is different, in words; empty unless changed.
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
    """What differs between what is live and the draft, object by object.

    Args:
        kind: what the objects are called.
        live: as members see them.
        draft: as they will be.
        key: the name of their id.
        names: by id, what else they may mention.
    """
    was = {getattr(item, key): _seen(item, names) for item in live}
    will = {getattr(item, key): _seen(item, names) for item in draft}
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


def _seen(item: BaseModel, names: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = _shown_value(plain(item), names)
    return values


def _shown_value(value: Any, names: Mapping[str, str]) -> Any:
    """A value as a person would say it: by name, and without what nobody notices."""
    if isinstance(value, Mapping):
        return {
            key: _shown_value(inner, names) for key, inner in value.items() if key not in UNSEEN
        }
    if isinstance(value, list):
        return [_shown_value(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def _changes(was: Mapping[str, Any], will: Mapping[str, Any]) -> str:
    names = [name for name in {**was, **will} if was.get(name) != will.get(name)]
    return "; ".join(
        f"{label(name)} {_worded(was.get(name))} → {_worded(will.get(name))}" for name in names
    )


def _worded(value: Any) -> str:
    return "none" if value is None else value_text(value)


async def unpublished(context: Context, program: str) -> list[Difference]:
    """What publishing a program would change for its members.

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


async def prepare(context: Context, *, program: str) -> Preparation:
    """What a person agrees to: every difference between the draft and what is live."""
    context.references.forget()
    found = await unpublished(context, program)
    state = (await context.references.program_now(program)).state
    name = await context.references.name_of("program", program, None)
    first = state != "active"
    summary = f"Publish the draft of program {quoted(name or program)}: " + (
        f"{len(found)} differences for its members." if found else "no difference to what is live."
    )
    warnings = ["This is its first publication: members can be enrolled from then on."] * first
    lines = [difference.text for difference in found]
    return Preparation(
        Preview(
            summary,
            before={"state": state or "unknown"},
            after={"state": "active", "differences": lines},
            warnings=(*warnings, *lines),
        ),
        facts={"state": state, "differences": lines},
    )


async def reconcile(
    context: Context,
    _intent: Intent,
    *,
    may_come: bool,
    program: str,
    **_rest: Any,
) -> Done:
    """Find out by reading whether the draft is live; publishing twice is the same as once.

    Raises:
        Refused: it is not.
        OutcomeUnknown: it may still come.
    """
    context.references.forget()
    state = (await context.brevo.send(programs.get_program(program))).state
    if state == "active" and not await unpublished(context, program):
        return Done(id=program)
    if may_come:
        raise OutcomeUnknown("The draft is not live yet, and it may still become so.")
    raise Refused("The draft is not live.")


@guarded("write", prepare=prepare, reconcile=reconcile, requests=19)
async def publish_program(context: Context, intent: Intent, program: ProgramId) -> Done:
    """Make the draft live; the first publish opens the program."""
    try:
        await context.brevo.send(programs.publish_program(program))
    except OutcomeUnknown as lost:
        try:
            return await reconcile(context, intent, may_come=True, program=program)
        except LoyaltyError:
            raise lost from None
    return Done(id=program)
