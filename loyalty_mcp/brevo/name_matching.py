"""Names and ids that a person gives, matched with what there is."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from loyalty_mcp.brevo.quoting import cleaned, quoted
from loyalty_mcp.errors import AmbiguousReference, UnknownReference

NAMED: Final = 5
"""How many candidates an error names."""

SIMILAR: Final = 0.5
"""How similar a name must be to be named in an error; 1 is equal."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a reference may mean."""

    id: str
    name: str


def folded(text: str) -> str:
    """`text` as names are compared: NFKC, without case, invisible characters and extra blanks."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(cleaned(" ".join(text.split())).split())


def choose(
    kind: str, said: str | None, candidates: Sequence[Candidate], where: str = ""
) -> Candidate:
    """The candidate that `said` means, by id or by name.

    Args:
        kind: what the candidates are, for the error.
        said: an id or a name; None means the only candidate.
        candidates: all there are.
        where: follows the kind in an error, such as " in the draft".

    Raises:
        UnknownReference: none fits; the nearest are named.
        AmbiguousReference: several fit, or there are several and nothing was said.
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
    """The candidates that may have been meant: those that hold the words, and similar ones."""
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
    """The names of the first candidates, quoted, and how many more there are."""
    listed = ", ".join(quoted(candidate.name) for candidate in candidates[:NAMED])
    left = len(candidates) - NAMED
    return f"{listed} and {left} more" if left > 0 else listed
