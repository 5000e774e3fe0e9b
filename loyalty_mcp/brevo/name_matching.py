"""Matching of given names and ids with existing objects."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from loyalty_mcp.brevo.quoting import cleaned, quoted
from loyalty_mcp.errors import AmbiguousReference, UnknownReference

NAMED: Final = 5
"""The number of candidates that an error names."""

SIMILAR: Final = 0.5
"""How similar a name must be for an error to name it; 1 means equal."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that a reference may mean."""

    id: str
    name: str


def folded(text: str) -> str:
    """`text` normalised to compare names: NFKC, without case, invisible and extra characters."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(cleaned(" ".join(text.split())).split())


def choose(
    kind: str, said: str | None, candidates: Sequence[Candidate], where: str = ""
) -> Candidate:
    """The candidate with a name or id.

    Args:
        kind: the kind of candidates, for the error.
        said: an id or a name; None for the only candidate.
        candidates: all existing objects.
        where: follows the kind in an error, such as " in the draft".

    Raises:
        UnknownReference: none matches; the error names the nearest.
        AmbiguousReference: several match, or there are several and none was named.
    """
    if said is None:
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise UnknownReference(f"There is no {kind}{where} yet.")
        raise AmbiguousReference(f"There are several; give {kind}: {names_of(candidates)}.")
    wanted = folded(said)
    for candidate in candidates:
        if folded(candidate.id) == wanted:
            return candidate
    named = [each for each in candidates if wanted and folded(each.name) == wanted]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(candidate.id for candidate in named[:NAMED])
        raise AmbiguousReference(f"Several have the {kind} name {quoted(said)}; give an id: {ids}.")
    raise UnknownReference(
        f"No {kind}{where} is called {quoted(said.strip())}. {_nearest(wanted, candidates)}"
    )


def _nearest(wanted: str, candidates: Sequence[Candidate]) -> str:
    """The candidates that may be meant: those that contain the words, and similar ones."""
    if not candidates:
        return "There is none yet."
    names = [folded(candidate.name) for candidate in candidates]
    similar = set(get_close_matches(wanted, names, n=NAMED, cutoff=SIMILAR))
    near = [
        candidate
        for candidate, name in zip(candidates, names, strict=True)
        if name in similar or (wanted and wanted in name)
    ]
    return f"Nearest: {names_of(near or candidates)}."


def names_of(candidates: Sequence[Candidate]) -> str:
    """The names of the first candidates, quoted, and the number of the others."""
    listed = ", ".join(quoted(candidate.name) for candidate in candidates[:NAMED])
    left = len(candidates) - NAMED
    return f"{listed} and {left} more" if left > 0 else listed
