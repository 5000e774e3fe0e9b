"""Every operation of the API, one module per group: this list is the table of contents."""

from types import ModuleType
from typing import Any

from loyalty_mcp.operation import Operation
from loyalty_mcp.operations import programs

GROUPS: tuple[ModuleType, ...] = (programs,)

OPERATIONS: dict[str, Operation[..., Any]] = {
    value.name: value
    for group in GROUPS
    for value in vars(group).values()
    if isinstance(value, Operation)
}
"""By name, in the order of their modules."""
