"""The way to the journal: opened when a change first needs it, for SQL is slow to load."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loyalty_mcp.intents.journal import Journal


class LazyJournal:
    """Opens the journal once, at its first use.

    Args:
        address: gives the journal's address; asked once.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        self._journal: Journal | None = None

    def open(self) -> "Journal":
        """The journal.

        Raises:
            JournalUnavailable: its place cannot be used.
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
        """Let the database go, if it was ever opened."""
        if self._journal is not None:
            await self._journal.close()
