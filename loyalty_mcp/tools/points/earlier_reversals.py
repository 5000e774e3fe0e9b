"""Reversals that this journal knows: no transaction is undone twice."""

from loyalty_mcp.errors import Refused
from loyalty_mcp.intents.lifecycle import COUNTS_TOWARD_CAPS, Intent, reversal_reference
from loyalty_mcp.tools.context import Context


async def refuse_second_reversal(context: Context, transaction_id: str) -> None:
    """Refuse to undo what an intent of this journal undid, or may have.

    Raises:
        Refused: which intent, and how it stands.
        JournalUnavailable: the journal cannot be read.
    """
    journal, reference = context.journal.open(), reversal_reference(transaction_id)
    for intent in await journal.referring_to(context.account, reference, COUNTS_TOWARD_CAPS):
        raise second_reversal(intent)


def second_reversal(earlier: Intent) -> Refused:
    """The refusal to undo what an earlier intent undid, or may have."""
    how = "was reversed already" if earlier.state == "applied" else "may have been reversed"
    return Refused(
        f"That transaction {how} by intent {earlier.id} of {earlier.created_at:%Y-%m-%d %H:%M} "
        "UTC; check_intent tells what became of it."
    )
