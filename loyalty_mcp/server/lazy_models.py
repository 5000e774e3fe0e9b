"""Models that are built when they are first used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter


@contextmanager
def built_on_first_use() -> Iterator[None]:
    """Defer the building of every model that is defined inside.

    For the import of the MCP library: it defines five hundred models, of which a session uses a
    few, and building them all is a fifth of the start.
    """
    usual, adapters = BaseModel.model_config, TypeAdapter.__dict__["_defer_build"]
    BaseModel.model_config = ConfigDict(defer_build=True)
    _adapters_defer(property(lambda _adapter: True))
    try:
        yield
    finally:
        BaseModel.model_config = usual
        _adapters_defer(adapters)


def _adapters_defer(decision: Any) -> None:
    setattr(TypeAdapter, "_defer_build", decision)  # noqa: B010 - no public way for adapters
