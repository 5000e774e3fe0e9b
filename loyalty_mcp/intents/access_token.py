"""Static access tokens: what a caller presents, and what is stored. Pure."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from loyalty_mcp.errors import InvalidArgument
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.intents.roles import Role, definition_of, is_known

PREFIX: Final = "lmcp_"
"""The prefix makes a leaked token recognisable in a log, a chat or a repository."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """The stored data of a token; never the token itself.

    Args:
        name: the holder; never reused, because the audit trail identifies callers by it.
        digest: SHA-256 of the token, in hex.
        role: determines the holder's tools; None if this version does not know the role.
        member: the only member the holder can reach; None for all.
        operator: whether the holder can decide on other callers' intents.
        created_at: UTC.
        expires_at: UTC; None for never.
        revoked_at: UTC; None if not revoked.
    """

    name: str
    digest: str
    role: str
    member: str | None
    operator: bool
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether the token is neither revoked nor expired, and its role is known."""
        in_time = self.expires_at is None or now < self.expires_at
        return is_known(self.role) and self.revoked_at is None and in_time

    @property
    def principal(self) -> Principal:
        """The principal of the holder.

        Raises:
            ValueError: the role is unknown, so the token is not active.
        """
        kind = "operator" if self.operator else "token"
        return Principal(
            f"{kind}:{self.name}", Role(self.role), member=self.member, operator=self.operator
        )


def new_secret() -> str:
    """A new token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """The digest that is stored. A token is long and random, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def validate_token(token: Token, now: datetime) -> Token:
    """Check a new token, and return it.

    Raises:
        InvalidArgument: says what is wrong and what would be right.
    """
    if not NAME.fullmatch(token.name):
        raise InvalidArgument(
            "A token's name has letters, digits, dots, dashes, underscores or @; 64 at most."
        )
    if definition_of(Role(token.role)).needs_member and token.member is None:
        raise InvalidArgument(
            f"Role {token.role} needs --member, the one member the token reaches."
        )
    if token.operator and token.member is not None:
        raise InvalidArgument("An operator is bound to no member; leave out one of the two.")
    if token.expires_at is not None and token.expires_at <= now:
        raise InvalidArgument("--expires is in the past; give a future date.")
    return token
