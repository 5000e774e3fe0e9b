"""What a card sends back as the confirmation of a call: a yes, with what was typed, or a no."""

from dataclasses import dataclass
from typing import Final

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Reaction

DECLINE: Final = "decline:"
"""What a no begins with; the confirmation follows."""

TYPED: Final = ":"
"""What stands between the confirmation and what the person typed."""

SAID_NO: Final = "the person said no in the card"
NEW_PREVIEW: Final = "The earlier preview no longer holds, so this is a new one."


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """The answer of a person in a card.

    Args:
        confirmation: the secret that the card was given.
        reaction: what the person decided.
    """

    confirmation: str
    reaction: Reaction


def read_card_answer(said: str) -> CardAnswer:
    """Read what a card sent as a confirmation.

    A confirmation alone is a yes, `CONFIRMATION:TEXT` a yes with what was typed, and
    `decline:CONFIRMATION` a no. A confirmation is hexadecimal, so it holds no colon.
    """
    if said.startswith(DECLINE):
        return CardAnswer(said.removeprefix(DECLINE), Reaction(agreed=False, why_not=SAID_NO))
    confirmation, colon, typed = said.partition(TYPED)
    return CardAnswer(confirmation, Reaction(agreed=True, typed=typed if colon else None))


def wrongly_typed(expected: str | None) -> Refused:
    """The error for a yes without what has to be typed, which the same card can give again."""
    return Refused(
        f"Type {quoted(expected or '')} as the preview shows it, and agree again; nothing was "
        "changed."
    )
