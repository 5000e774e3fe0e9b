"""JSON with exact decimal numbers."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from loyalty_mcp.sandbox.errors import Invalid, Malformed

# Texts with NUL are refused, so a marker that begins with NUL is unambiguous.
_MARK: Final = "\x00"
_MARKED: Final = re.compile(r'"\\u0000([0-9Ee+.-]+)"')
_WHOLE_BELOW: Final = Decimal(10**18)


def parse(raw: bytes) -> Any:
    """Parse a JSON document from outside.

    Raises:
        Malformed: It is not JSON in UTF-8, or a number in it is not finite.
        Invalid: A text in it contains NUL or an unpaired surrogate.
    """
    try:
        value = _READER.decode(raw.decode())
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None
    if b"\\u" in raw:
        for text in _texts(value):
            if "\x00" in text or not _is_encodable(text):
                raise Invalid("A string in the body contains a character that is not allowed.")
    return value


def load(stored: str) -> Any:
    """Parse a JSON document from the store."""
    return _LOADER.decode(stored)


def dump(value: Any) -> str:
    """Serialize a JSON document; decimals become exact numbers."""
    text = _WRITER.encode(value)
    return _MARKED.sub(r"\1", text) if '"\\u0000' in text else text


def _number(value: object) -> int | float | str:
    if not isinstance(value, Decimal):
        raise TypeError(type(value).__name__)
    if abs(value) < _WHOLE_BELOW and value == value.to_integral_value():
        return int(value)
    as_float = float(value)
    return as_float if Decimal(repr(as_float)) == value else f"{_MARK}{value}"


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_READER: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
_LOADER: Final = json.JSONDecoder(parse_float=Decimal)
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_number)
