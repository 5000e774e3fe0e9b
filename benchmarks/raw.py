"""The rows that the engine writes for a movement, written by nobody but SQLite."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

REASON = '{"reason":"benchmark"}'


class Raw:
    """One thread on a file of the engine, with the same durability.

    Args:
        file: by `crowd.founded`.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = FULL")
        (mode,) = self._connection.execute("PRAGMA journal_mode").fetchone()
        assert mode == "wal", mode
        sql = "SELECT member, definition FROM balances ORDER BY member DESC LIMIT 64"
        self._balances = self._connection.execute(sql).fetchall()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def pairs(self, seconds: float) -> float:
        """Pairs a second: a draft is committed, and then its completion."""
        return self._rate(seconds, self._pair)

    def reads(self, seconds: float) -> float:
        """Balance reads a second."""
        return self._rate(seconds, self._read)

    def _rate(self, seconds: float, one: Callable[[int, str], object]) -> float:
        done, begun = 0, time.perf_counter()
        while (passed := time.perf_counter() - begun) < seconds:
            one(*self._balances[done % len(self._balances)])
            done += 1
        return done / passed

    def _pair(self, member: int, definition: str) -> None:
        now = int(time.time() * 1000)
        run: Callable[..., Any] = self._connection.execute
        run("BEGIN IMMEDIATE")
        movement = run(
            "INSERT INTO transactions (id, program, definition, member, amount, meta, created_at)"
            " VALUES (?, 'program', ?, ?, 5000000, ?, ?)",
            (str(uuid4()), definition, member, REASON, now),
        ).lastrowid
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        ends = now + 31_536_000_000
        lot = run(
            "INSERT INTO lots (id, transaction_seq, amount, created_at, expires_at)"
            " VALUES (?, ?, 5000000, ?, ?)",
            (str(uuid4()), movement, now, ends),
        ).lastrowid
        run("INSERT INTO entries VALUES (?, ?, 5000000)", (lot, movement))
        run("INSERT INTO open_lots VALUES (?, ?, ?, 5000000, ?)", (member, definition, lot, ends))
        for kind, at in (("lot_expiry", ends), ("lot_reminder", ends - 604_800_000)):
            run("INSERT INTO due VALUES ('always', ?, ?, ?)", (at, kind, str(lot)))
        run(
            "INSERT INTO resolutions VALUES (?, 'completed', ?, 5000000, 5000000, ?, NULL)",
            (movement, now, ends),
        )
        run(
            "UPDATE balances SET updated_at = ? WHERE member = ? AND definition = ?",
            (now, member, definition),
        )
        run(
            "INSERT INTO events (id, name, at, contact, own_id, details)"
            " VALUES (?, 'balance_value_updated', ?, ?, 'own', ?)",
            (str(uuid4()), now, member, REASON * 15),
        )
        run("COMMIT")

    def _read(self, member: int, definition: str) -> None:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        sql = "SELECT SUM(remaining) FROM open_lots WHERE member = ? AND definition = ?"
        run(sql, (member, definition)).fetchone()
        run("COMMIT")
