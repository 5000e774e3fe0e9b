"""Output on consoles that are not UTF-8: characters that cannot be shown are spelled in ASCII."""

import codecs
import contextlib
import io
import sys
from typing import Any, Final

ERROR_HANDLER: Final = "loyalty-mcp-ascii"
SPELLINGS: Final = {
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{BLACK RIGHT-POINTING TRIANGLE}": ">",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{MIDDLE DOT}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{EURO SIGN}": "EUR",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
}


def spelled_in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replacement for characters that the encoding of a stream lacks, for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(SPELLINGS.get(character, "?") for character in missing), error.end


def never_fail_to_print() -> None:
    """Make standard output and error accept every text, whatever their encoding."""
    codecs.register_error(ERROR_HANDLER, spelled_in_ascii)
    for stream in (sys.stdout, sys.stderr):
        _use_handler(stream)


def _use_handler(stream: Any) -> None:
    # A replaced stream may have no encoding to set.
    if isinstance(stream, io.TextIOWrapper):
        with contextlib.suppress(ValueError, io.UnsupportedOperation):
            stream.reconfigure(errors=ERROR_HANDLER)
