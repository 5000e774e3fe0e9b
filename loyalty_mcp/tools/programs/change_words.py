"""Settings of an object in a line: those of a new one, and what changes, old → new."""

from collections.abc import Mapping, Sequence
from typing import Final

from loyalty_mcp.tools.programs.setting_words import NONE, THRESHOLD

USUAL: Final = frozenset({NONE, "no"})
"""Default values that the line of a new object omits."""

PHRASES: Final = frozenset(
    {
        *("members move up", "members move down", "credits are rounded", "debits are rounded"),
        *("shown to members as", "described to members as", "lapses unless completed within"),
        *("the points expire on", "happened on", "lapses on", "valid until", "valid from"),
        *("member since", "created by"),
    }
)
"""Labels that their value goes on: `members move up at once`."""

NOT_OF_NEW: Final = frozenset({"name", "order"})
"""Settings that a new object's line does not repeat."""


def new_details(words: Mapping[str, str]) -> str:
    """Write the settings of a new object; settings without a value are left out."""
    return "; ".join(
        _new_setting(label, value)
        for label, value in words.items()
        if label not in NOT_OF_NEW and value not in USUAL
    )


def _new_setting(label: str, value: str) -> str:
    if label.startswith(THRESHOLD):
        return f"from {value}"
    if not label:
        return value
    return f"{label} {value}" if label in PHRASES else f"{label}: {value}"


def changed_details(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Write each setting that differs, old → new."""
    parts = []
    for label in {**before, **after}:
        old, new = before.get(label, NONE), after.get(label, NONE)
        if old == new:
            continue
        bare = _needs_no_label(label) and NONE not in {old, new}
        parts.append(arrow(old, new) if bare else f"{label}: {arrow(old, new)}")
    return parts


def _needs_no_label(label: str) -> bool:
    return not label or label.startswith(THRESHOLD)


def arrow(old: str, new: str) -> str:
    """Write a change, old → new; a unit that both have is written once."""
    old_amount, _, old_unit = old.partition(" ")
    new_amount, _, new_unit = new.partition(" ")
    if old_unit and old_unit == new_unit and _is_amount(old_amount) and _is_amount(new_amount):
        return f"{old_amount} → {new_amount} {new_unit}"
    return f"{old} → {new}"


def _is_amount(text: str) -> bool:
    return text.replace(",", "").replace(".", "").lstrip("-").isdigit()


def changed_rewards(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Say which rewards a tier keeps, gains and loses."""
    kept = [name for name in after if name in before]
    gained = [name for name in after if name not in before]
    lost = [name for name in before if name not in after]
    return [
        f"{verb} {tier_rewards_text(names)}"
        for verb, names in (("keeps", kept), ("gains", gained), ("loses", lost))
        if names
    ]


def tier_rewards_text(names: Sequence[str]) -> str:
    """Write the rewards of a tier: `reward "gift"`."""
    return f"reward{'' if len(names) == 1 else 's'} {', '.join(names)}"
