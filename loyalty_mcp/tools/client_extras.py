"""Arguments that clients add to every call by themselves: they say nothing to a tool."""

from collections.abc import Collection, Mapping
from typing import Any, Final

CLIENT_EXTRAS: Final = frozenset(
    (
        "task_progress",  # Cline: the state of its own to-do list
        "wait_for_previous",  # Gemini CLI: for its own scheduler
        "security_risk",  # OpenHands: what it thinks of the call
        "random_string",  # Cursor: a filler for tools without arguments
        *("toolCallId", "tool_call_id", "sessionId", "chatInput"),  # n8n: of its own chat
    )
)
BESIDE_A_CHAT: Final = frozenset(("action", "tool"))
"""n8n adds these words too, but only together with its own ids; alone they may be a mistake."""

CHAT_IDS: Final = frozenset(("toolCallId", "sessionId", "chatInput"))


def without_client_extras(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The arguments of a call without what its client added.

    Args:
        given: as they arrived.
        known: the tool's own arguments, which are never dropped.
    """
    dropped = CLIENT_EXTRAS | (BESIDE_A_CHAT if CHAT_IDS & given.keys() else frozenset())
    return {name: value for name, value in given.items() if name in known or name not in dropped}
