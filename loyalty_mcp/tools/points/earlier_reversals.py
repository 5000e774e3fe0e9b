"""Reversals that this journal knows; no transaction is reversed twice."""

from loyalty_mcp.errors import Refused
from loyalty_mcp.intents.lifecycle import COUNTS_TOWARD_CAPS, Intent, reversal_reference
from loyalty_mcp.tools.context import Context


async def refuse_second_reversal(context: Context, transaction_id: str) -> None:
    """Refuse a reversal if another intent of this journal reversed the transaction, or may have.

    Raises:
        Refused: names the intent and its state.
        JournalUnavailable: the journal cannot be read.
    """
    journal, reference = context.journal.open(), reversal_reference(transaction_id)
    for intent in await journal.referring_to(context.account, reference, COUNTS_TOWARD_CAPS):
        raise second_reversal(intent)


def second_reversal(earlier: Intent) -> Refused:
    """The refusal, if an earlier intent has reversed the transaction, or may have."""
    how = "was reversed already" if earlier.state == "applied" else "may have been reversed"
    return Refused(
        f"That transaction {how} by intent {earlier.id} of {earlier.created_at:%Y-%m-%d %H:%M} "
        "UTC; check_intent tells what became of it."
    )
