"""Arguments that clients add to every call on their own, and that tools ignore."""

from collections.abc import Collection, Mapping
from typing import Any, Final

CLIENT_EXTRAS: Final = frozenset(
    (
        "task_progress",  # Cline: the state of its to-do list
        "wait_for_previous",  # Gemini CLI: for its own scheduler
        "security_risk",  # OpenHands: its reasoning about the call
        "random_string",  # Cursor: a placeholder for tools without arguments
        *("toolCallId", "tool_call_id", "sessionId", "chatInput"),  # n8n: for its chat
    )
)
BESIDE_A_CHAT: Final = frozenset(("action", "tool"))
"""n8n also adds these, but only together with its ids; on their own they may be a mistake."""

CHAT_IDS: Final = frozenset(("toolCallId", "sessionId", "chatInput"))


def without_client_extras(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The arguments of a call without those that its client added.

    Args:
        given: as received.
        known: the tool's own arguments, which are never dropped.
    """
    dropped = CLIENT_EXTRAS | (BESIDE_A_CHAT if CHAT_IDS & given.keys() else frozenset())
    return {name: value for name, value in given.items() if name in known or name not in dropped}
