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
    """A member's total; 0 if the API returns none."""
    return holder.value or Decimal(0)


class BalancePages:
    """The members who have one balance, highest first.

    Positions count from 0 over all pages. A change made during reading can move a member from one
    page to the next.

    Args:
        context: the clients, the journal and the settings that tools use.
        program: its id.
        balance: the id of its definition.
    """

    def __init__(self, context: Context, program: str, balance: str) -> None:
        self._context = context
        self._program = program
        self._balance = balance
        self._kept: dict[int, Sequence[ContactBalance]] = {}
        self._count = 0
        self.requests = 0

    async def count(self) -> int:
        """How many members have the balance, according to the first page.

        Raises:
            RateLimited: the hourly budget is used up.
        """
        # There are too many pages to keep them for the rest of the call.
        self._context.brevo.forget_call()
        await self.page(0)
        return self._count

    async def all(self, count: int) -> AsyncIterator[Sequence[ContactBalance]]:
        """Every page in turn, without keeping them.

        Args:
            count: the number of members, from `count`.

        Raises:
            RateLimited: the rest of the hourly budget is not enough for the other pages.
        """
        pages = ceil(count / MEMBERS_A_PAGE)
        self._context.brevo.require(pages - 1)
        for number in range(pages):
            kept = self._kept.pop(number, None)
            yield await self._read(number) if kept is None else kept
            await report(number + 1, pages, "Reading the members' balances")

    async def page(self, number: int) -> Sequence[ContactBalance]:
        """One page, counted from 0, kept for the next use."""
        if number not in self._kept:
            self._kept[number] = await self._read(number)
        return self._kept[number]

    async def first_position(self, fits: Callable[[Decimal], bool], count: int) -> int:
        """The position of the first member with a matching balance; `count` if there is none.

        A binary search over the pages: 8 requests for 100,000 members.

        Args:
            fits: if true for a balance, it is true for every lower balance.
            count: the number of members, from `count`.
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
        """The members from one position to another, exclusive."""
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
