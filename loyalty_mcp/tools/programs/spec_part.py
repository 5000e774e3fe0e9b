"""Shared parts of a program spec: strict fields, and names that identify objects."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from loyalty_mcp.brevo.quoting import quoted

ItemT = TypeVar("ItemT")
# An existing program is described with Python lists, which strict mode does not accept for tuples.
Several = Annotated[tuple[ItemT, ...], Field(strict=False)]


def name_key(name: str) -> str:
    """Return the form of a name for comparison: without case and surrounding spaces."""
    return name.strip().casefold()


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("a name must not be blank")
    return name


ObjectName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_not_blank)]


class SpecPart(BaseModel):
    """A part of a spec; unknown keys and text instead of numbers are refused.

    Not an `Input`: its names are the keys of the spec, not references to resolve before the call.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    example: ClassVar[str] = ""
    """A small correct part, shown in errors."""


def refuse_duplicates(kind: str, names: Iterable[str], where: str = "") -> None:
    """Refuse a name that is given twice, because it would not identify one object.

    Raises:
        ValueError: names the duplicate.
    """
    seen = set()
    for name in names:
        if name_key(name) in seen:
            raise ValueError(f"{kind} {quoted(name)} is given twice{where}")
        seen.add(name_key(name))
