"""The seeded world."""

from loyalty_mcp.sandbox.store import Unit


def fill(unit: Unit) -> None:
    """Fill an empty store."""
