"""Exact amounts: decimals in the rules, integer millionths in the store."""

from decimal import Decimal
from typing import Final

DECIMALS: Final = 6
SCALE: Final = 10**DECIMALS
LIMIT: Final = Decimal(10**12)
"""The upper bound of every amount and every balance."""


def to_millionths(amount: Decimal) -> int:
    """Return an amount of at most six decimals as stored."""
    return int(amount.scaleb(DECIMALS))


def from_millionths(stored: int) -> Decimal:
    """Return a stored amount as a decimal."""
    return Decimal(stored).scaleb(-DECIMALS)


def has_fitting_size(amount: Decimal) -> bool:
    """Whether the amount is finite, smaller than `LIMIT`, with at most six decimals."""
    if not amount.is_finite() or abs(amount) >= LIMIT:
        return False
    exponent = amount.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DECIMALS
