"""The journal's static tokens, read again if the last read is older than a second."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import anyio

from loyalty_mcp.intents.access_token import PREFIX, Token, digest_of
from loyalty_mcp.intents.lazy_journal import LazyJournal

FRESH_SECONDS: Final = 1.0
REREAD_SECONDS: Final = 0.05
"""Minimum time between two reads, however many unknown tokens are presented."""

TOKEN_FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class TokenCache:
    """Looks up static tokens.

    A revoked token must stop working on every replica, so tokens that were read more than a second
    ago are read again. If that fails, nobody is admitted.

    Args:
        journal: holds the tokens.
        now: wall clock, UTC.
        clock: monotonic seconds.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        journal: LazyJournal,
        now: Callable[[], datetime],
        clock: Callable[[], float] = anyio.current_time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._journal = journal
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._tokens: dict[str, Token] = {}
        self._read_at = float("-inf")
        self._reading = anyio.Lock()

    async def find(self, secret: str) -> Token | None:
        """The active token with that secret; None if there is none.

        Raises:
            JournalUnavailable: the tokens cannot be read.
        """
        digest = digest_of(secret)
        await self._refresh()
        if digest not in self._tokens and TOKEN_FORM.fullmatch(secret):
            await self._refresh(older_than=0.0)  # it may have been created in this moment
        token = self._tokens.get(digest)
        return token if token is not None and token.is_active(self._now()) else None

    async def find_by_name(self, name: str) -> Token | None:
        """The active token of that name; None if there is none.

        Raises:
            JournalUnavailable: the tokens cannot be read.
        """
        await self._refresh()
        token = next((token for token in self._tokens.values() if token.name == name), None)
        return token if token is not None and token.is_active(self._now()) else None

    async def any_created(self) -> bool:
        """Whether a token was ever created, active or not.

        Raises:
            JournalUnavailable: the tokens cannot be read.
        """
        await self._refresh()
        return bool(self._tokens)

    async def _refresh(self, older_than: float = FRESH_SECONDS) -> None:
        requested_at = self._clock()
        if requested_at - self._read_at < older_than:
            return
        async with self._reading:
            if requested_at - self._read_at < older_than:
                return  # another request has read them in the meantime
            too_early = self._read_at + REREAD_SECONDS - self._clock()
            if too_early > 0:
                await self._sleep(too_early)
            started_at = self._clock()
            tokens = await self._journal.open().tokens.all()
            self._tokens = {token.digest: token for token in tokens}
            self._read_at = started_at
