"""The pages of the cards. Each is a complete document that loads nothing."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

DOCUMENT_TITLES: Final[Mapping[str, str]] = {
    "member": "Loyalty member",
    "approval": "Approval of a change",
    "program": "Loyalty program",
}
"""The document title of each card."""

NAMES: Final = tuple(DOCUMENT_TITLES)
"""The names of the cards."""

SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "member": ("elements.js", "plots.js", "member.js", "host.js"),
    "approval": ("elements.js", "picture.js", "approval.js", "host.js"),
    "program": ("elements.js", "plots.js", "program.js", "host.js"),
}
"""The parts of each card's script."""


@functools.cache
def card_html(name: str) -> str:
    """The page of a card.

    Its content security policy allows only this script, and no loading.

    Args:
        name: `member`, `approval` or `program`.

    Raises:
        ValueError: there is no such card.
    """
    if name not in NAMES:
        raise ValueError(f"There is no card {name!r}; there are {', '.join(NAMES)}.")
    script = _sources(SCRIPTS[name])
    style = _sources(("picture.css", "card.css"))
    return Template(_source("card.html")).substitute(
        title=DOCUMENT_TITLES[name],
        policy=(
            f"default-src 'none'; script-src {_fingerprint(script)}; "
            f"style-src {_fingerprint(style)}; base-uri 'none'; form-action 'none'"
        ),
        style=style,
        script=script,
    )


def filled_card(name: str, answer: Mapping[str, Any]) -> str:
    """The page of a card with an answer in it, for viewing without a host.

    Args:
        name: `member`, `approval` or `program`.
        answer: `result` as answered by the tool (`structuredContent`, `content`); optionally
            `input` (its arguments), `now` (ISO 8601) and `theme` (`light` or `dark`).

    Raises:
        ValueError: there is no such card.
    """
    # A "<" could close the element that contains the answer.
    stored = json.dumps(answer, ensure_ascii=False).replace("<", "\\u003c")
    element = f'<script type="application/json" id="answer">{stored}</script>\n<script>'
    return element.join(card_html(name).rsplit("<script>", 1))


def picture_script() -> str:
    """The script that draws the effect of a change, for pages other than cards.

    It defines `picture(preview)`, and does nothing on its own.
    """
    return _sources(("elements.js", "picture.js"))


def picture_style() -> str:
    """The style of that picture, and the colours of the cards."""
    return _source("picture.css")


def _sources(names: Sequence[str]) -> str:
    return "\n".join(map(_source, names))


def _source(file: str) -> str:
    return files(__package__).joinpath(file).read_text(encoding="utf-8")


def _fingerprint(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
