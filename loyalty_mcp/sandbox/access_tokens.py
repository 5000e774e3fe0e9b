"""Access tokens of OAuth 2.0 client credentials: issued and checked as an alternative to a key."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

TOKEN_PATH: Final = "/realms/partner/oauth/token"  # noqa: S105 - a path, not a secret
LIFE: Final = timedelta(hours=1)
SCOPES: Final = frozenset(
    f"{resource}:{action}"
    for resource in ("account", "contacts", "loyalty")
    for action in ("read", "write")
)
MOST_TOKENS: Final = 1_000

Json = dict[str, object]


class _Grant(NamedTuple):
    """The rights of a token."""

    scopes: frozenset[str]
    ends: datetime


class AccessTokens:
    """The tokens issued by one sandbox, kept in memory.

    Args:
        client_secret: The only accepted secret; None accepts any that is not empty.
    """

    def __init__(self, client_secret: str | None) -> None:
        self._client_secret = client_secret
        self._grants: dict[str, _Grant] = {}

    def issue(self, form: bytes, now: datetime) -> tuple[int, Json]:
        """Answer a token request: the status, and the body (RFC 6749, sections 4.4 and 5).

        Args:
            form: The body, form-encoded.
            now: The sandbox's time.
        """
        sent = dict(parse_qsl(form.decode("utf-8", "replace"), max_num_fields=20))
        if sent.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if not sent.get("client_id") or not self._is_right(sent.get("client_secret", "")):
            return 401, {"error": "invalid_client"}
        asked = frozenset(sent.get("scope", "").split())
        if not asked <= SCOPES:
            return 400, {"error": "invalid_scope"}
        token = secrets.token_urlsafe(32)
        self._drop_old(now)
        self._grants[token] = _Grant(asked or SCOPES, now + LIFE)
        return 200, {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(LIFE.total_seconds()),
            "scope": " ".join(sorted(asked or SCOPES)),
        }

    def scopes_of(self, authorization: bytes, now: datetime) -> frozenset[str] | None:
        """The scopes of a header `Authorization: Bearer …`; None if its token is not valid."""
        kind, _, token = authorization.decode("latin-1").partition(" ")
        grant = self._grants.get(token.strip()) if kind.lower() == "bearer" else None
        return grant.scopes if grant is not None and now < grant.ends else None

    def revoke(self) -> None:
        """Make all tokens invalid."""
        self._grants.clear()

    def _is_right(self, secret: str) -> bool:
        wanted = self._client_secret
        if wanted is None:
            return secret != ""
        return hmac.compare_digest(secret.encode(), wanted.encode())

    def _drop_old(self, now: datetime) -> None:
        ended = [token for token, grant in self._grants.items() if grant.ends <= now]
        oldest = list(self._grants)[: max(0, len(self._grants) - MOST_TOKENS + 1)]
        for token in {*ended, *oldest}:
            del self._grants[token]


_RESOURCES: Final[Mapping[str, str]] = {
    "/v3/loyalty/": "loyalty",
    "/v3/contacts": "contacts",
    "/v3/account": "account",
}


def needed_scope(method: str, path: str) -> str | None:
    """The scope that a request needs; None if the path belongs to no resource.

    `write` does not include `read`.
    """
    resource = next((name for start, name in _RESOURCES.items() if path.startswith(start)), None)
    return None if resource is None else f"{resource}:{'read' if method == 'GET' else 'write'}"
