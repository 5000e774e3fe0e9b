"""Whether others publish while a batch runs: seen by one read, and the rules are read anew."""

from datetime import datetime
from math import ceil
from typing import Final

import anyio

from loyalty_mcp.brevo.operations.programs import get_program
from loyalty_mcp.tools.context import Context

ROWS_A_LOOK: Final = 2
"""Rows that share one look at the program."""

LOOK_SECONDS: Final = 5.0
"""A look that is older is not shared: a row may have waited for its turn."""

LOOKS_A_READING: Final = 8
"""Looks after which balances and tiers are read anew even if the program shows no publication."""


READING_REQUESTS: Final = 3
"""Requests in which balances, tiers and tier groups are read."""


def rules_requests(rows: int) -> int:
    """How many requests so many rows take for the rules, if nobody publishes meanwhile."""
    looks = ceil(rows / ROWS_A_LOOK)
    return looks + READING_REQUESTS * ceil(looks / LOOKS_A_READING)


class PublishedRules:
    """The balances and tiers of a program while rows are carried out, never older than a look.

    A program shows when it was last changed. Where that is new, or is not told, what was read of
    its balances and tiers is forgotten, so that the next row is prepared by what is live now.

    Args:
        context: what tools work with.
        program: its id.
    """

    def __init__(self, context: Context, program: str) -> None:
        self._context = context
        self._program = program
        self._shown: datetime | None = None
        self._looks = 0
        self._rows = 0
        self._seen_at = 0.0

    async def look(self) -> None:
        """Look at the program, and forget rules that may be old.

        Raises:
            LoyaltyError: it cannot be read now.
        """
        brevo = self._context.brevo
        brevo.read_members_afresh()
        shown = (await brevo.send(get_program(self._program))).updated_at
        if shown is None or shown != self._shown or self._looks % LOOKS_A_READING == 0:
            brevo.read_afresh()
        self._shown = shown
        self._looks += 1
        self._rows = 0
        self._seen_at = anyio.current_time()

    async def before_row(self) -> None:
        """Look again, unless the last look was a moment ago and serves this row as well.

        Raises:
            LoyaltyError: the program cannot be read now.
        """
        fresh = anyio.current_time() - self._seen_at < LOOK_SECONDS
        if self._rows >= ROWS_A_LOOK or not fresh:
            await self.look()
        self._rows += 1
