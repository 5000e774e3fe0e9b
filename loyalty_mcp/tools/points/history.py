"""A member's transactions, newest first, read only as far as needed."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from loyalty_mcp.brevo.operations.transactions import PastTransaction, list_transaction_history
from loyalty_mcp.brevo.reply_values import read_moment
from loyalty_mcp.errors import OutcomeUnknown, Unavailable
from loyalty_mcp.intents.lifecycle import MARKER, Intent
from loyalty_mcp.tools.account_behaviour import known_facts, observe_marks
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.send_window import earliest_effect

HISTORY_PAGE: Final = 100
"""Transactions per request; the API documents no maximum."""


NEWEST: Final = "newest_transaction"
"""The key under which a preview stores the newest transaction."""


@dataclass(frozen=True, slots=True)
class Place:
    """The transactions of one member in one balance.

    Args:
        program: its id.
        member: contact id.
        balance: the id of its definition.
    """

    program: str
    member: int
    balance: str


def marker_of(transaction: PastTransaction) -> str | None:
    """The intent of a transaction, if it is ours."""
    value = (transaction.meta or {}).get(MARKER)
    return value if isinstance(value, str) else None


async def history_page(
    context: Context, place: Place, *, offset: int = 0, status: Literal["draft"] | None = None
) -> Sequence[PastTransaction]:
    """One page of the history, newest first. If it shows a mark, that is stored for the account.

    Raises:
        LoyaltyError: it cannot be read.
    """
    limit = HISTORY_PAGE
    if not (await known_facts(context)).newest_first:
        offset, limit = await _from_its_end(context, place, offset)
    page = await _read_page(context, place, offset=offset, limit=limit, status=status)
    if status is not None:
        page = [item for item in page if item.status == status]
    if any(marker_of(item) is not None for item in page):
        await observe_marks(context, "yes")
    return page


async def _read_page(
    context: Context, place: Place, *, offset: int, limit: int, status: Literal["draft"] | None
) -> Sequence[PastTransaction]:
    """One page, newest first regardless of the answer's order."""
    request = list_transaction_history(
        place.program,
        place.member,
        place.balance,
        limit=limit,
        offset=offset,
        sort="desc",
        status=status,
    )
    page = (await context.brevo.send(request)).transaction_history
    first, last = (page[0].created_at, page[-1].created_at) if page else (None, None)
    turned = first is not None and last is not None and first < last
    return list(reversed(page)) if turned else page


async def _from_its_end(context: Context, place: Place, offset: int) -> tuple[int, int]:
    """Offset and limit of a page, counted from the end of an oldest-first history.

    Raises:
        Unavailable: the history does not say how long it is.
    """
    request = list_transaction_history(place.program, place.member, place.balance, limit=1)
    count = (await context.brevo.send(request)).count
    if count is None:
        raise Unavailable("The history is oldest first and does not say how long it is.")
    end = max(count - offset, 1)
    start = max(end - HISTORY_PAGE, 0)
    return start, end - start


def newest_of(history: Sequence[PastTransaction]) -> str:
    """The id of the newest transaction of a page; empty if there is none."""
    return history[0].id if history else ""


async def newest_first(
    context: Context, place: Place, *, pages: int | None = None
) -> AsyncIterator[PastTransaction]:
    """The transactions of a balance, drafts included.

    Args:
        context: the clients, the journal and the settings that tools use.
        place: the member and the balance.
        pages: the maximum number of requests; None for the whole history.

    Raises:
        LoyaltyError: the history cannot be read.
    """
    read = 0
    while pages is None or read < pages:
        page = await history_page(context, place, offset=read * HISTORY_PAGE)
        for item in page:
            yield item
        if len(page) < HISTORY_PAGE:
            return
        read += 1


async def find_transaction(
    context: Context,
    place: Place,
    fits: Callable[[PastTransaction], bool],
    *,
    pages: int | None = None,
) -> PastTransaction | None:
    """The newest matching transaction, or None.

    Raises:
        LoyaltyError: the history cannot be read.
    """
    async for item in newest_first(context, place, pages=pages):
        if fits(item):
            return item
    return None


async def find_by_id(
    context: Context, place: Place, transaction_id: str, *, pages: int | None = None
) -> PastTransaction | None:
    """The transaction with this id; if it is ours without a visible mark, that is stored.

    Raises:
        LoyaltyError: the history cannot be read.
    """
    found = await find_transaction(
        context, place, lambda item: item.id == transaction_id, pages=pages
    )
    if found is not None and marker_of(found) is None:
        maker = await context.journal.open().made_by(transaction_id)
        if maker is not None:
            await observe_marks(context, "no")
    return found


async def find_of_intent(
    context: Context, place: Place, intent: Intent, *, pages: int | None = None
) -> PastTransaction | None:
    """The transaction of an intent, by its id in the journal, otherwise by its mark.

    Raises:
        LoyaltyError: the history cannot be read.
    """
    if intent.transaction_id is not None:
        return await find_by_id(context, place, intent.transaction_id, pages=pages)
    return await find_transaction(
        context, place, lambda item: marker_of(item) == intent.id, pages=pages
    )


SEARCHED_PAGES: Final = 5
"""Pages of the newest transactions that are searched for one that could be the intent's."""


async def require_no_unmarked_transaction(context: Context, intent: Intent, place: Place) -> None:
    """Check that no transaction without a visible mark was made.

    A missing mark proves something if this account's history is known to show marks, or if no
    transaction without one was made since the preview.

    Raises:
        OutcomeUnknown: a transaction without a mark could be it.
        LoyaltyError: the history cannot be read.
    """
    if (await known_facts(context)).marks_shown:
        return
    since, seen = earliest_effect(intent), intent.kept.get(NEWEST)
    async for item in newest_first(context, place, pages=SEARCHED_PAGES):
        created = read_moment(item.created_at)
        if item.id == seen or (created is not None and created < since):
            return
        if marker_of(item) is None:
            raise OutcomeUnknown(
                f"Transaction {item.id} could be it: this account's history does not show who "
                "made a transaction. Compare it with the shop; then an operator closes the intent."
            )
