"""The pages of the cards: one HTML file each, with its own style and script."""

import functools
from importlib.resources import files
from typing import Final

NAMES: Final = ("member", "approval", "program")
"""The cards there are."""


@functools.cache
def card_html(name: str) -> str:
    """The page of a card.

    Args:
        name: `member`, `approval` or `program`.

    Raises:
        ValueError: there is no such card.
    """
    if name not in NAMES:
        raise ValueError(f"There is no card {name!r}; there are {', '.join(NAMES)}.")
    return files(__package__).joinpath(f"{name}.html").read_text(encoding="utf-8")
