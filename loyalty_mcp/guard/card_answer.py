"""What a card sends as a confirmation: an agreement with the typed text, or a decline."""

from dataclasses import dataclass
from typing import Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Reaction

DECLINE: Final = "decline:"
"""The prefix of a decline; the confirmation follows."""

TYPED: Final = ":"
"""The separator between the confirmation and the typed text."""

SAID_NO: Final = "the person said no in the card"
NEW_PREVIEW: Final = "The earlier preview no longer holds, so this is a new one."


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """A person's answer in a card.

    Args:
        confirmation: the secret that the card received.
        reaction: the person's decision.
    """

    confirmation: str
    reaction: Reaction


def read_card_answer(said: str) -> CardAnswer:
    """Parse a confirmation that a card sent.

    A confirmation alone agrees, `CONFIRMATION:TEXT` agrees with the typed text, and
    `decline:CONFIRMATION` declines. A confirmation is hexadecimal, so it contains no colon.
    """
    if said.startswith(DECLINE):
        return CardAnswer(said.removeprefix(DECLINE), Reaction(agreed=False, why_not=SAID_NO))
    confirmation, colon, typed = said.partition(TYPED)
    return CardAnswer(confirmation, Reaction(agreed=True, typed=typed if colon else None))


def wrongly_typed(expected: str | None) -> Refused:
    """The error for an agreement without the required text; the same card can be used again."""
    return Refused(
        f"Type {quoted(expected or '')} as the preview shows it, and agree again; nothing was "
        "changed."
    )
