"""The token book: the journal's tokens as this process last read them, a second ago at most."""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

import anyio

from loyalty_mcp.journal_gate import JournalGate
from loyalty_mcp.token import Token, digest_of

FRESH_SECONDS: Final = 1.0


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
        journal: JournalGate,
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
        await self._refresh()
        digest = digest_of(secret)
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

    async def _refresh(self) -> None:
        if self._clock() - self._read_at < FRESH_SECONDS:
            return
        async with self._reading:
            began = self._clock()
            if began - self._read_at < FRESH_SECONDS:
                return
            found = await self._journal.open().tokens.all()
            self._tokens = {token.digest: token for token in found}
            self._read_at = began
