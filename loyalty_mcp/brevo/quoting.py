"""Makes outside text safe to show: without invisible characters, and quoted as data."""

import json
import re
import secrets
import unicodedata
from typing import Final

FENCE_LENGTH: Final = 80
"""Maximum length of a quoted text; the rest is cut off."""

UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories of control characters and of characters that hide or reverse text."""

SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Variation selectors; a sequence of them can hide text."""


def cleaned(text: str) -> str:
    """`text` without invisible characters."""
    text = SELECTORS.sub("", unicodedata.normalize("NFC", text))
    return "".join(char for char in text if unicodedata.category(char) not in UNSEEN)


def quoted(text: str, longest: int = FENCE_LENGTH) -> str:
    """Outside text within a line: a JSON string of at most `longest` characters."""
    text = cleaned(text)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return json.dumps(text, ensure_ascii=False)


def quoted_whole(text: str) -> str:
    """Outside text within a line, not truncated: for values that a person agrees to."""
    return json.dumps(cleaned(text), ensure_ascii=False)


def fenced(text: str) -> str:
    """Longer outside text between two lines with a random mark that it cannot imitate."""
    mark = secrets.token_hex(8)
    return f"<data {mark}>\n{cleaned(text)}\n</data {mark}>"
