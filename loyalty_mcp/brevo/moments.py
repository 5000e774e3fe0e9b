"""Moments as the API spells them."""

from datetime import UTC, datetime


def moment_of(text: str | None) -> datetime | None:
    """The moment that a text spells; without an offset it is UTC. None for anything else."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
