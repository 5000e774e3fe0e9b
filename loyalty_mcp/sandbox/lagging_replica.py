"""A lagging read replica: reads about members see the store as it was some seconds ago."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

COPIES_PER_LAG: Final = 10
"""The number of steps in the lag; a write becomes visible at most one step late."""


class _Copy(NamedTuple):
    taken_until: datetime
    connection: sqlite3.Connection


class LaggingReplica:
    """Copies of the store, each readable once it is `lag` old.

    Writes within one tenth of the lag share a copy, which limits the number of copies.

    Args:
        lag: How long a write stays invisible; zero to disable.
        source: The store's connection; its current state is readable immediately.
    """

    def __init__(self, lag: timedelta, source: sqlite3.Connection) -> None:
        self._lag = lag
        self._copies: list[_Copy] = []
        if lag:
            self._append(source, datetime.min.replace(tzinfo=UTC))

    def record(self, source: sqlite3.Connection, now: datetime) -> None:
        """Record that the store has just changed."""
        if not self._lag:
            return
        step = self._lag / COPIES_PER_LAG
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        taken_until = epoch + ((now - epoch) // step + 1) * step
        if self._copies[-1].taken_until == taken_until:
            self._copies.pop().connection.close()
        self._append(source, taken_until)
        self._forget_before(now)

    def readable(self, now: datetime) -> sqlite3.Connection | None:
        """Return the newest copy that may be read now, or `None` when disabled."""
        if not self._lag:
            return None
        self._forget_before(now)
        return self._copies[0].connection

    def close(self) -> None:
        """Close all copies."""
        while self._copies:
            self._copies.pop().connection.close()

    def _append(self, source: sqlite3.Connection, taken_until: datetime) -> None:
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        copy.row_factory = sqlite3.Row
        source.backup(copy)
        self._copies.append(_Copy(taken_until, copy))

    def _forget_before(self, now: datetime) -> None:
        while len(self._copies) > 1 and self._copies[1].taken_until <= now - self._lag:
            self._copies.pop(0).connection.close()
