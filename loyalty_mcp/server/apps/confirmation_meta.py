"""What a card gets in addition to an answer: the confirmation, and the call to repeat with it."""

from collections.abc import Mapping
from typing import Any, Final

from loyalty_mcp.guard.confirmation import Envelope

CONFIRMATION_KEY: Final = "loyalty-mcp/confirmation"
CALL_KEY: Final = "loyalty-mcp/call"


def confirmation_meta(
    envelope: Envelope, tool: str, arguments: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The `_meta` of a result that a person decides on in a card; None for other results.

    Args:
        envelope: the guard's answer.
        tool: the tool that was called.
        arguments: as given.
    """
    if envelope.card_confirmation is None:
        return None
    given = {name: value for name, value in arguments.items() if name != "confirmation"}
    return {
        CONFIRMATION_KEY: envelope.card_confirmation,
        CALL_KEY: {"name": tool, "arguments": given},
    }
