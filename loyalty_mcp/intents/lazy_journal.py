"""Access to the journal, opened when a change first needs it, because SQL is slow to load."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loyalty_mcp.intents.journal import Journal


class LazyJournal:
    """Opens the journal once, at its first use.

    Args:
        address: returns the journal's address; called once.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        self._journal: Journal | None = None

    def open(self) -> "Journal":
        """The journal.

        Raises:
            JournalUnavailable: its location cannot be used.
        """
        if self._journal is None:
            from loyalty_mcp.intents.journal import Journal  # noqa: PLC0415 - costs a sixth of a second

            self._journal = Journal(self._address())
        return self._journal

    @property
    def in_use(self) -> bool:
        """Whether the journal has been opened."""
        return self._journal is not None

    async def close(self) -> None:
        """Close the journal, if it was opened."""
        if self._journal is not None:
            await self._journal.close()
