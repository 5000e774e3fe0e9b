"""Results and errors as short text that a model can rely on."""

import json
import re
import secrets
import unicodedata
from decimal import Decimal

FENCE_LENGTH = 80
UNSAFE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""Control characters, and those that hide text or turn its direction."""


def cleaned(text: str) -> str:
    """`text` without characters that are not seen."""
    return UNSAFE.sub("", unicodedata.normalize("NFC", text))


def quoted(text: str) -> str:
    """Text from outside, inside a line: a JSON string of at most 80 characters."""
    text = cleaned(text)
    if len(text) > FENCE_LENGTH:
        text = text[: FENCE_LENGTH - 1] + "…"
    return json.dumps(text, ensure_ascii=False)


def fenced(text: str) -> str:
    """Longer text from outside, between two lines with a mark it cannot know."""
    mark = secrets.token_hex(8)
    return f"<data {mark}>\n{cleaned(text)}\n</data {mark}>"


def amount_text(amount: Decimal, unit: str) -> str:
    """An amount with its unit: `1,250 points`, `1 point`, `12.5 EUR`."""
    if unit == "points" and abs(amount) == 1:
        unit = "point"
    text = f"{amount:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
