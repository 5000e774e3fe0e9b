"""The pages of the cards: each is put together as one whole document that loads nothing."""

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
"""The title of each card's document."""

NAMES: Final = tuple(DOCUMENT_TITLES)
"""The cards there are."""

SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "member": ("elements.js", "plots.js", "member.js", "host.js"),
    "approval": ("elements.js", "picture.js", "approval.js", "host.js"),
    "program": ("elements.js", "plots.js", "program.js", "host.js"),
}
"""The parts of each card's script."""


@functools.cache
def card_html(name: str) -> str:
    """The page of a card.

    Its own policy lets the browser run this script and nothing else, and load nothing.

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
    """The page of a card with an answer in it, to be looked at without a host.

    Args:
        name: `member`, `approval` or `program`.
        answer: `result` as the tool answered it (`structuredContent`, `content`); optionally
            `input` (its arguments), `now` (ISO 8601) and `theme` (`light` or `dark`).

    Raises:
        ValueError: there is no such card.
    """
    # A "<" could end the element that holds the answer.
    stored = json.dumps(answer, ensure_ascii=False).replace("<", "\\u003c")
    element = f'<script type="application/json" id="answer">{stored}</script>\n<script>'
    return element.join(card_html(name).rsplit("<script>", 1))


def picture_script() -> str:
    """The script that draws what a change would do, for a page that is no card.

    It defines `picture(preview)`, and does nothing by itself.
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
