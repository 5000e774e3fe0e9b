"""JSON with exact numbers: decimals are written digit by digit and read back unchanged."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

SIGN: Final = "\ue000"
"""A private-use character. Text that begins with it is written with one more of it."""

MARK: Final = f"{SIGN}number:"
"""Marks a number that is written as text."""

MARKED: Final = re.compile(rf'"{MARK}([^"]*)"')


def exact_json(value: Any) -> str:
    """Write `value` as JSON, decimals exact and keys sorted, so that equal values give equal text.

    Args:
        value: mappings, sequences, text, numbers, decimals, datetimes and pydantic models.
    """
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    return MARKED.sub(r"\1", text)


def read_exact_json(text: str) -> Any:
    """Read JSON with every fractional number as a decimal."""
    return _unescaped(json.loads(text, parse_float=Decimal))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else MARK + _digits(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(exclude_none=True))
    if isinstance(value, Mapping):
        return {_escaped(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, set | frozenset) else items
    return value


def _digits(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0")


def _escaped(text: str) -> str:
    return SIGN + text if text.startswith(SIGN) else text


def _unescaped(value: Any) -> Any:
    if isinstance(value, str):
        return value[1:] if value.startswith(SIGN) else value
    if isinstance(value, dict):
        return {_unescaped(key): _unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    return value
