"""A principal: who calls, and what they may see and change."""

from dataclasses import dataclass
from typing import Final

from loyalty_mcp.intents.roles import Role
from loyalty_mcp.settings import Settings

LOCAL: Final = "local"
"""Who calls over stdio: whoever may start programs as this user."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Args:
        name: what intents are bound to.
        role: which tools are theirs.
        member: the one member they may reach, in any form; None for all.
        read_only: whether they may only read.
        operator: whether they decide on the intents of others.
    """

    name: str
    role: Role
    member: str | None = None
    read_only: bool = False
    operator: bool = False


def local(settings: Settings) -> Principal:
    """Who calls where nobody has to say who they are: all that the settings allow."""
    return Principal(LOCAL, settings.role, settings.member)
