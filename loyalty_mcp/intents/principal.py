"""A principal: the caller, and what they may see and change."""

from dataclasses import dataclass
from typing import Final

from loyalty_mcp.intents.roles import Role
from loyalty_mcp.settings import Settings

LOCAL: Final = "local"
"""The caller over stdio: anybody who can start programs as this user."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Args:
        name: what intents are bound to.
        role: determines their tools.
        member: the only member they can reach, in any form; None for all.
        read_only: whether they can only read.
        operator: whether they can decide on others' intents.
    """

    name: str
    role: Role
    member: str | None = None
    read_only: bool = False
    operator: bool = False


def local(settings: Settings) -> Principal:
    """The principal without authentication, with everything that the settings allow."""
    return Principal(LOCAL, settings.role, settings.member)
