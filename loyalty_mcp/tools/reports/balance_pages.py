"""Every member's total of one balance, highest first, read page by page."""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from math import ceil
from typing import Final

from loyalty_mcp.brevo.operations.balances import ContactBalance, list_contact_balances
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.progress import report

MEMBERS_A_PAGE: Final = 500


def value_of(holder: ContactBalance) -> Decimal:
    """A member's total; nothing said means nothing held."""
    return holder.value or Decimal(0)


class BalancePages:
    """The members who hold one balance, sorted by it, highest first.

    Positions count from 0, over all pages. A change made while pages are read can move a member
    from one page to the next.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        balance: its definition's id.
    """

    def __init__(self, context: Context, program: str, balance: str) -> None:
        self._context = context
        self._program = program
        self._balance = balance
        self._kept: dict[int, Sequence[ContactBalance]] = {}
        self._count = 0
        self.requests = 0

    async def count(self) -> int:
        """How many members hold the balance, as the first page tells it.

        Raises:
            RateLimited: the hour's budget is spent.
        """
        # Pages are too many to keep for the rest of the call.
        self._context.brevo.forget_call()
        await self.page(0)
        return self._count

    async def all(self, count: int) -> AsyncIterator[Sequence[ContactBalance]]:
        """Every page in turn; none is kept.

        Args:
            count: how many members there are, from `count`.

        Raises:
            RateLimited: what is left of the hour's budget does not suffice for the other pages.
        """
        pages = ceil(count / MEMBERS_A_PAGE)
        self._context.brevo.require(pages - 1)
        for number in range(pages):
            kept = self._kept.pop(number, None)
            yield await self._read(number) if kept is None else kept
            await report(number + 1, pages, "Reading the members' balances")

    async def page(self, number: int) -> Sequence[ContactBalance]:
        """One page, counted from 0, kept for the next time."""
        if number not in self._kept:
            self._kept[number] = await self._read(number)
        return self._kept[number]

    async def first_position(self, fits: Callable[[Decimal], bool], count: int) -> int:
        """The position of the first member whose balance fits; `count` if nobody's does.

        The pages are halved until the one is found where it happens: 8 requests for 100,000
        members.

        Args:
            fits: true of every balance that is lower than one of which it is true.
            count: how many members there are, from `count`.
        """
        low, high = 0, ceil(count / MEMBERS_A_PAGE)
        while low < high:
            middle = (low + high) // 2
            holders = await self.page(middle)
            if not holders or fits(value_of(holders[0])):
                high = middle
            elif not fits(value_of(holders[-1])):
                low = middle + 1
            else:
                within = bisect_left(holders, True, key=lambda each: fits(value_of(each)))
                return middle * MEMBERS_A_PAGE + within
        return min(low * MEMBERS_A_PAGE, count)

    async def between(self, first: int, end: int) -> list[ContactBalance]:
        """The members from one position to another, the last not included."""
        found: list[ContactBalance] = []
        for number in range(first // MEMBERS_A_PAGE, ceil(end / MEMBERS_A_PAGE)):
            start = number * MEMBERS_A_PAGE
            found += (await self.page(number))[max(first - start, 0) : end - start]
        return found

    async def _read(self, number: int) -> Sequence[ContactBalance]:
        request = list_contact_balances(
            self._program,
            self._balance,
            limit=MEMBERS_A_PAGE,
            offset=number * MEMBERS_A_PAGE,
            sort="desc",
            sort_field="value",
            include_internal=True,
        )
        reply = await self._context.brevo.send(request)
        self.requests += 1
        self._count = reply.count or len(reply.balances)
        return reply.balances
