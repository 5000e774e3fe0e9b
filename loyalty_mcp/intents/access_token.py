"""A static token: what a caller brings, and what is kept of it. Pure."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.settings import Role

PREFIX: Final = "lmcp_"
"""So that a token is recognised where it was lost: in a log, a chat, a repository."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token; never the token itself.

    Args:
        name: who holds it; never given twice, for it is what the audit trail names.
        digest: of the token.
        role: which tools its holder gets.
        member: the one member its holder may reach; None for all.
        operator: whether its holder decides on the intents of others.
        created_at: UTC.
        expires_at: UTC; None for never.
        revoked_at: UTC; None while it holds.
    """

    name: str
    digest: str
    role: Role
    member: str | None
    operator: bool
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it may be used."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Who its holder is."""
        kind = "operator" if self.operator else "token"
        return Principal(
            f"{kind}:{self.name}", self.role, member=self.member, operator=self.operator
        )


def new_secret() -> str:
    """A token that nobody guesses: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a token. It is random and long, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def checked(token: Token, now: datetime) -> Token:
    """The token, if it makes sense.

    Raises:
        InvalidArgument: what is wrong, and what would be right.
    """
    if not NAME.fullmatch(token.name):
        raise InvalidArgument(
            "A token's name has letters, digits, dots, dashes, underscores or @; 64 at most."
        )
    if token.role == "member" and token.member is None:
        raise InvalidArgument("Role member needs --member: whom the token's holder may reach.")
    if token.operator and token.member is not None:
        raise InvalidArgument("An operator is bound to no member; leave out one of the two.")
    if token.expires_at is not None and token.expires_at <= now:
        raise InvalidArgument("--expires has passed already; give a moment to come.")
    return token
