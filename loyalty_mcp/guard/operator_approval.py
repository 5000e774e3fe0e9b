"""The decisions of operators, who approve intents but do not carry them out."""

from datetime import timedelta
from typing import Final, Literal

from loyalty_mcp.errors import OwnIntent, Refused, UnknownReference
from loyalty_mcp.intents.lifecycle import Intent, lapsed
from loyalty_mcp.tools.context import Context

MOST_WAITING: Final = 500
MOST_DECIDED: Final = 50
DECIDED_SHOWN: Final = timedelta(days=7)


async def waiting_intents(context: Context) -> list[Intent]:
    """The intents that an operator can decide on now, by expiry; at most 500."""
    return await context.journal.open().waiting(context.now(), limit=MOST_WAITING)


async def decided(context: Context) -> list[Intent]:
    """The intents that were decided in the last seven days, newest first."""
    since = context.now() - DECIDED_SHOWN
    return await context.journal.open().decided(since, limit=MOST_DECIDED)


async def decide(
    context: Context, intent_id: str, target: Literal["approved", "declined"], operator: str
) -> Intent:
    """Approve an intent that waits for an operator, or decline one that is not agreed to yet.

    Args:
        context: the clients, the journal and the settings that tools use.
        intent_id: which intent.
        target: the decision.
        operator: who decides, as the audit trail shows it.

    Raises:
        UnknownReference: there is no such intent.
        Refused: it no longer waits, or does not wait for an operator.
        OwnIntent: the operator is its caller.
    """
    journal, now = context.journal.open(), context.now()
    intent = await journal.get(intent_id)
    if intent is None:
        raise UnknownReference("There is no such intent.")
    if intent.caller == operator:
        raise OwnIntent("Nobody decides on their own intent.")
    # An operator may decline any waiting intent, but approve only those that wait for an operator.
    if intent.state != "proposed":
        raise Refused(f"That intent does not wait any more; it is {intent.state}.")
    if intent.route != "operator" and target == "approved":
        raise Refused(
            "That intent does not wait for an operator, but for a dialog, a card or a "
            "confirmation; it can only be declined here."
        )
    if lapsed(intent, now):
        await context.reconciler.reconcile(context, intent)
        raise Refused("That intent has expired; the agent can ask again.")
    reason = None if target == "approved" else f"Nothing was changed: {operator} declined."
    if not await journal.move(
        intent.id, "proposed", target, now, agreed_by=operator, reason=reason
    ):
        raise Refused("Somebody else decided at the same moment.")
    return await journal.get(intent_id) or intent


async def close_unknown(
    context: Context,
    intent_id: str,
    outcome: Literal["applied", "not_applied"],
    why: str,
    operator: str,
) -> Intent:
    """Record an outcome that no read can determine, as found out by an operator.

    Args:
        context: the clients, the journal and the settings that tools use.
        intent_id: which intent.
        outcome: what happened.
        why: how the operator knows, for the audit trail.
        operator: who closes it.

    Raises:
        UnknownReference: there is no such intent.
        Refused: its outcome is already known.
    """
    journal, now = context.journal.open(), context.now()
    intent = await journal.get(intent_id)
    if intent is None:
        raise UnknownReference("There is no such intent.")
    if intent.state != "unknown":
        raise Refused(f"Only an intent of unknown outcome is closed; that one is {intent.state}.")
    reason = f"{operator} closed it as {outcome}: {why}"
    if not await journal.move(
        intent.id, "unknown", outcome, now, agreed_by=intent.agreed_by, reason=reason
    ):
        raise Refused("Its outcome was found out at the same moment; show it again.")
    return await journal.get(intent_id) or intent
