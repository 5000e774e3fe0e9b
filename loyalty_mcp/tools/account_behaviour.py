"""The observed behaviour of the API for this account, stored in the journal."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from loyalty_mcp.tools.context import Context

MARKS_SHOWN: Final = "marks_shown"
HISTORY_LAG: Final = "history_lag_seconds"
DRAFTS_COUNTED: Final = "drafts_counted"
SECOND_COMPLETION: Final = "second_completion"
NEWEST_FIRST: Final = "newest_first"
FILTERS_HONOURED: Final = "filters_honoured"
TTL_UNIT: Final = "ttl_unit"

SecondCompletion = Literal["refused", "ignored", "applied"]
TtlUnit = Literal["seconds", "minutes"]


@dataclass(frozen=True, slots=True)
class AccountBehaviour:
    """What is known about an account; anything that was never tested is as documented by the API.

    Args:
        marks_shown: whether its history shows the `meta` of a transaction; None until a transaction
            of ours was seen.
        history_lag: how long a change takes to appear in reads.
        drafts_counted: whether the shown balances include open drafts.
        second_completion: what happens on a second completion of the same draft.
        newest_first: whether the history is listed newest first.
        ttl_unit: the unit of a draft's ttl.
    """

    marks_shown: bool | None = None
    history_lag: timedelta = timedelta()
    drafts_counted: bool = False
    second_completion: SecondCompletion = "refused"
    newest_first: bool = True
    ttl_unit: TtlUnit = "seconds"


async def known_facts(context: Context) -> AccountBehaviour:
    """The observed behaviour of this account.

    Raises:
        JournalUnavailable: the journal cannot be read.
    """
    known = await context.journal.open().account_facts.all(context.account)
    marks = known.get(MARKS_SHOWN)
    second = known.get(SECOND_COMPLETION)
    return AccountBehaviour(
        marks_shown=None if marks is None else marks == "yes",
        history_lag=timedelta(seconds=float(known.get(HISTORY_LAG, 0))),
        drafts_counted=known.get(DRAFTS_COUNTED) == "yes",
        second_completion=second if second in {"ignored", "applied"} else "refused",  # type: ignore[arg-type] # narrowed by the words
        newest_first=known.get(NEWEST_FIRST) != "no",
        ttl_unit="minutes" if known.get(TTL_UNIT) == "minutes" else "seconds",
    )


async def observe_marks(context: Context, shown: Literal["yes", "no"]) -> None:
    """Store whether a transaction of ours was seen with its mark or without.

    Raises:
        JournalUnavailable: it cannot be written.
    """
    facts = context.journal.open().account_facts
    known = (await facts.all(context.account)).get(MARKS_SHOWN)
    if known != shown:
        await facts.remember(context.account, MARKS_SHOWN, shown, context.now())


async def remember_facts(
    context: Context,
    *,
    marks_shown: bool,
    history_lag: int,
    drafts_counted: bool,
    second_completion: SecondCompletion,
    newest_first: bool,
    filters_honoured: bool,
    ttl_unit: TtlUnit | None,
) -> None:
    """Store the results of a probe, replacing what was known.

    Args:
        context: the clients, the journal and the settings that tools use.
        marks_shown: whether the history shows `meta`.
        history_lag: seconds.
        drafts_counted: whether balances include open drafts.
        second_completion: what happens on a second completion.
        newest_first: whether the history is newest first.
        filters_honoured: whether lists honour their filters.
        ttl_unit: the unit of a ttl; None if the probe could not determine it.

    Raises:
        JournalUnavailable: it cannot be written.
    """
    facts = context.journal.open().account_facts
    found: dict[str, Any] = {
        MARKS_SHOWN: "yes" if marks_shown else "no",
        HISTORY_LAG: str(history_lag),
        DRAFTS_COUNTED: "yes" if drafts_counted else "no",
        SECOND_COMPLETION: second_completion,
        NEWEST_FIRST: "yes" if newest_first else "no",
        FILTERS_HONOURED: "yes" if filters_honoured else "no",
        TTL_UNIT: ttl_unit or "seconds",
    }
    for name, value in found.items():
        await facts.remember(context.account, name, value, context.now())
