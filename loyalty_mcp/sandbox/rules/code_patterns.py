"""Voucher codes made from a pattern."""

from collections.abc import Callable
from typing import Final

_CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PATTERN_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH: Final = 10


def generated_code(pattern: str | None, draw: Callable[[int], int]) -> str:
    """Generate a voucher code.

    Args:
        pattern: `#` stands for a digit, `?` for a letter, anything else for itself; `None` for
            ten unambiguous letters and digits.
        draw: Returns an integer from 0 up to but not including its argument.
    """
    if not pattern:
        return "".join(_CODE_LETTERS[draw(len(_CODE_LETTERS))] for _ in range(_CODE_LENGTH))
    choices = {"#": "0123456789", "?": _PATTERN_LETTERS}
    return "".join(
        choices[mark][draw(len(choices[mark]))] if mark in choices else mark for mark in pattern
    )
