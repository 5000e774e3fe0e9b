"""Intent ids on the command line: complete, or an unambiguous prefix."""

from typing import TYPE_CHECKING, Final

from loyalty_mcp.errors import AmbiguousReference, UnknownReference

if TYPE_CHECKING:
    from loyalty_mcp.intents.journal import Journal
    from loyalty_mcp.intents.lifecycle import Intent

SHORTEST_PREFIX: Final = 8
"""The length of the ids that `audit show` prints."""


async def intent_named(journal: "Journal", said: str) -> "Intent":
    """The intent with an id, or with a unique prefix of at least eight characters.

    Raises:
        UnknownReference: there is no such intent, or the prefix is too short.
        AmbiguousReference: several ids start with the prefix.
    """
    prefix = said.strip().lower()
    if len(prefix) < SHORTEST_PREFIX:
        raise UnknownReference(
            f"An intent is named by its id, or by at least {SHORTEST_PREFIX} characters of it."
        )
    found = await journal.starting_with(prefix)
    if not found:
        raise UnknownReference("There is no such intent; `loyalty-mcp intents list` names them.")
    if len(found) > 1:
        ids = " and ".join(intent.id for intent in found)
        raise AmbiguousReference(f"Several intents start with that, such as {ids}; give more.")
    return found[0]
