"""Pools of voucher codes."""

from collections.abc import Iterable
from typing import NamedTuple

from loyalty_mcp.sandbox.store import UnitOfWork


class PooledCode(NamedTuple):
    """An unused code of a pool."""

    seq: int
    text: str


def fill_pool(unit: UnitOfWork, program_id: str, pool_id: str, codes: Iterable[str]) -> None:
    """Add codes to a pool, except those it has had before."""
    for code in codes:
        unit.run(
            "INSERT OR IGNORE INTO codes (program, pool, code) VALUES (?, ?, ?)",
            program_id,
            pool_id,
            code,
        )


def pool_exists(unit: UnitOfWork, program_id: str, pool_id: str) -> bool:
    """Whether the program has a pool with that id."""
    sql = "SELECT 1 FROM codes WHERE pool = ? AND program = ? LIMIT 1"
    return unit.one(sql, pool_id, program_id) is not None


def codes_left(unit: UnitOfWork, pool_id: str) -> int:
    """Return how many codes a pool still holds."""
    return unit.number(
        "SELECT COUNT(*) FROM codes WHERE pool = ? AND seq NOT IN (SELECT code_seq FROM code_uses)",
        pool_id,
    )


def next_code(unit: UnitOfWork, pool_id: str) -> PooledCode | None:
    """Return the next unused code, or `None` if the pool is empty."""
    row = unit.one(
        "SELECT seq, code FROM codes WHERE pool = ?"
        " AND NOT EXISTS (SELECT 1 FROM code_uses WHERE code_seq = seq) ORDER BY seq LIMIT 1",
        pool_id,
    )
    return None if row is None else PooledCode(*row)


def use_code(unit: UnitOfWork, code: PooledCode, voucher_seq: int) -> None:
    """Mark a code as used by a voucher; it is never issued again."""
    unit.run("INSERT INTO code_uses VALUES (?, ?)", code.seq, voucher_seq)
