"""Who has to agree to a change."""

from loyalty_mcp.errors import Refused
from loyalty_mcp.guard.confirmation import Call
from loyalty_mcp.intents.lifecycle import Preparation, Route
from loyalty_mcp.intents.policy import Policy, needs_operator
from loyalty_mcp.settings import Confirm


def route_of(call: Call, preparation: Preparation, policy: Policy, confirm: Confirm) -> Route:
    """Who has to agree to a call.

    In mode `ask`, a dialog is preferred, then a card, then a confirmation in the answer.

    Args:
        call: including whether its client shows dialogs or cards.
        preparation: what the call would do.
        policy: what the operator allows.
        confirm: the server's confirm mode.

    Raises:
        Refused: a dialog is required, but the client has none.
    """
    movement = preparation.total or preparation.movement
    if needs_operator(policy, movement) or confirm == "operator":
        return "operator"
    if confirm == "off" or call.tool.name in policy.approval.without_question:
        return "none"
    if confirm == "token":
        return "token"
    if call.caller.can_ask:
        return "dialog"
    if confirm == "ask":
        return "card" if call.caller.shows_cards else "token"
    raise Refused(
        "This server asks a person in a dialog, and this client shows none; nothing was "
        "changed. The operator can set LOYALTY_MCP_CONFIRM to ask or token."
    )
