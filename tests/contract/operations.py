"""Every operation that the package declares."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final, TypeVar

from loyalty_mcp.brevo import operations
from loyalty_mcp.brevo.operation import Operation

DeclaredT = TypeVar("DeclaredT")


def declared_in(package: ModuleType, kind: type[DeclaredT]) -> Iterator[DeclaredT]:
    """Every value of a type in a package's modules, by name."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, kind):
                yield value


FOUND: Final[dict[str, Operation[..., Any]]] = {
    operation.name: operation for operation in declared_in(operations, Operation)
}

CONTACTS: Final = {
    name: operation
    for name, operation in FOUND.items()
    if operation.describe.__module__.endswith(".contacts")
}
"""Operations of the Contacts API: references and tasks send them; none is a tool."""

OPERATIONS: Final = {name: operation for name, operation in FOUND.items() if name not in CONTACTS}
"""Operations of the Loyalty API: each is a tool."""
