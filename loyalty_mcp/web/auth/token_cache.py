"""The token book: the journal's tokens as this process last read them, a second ago at most."""

import hmac
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

import anyio

from loyalty_mcp.intents.access_token import PREFIX, Token, digest_of
from loyalty_mcp.intents.lazy_journal import LazyJournal

FRESH_SECONDS: Final = 1.0
LOOKS_RIGHT: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class TokenBook:
    """Looks tokens up.

    A token that was revoked must not hold for long on any replica, so what is older than a second
    is read again; if it cannot be read, nobody is let in.

    Args:
        journal: where the tokens are.
        now: the clock of the calendar.
        clock: seconds that only go forwards.
    """

    def __init__(
        self,
        journal: LazyJournal,
        now: Callable[[], datetime],
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._journal = journal
        self._now = now
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._read_at = float("-inf")
        self._reading = anyio.Lock()

    async def find(self, secret: str) -> Token | None:
        """The token that holds and that `secret` is.

        Raises:
            JournalUnavailable: the tokens cannot be read.
        """
        digest = digest_of(secret)
        await self._refresh()
        if digest not in self._tokens and LOOKS_RIGHT.fullmatch(secret):
            await self._refresh(older_than=0.0)  # it may have been made just now
        # Found by its digest, which a guess does not steer; compared in constant time all the same.
        found = self._tokens.get(digest)
        if found is None or not hmac.compare_digest(found.digest, digest):
            return None
        return found if found.holds(self._now()) else None

    async def named(self, name: str) -> Token | None:
        """The token of that name that holds.

        Raises:
            JournalUnavailable: the tokens cannot be read.
        """
        await self._refresh()
        found = next((token for token in self._tokens.values() if token.name == name), None)
        return found if found is not None and found.holds(self._now()) else None

    async def used(self) -> bool:
        """Whether a token was ever made; what was once closed stays closed.

        Raises:
            JournalUnavailable: the tokens cannot be read.
        """
        await self._refresh()
        return bool(self._tokens)

    async def _refresh(self, older_than: float = FRESH_SECONDS) -> None:
        asked = self._clock()
        if asked - self._read_at < older_than:
            return
        async with self._reading:
            began = self._clock()
            if asked - self._read_at < older_than:
                return  # somebody else has just read it
            found = await self._journal.open().tokens.all()
            self._tokens = {token.digest: token for token in found}
            self._read_at = began
