"""Build pydantic models on first use instead of on import."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

ADAPTER_SWITCH: Final = "_defer_build"
"""A private pydantic attribute: whether a `TypeAdapter` builds its validator later."""


@contextmanager
def built_on_first_use() -> Iterator[None]:
    """Defer building the models that are defined in this context.

    Used while importing the MCP library, which defines hundreds of models, of which a session uses
    a few. See docs/decisions/lazy-models.md. If pydantic has no such attribute for adapters, they
    are built immediately, and nothing else changes.
    """
    model_config = BaseModel.model_config
    switch = TypeAdapter.__dict__.get(ADAPTER_SWITCH)
    BaseModel.model_config = ConfigDict(defer_build=True)
    if switch is not None:
        _set_adapter_switch(property(lambda _adapter: True))
    try:
        yield
    finally:
        BaseModel.model_config = model_config
        if switch is not None:
            _set_adapter_switch(switch)


def _set_adapter_switch(value: Any) -> None:
    setattr(TypeAdapter, ADAPTER_SWITCH, value)
