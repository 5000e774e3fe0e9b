"""The arguments of a replacement: the given ones, and the current settings for the others."""

from collections.abc import Mapping
from typing import Any, Final

from loyalty_mcp.brevo.operation import Operation
from loyalty_mcp.brevo.operations.tiers import AccessCondition
from loyalty_mcp.brevo.types import plain
from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.tools.programs.group_memory import MEMORY_KEYS
from loyalty_mcp.tools.programs.updated_object import UpdatedObject
from loyalty_mcp.tools.programs.version_differences import without_empty

NAMED_OBJECT: Final = frozenset({"program", "balance", "tier", "tier_group", "limit_id"})
"""Arguments that identify the object; all others are settings."""

DURATION: Final = (
    *("balance_availability_duration_value", "balance_availability_duration_unit"),
    "balance_availability_duration_modifier",
)
DAY: Final = "balance_expiration_date"
CAPS: Final = ("max_amount", "max_credit_amount_limit", "max_debit_amount_limit")
"""Settings for which the API may write 0 for "none"."""

NO_DAY: Final = ""
"""Removes the day of expiry; omitting it may not."""


def merged_arguments(
    operation: Operation[..., Any], found: UpdatedObject, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments that replace an object, keeping settings that the call omits.

    Args:
        operation: replaces the object.
        found: the current object.
        arguments: of the call, with `clear`: the settings to empty.

    Raises:
        InvalidArgument: a setting is both given and cleared.
    """
    clear = set(arguments.get("clear") or ())
    given = {
        name: value
        for name, value in arguments.items()
        if name != "clear" and value is not None and name in operation.parameters
    }
    for name in clear:
        if given.get(name) is not None:
            raise InvalidArgument(f"Argument {name} is both given and cleared.", argument="clear")
    if clear.intersection(DURATION) or given.get(DAY):
        clear |= {name for name in DURATION if name not in given}
    if any(name in given for name in DURATION):
        clear.add(DAY)
    merged = {**_current_arguments(operation, found), **given}
    merged |= {name: _emptied(name) for name in clear}
    if "meta" in operation.parameters:
        merged["meta"] = _merged_meta(found, given.get("meta"), cleared="meta" in clear)
    if DAY in operation.parameters and not merged.get(DAY):
        merged[DAY] = NO_DAY if found.settings.get(DAY) else None
    return {name: merged[name] for name in operation.parameters}


def _current_arguments(operation: Operation[..., Any], found: UpdatedObject) -> dict[str, Any]:
    """Return the settings of an object as the arguments of its replacement."""
    names = [name for name in operation.parameters if name not in NAMED_OBJECT]
    current = {name: found.arguments.get(name) for name in names}
    return {name: None if name in CAPS and value == 0 else value for name, value in current.items()}


def _emptied(name: str) -> Any:
    """Return the value that empties a setting."""
    return {"tier_rewards": (), "sliding_schedule": False, "description": ""}.get(name)


def _merged_meta(
    found: UpdatedObject, given: Mapping[str, Any] | None, *, cleared: bool
) -> dict[str, Any] | None:
    """Return the `meta`: given keys are set, others stay, and null removes a key.

    The data that we store in it always stays.
    """
    current = found.arguments.get("meta") or {}
    memory = {name: value for name, value in current.items() if name in MEMORY_KEYS}
    kept = {} if cleared else current
    set_keys = {name: value for name, value in (given or {}).items() if name not in MEMORY_KEYS}
    merged = {**kept, **set_keys, **memory}
    found_keys = {name: value for name, value in merged.items() if value is not None}
    return found_keys if found_keys or current else None


def planned_settings(found: UpdatedObject, merged: Mapping[str, Any]) -> dict[str, Any]:
    """Return the future settings of an object, in the form of its current settings."""
    after = dict(found.settings)
    for name, value in merged.items():
        if name not in found.arguments:
            continue
        match name, value:
            case "access_conditions", tuple():
                after[name] = [_condition(each) for each in value]
            case "tier_rewards", tuple():
                after[name] = [{"reward_id": each} for each in value]
            case _:
                after[name] = plain(value)
    return without_empty(after)


def _condition(condition: AccessCondition) -> dict[str, Any]:
    return {
        "balance_definition_id": condition.balance,
        "minimum_value": condition.minimum_value,
    }
