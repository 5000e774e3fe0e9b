"""What a card sends back: a yes, with what was typed, or a no."""

import pytest

from loyalty_mcp.guard.card_answer import SAID_NO, read_card_answer, wrongly_typed
from loyalty_mcp.guard.confirmation import Reaction


@pytest.mark.parametrize(
    ("said", "confirmation", "reaction"),
    [
        ("abc", "abc", Reaction(agreed=True)),
        ("abc:500", "abc", Reaction(agreed=True, typed="500")),
        ("abc:", "abc", Reaction(agreed=True, typed="")),
        ("abc:Club: Gold", "abc", Reaction(agreed=True, typed="Club: Gold")),
        ("decline:abc", "abc", Reaction(agreed=False, why_not=SAID_NO)),
    ],
)
def test_a_card_answers_by_a_yes_or_a_no(said: str, confirmation: str, reaction: Reaction) -> None:
    """What was typed may hold colons itself."""
    answer = read_card_answer(said)

    assert answer.confirmation == confirmation
    assert answer.reaction == reaction


def test_a_yes_without_what_is_to_be_typed_says_what_is_missing() -> None:
    """The same card can be answered again."""
    assert str(wrongly_typed("500")) == (
        'Type "500" as the preview shows it, and agree again; nothing was changed.'
    )
    assert str(wrongly_typed(None)) == (
        'Type "" as the preview shows it, and agree again; nothing was changed.'
    )
