"""How the API behaves for this account, as far as it was observed; remembered in the journal."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from loyalty_mcp.tools.context import Context

MARKS_SHOWN: Final = "marks_shown"
HISTORY_LAG: Final = "history_lag_seconds"


@dataclass(frozen=True, slots=True)
class AccountBehaviour:
    """What is known of an account.

    Args:
        marks_shown: whether its history shows the `meta` that a transaction was made with; None as
            long as no transaction of ours was seen.
        history_lag: how much later than its answer a change shows in what is read.
    """

    marks_shown: bool | None = None
    history_lag: timedelta = timedelta()


async def known_facts(context: Context) -> AccountBehaviour:
    """What was observed of this account so far.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    known = await context.journal.open().account_facts.all(context.account)
    marks = known.get(MARKS_SHOWN)
    return AccountBehaviour(
        marks_shown=None if marks is None else marks == "yes",
        history_lag=timedelta(seconds=float(known.get(HISTORY_LAG, 0))),
    )


async def observe_marks(context: Context, shown: Literal["yes", "no"]) -> None:
    """Remember whether a transaction of ours was seen with its mark, or without.

    Raises:
        JournalUnavailable: it cannot be written.
    """
    facts = context.journal.open().account_facts
    known = (await facts.all(context.account)).get(MARKS_SHOWN)
    if known != shown:
        await facts.remember(context.account, MARKS_SHOWN, shown, context.now())
