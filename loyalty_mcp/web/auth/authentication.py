"""Authenticate a request: by static token, by OAuth, or as the local user."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.intents.access_token import PREFIX
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.web.auth.oauth import INSUFFICIENT_SCOPE, SCOPES, OAuth
from loyalty_mcp.web.auth.throttle import Throttle
from loyalty_mcp.web.auth.token_cache import TokenCache
from loyalty_mcp.web.edge.http_errors import HttpError

BEARER: Final = "bearer "
FORWARDING_HEADERS: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers that proxies add: such a request comes from another machine, even on loopback."""


class Authenticator:
    """Finds the principal of a request.

    Args:
        tokens: static tokens.
        oauth: verifies access tokens of an authorization server; None without OAuth.
        local: the principal without a token, while none is required; None if that is not allowed.
        throttle: delays failed sign-ins.
        metadata_url: tells clients where to get an access token; None without OAuth.
        only_member: the member that this server is pinned to; tokens of other members are refused.
    """

    def __init__(
        self,
        tokens: TokenCache,
        oauth: OAuth | None,
        local: Principal | None,
        throttle: Throttle,
        *,
        metadata_url: str | None = None,
        only_member: str | None = None,
    ) -> None:
        self._tokens = tokens
        self._oauth = oauth
        self._local = local
        self._throttle = throttle
        self._metadata_url = metadata_url
        self._only_member = only_member

    async def caller(self, scope: Scope) -> Principal:
        """The principal of a request; a failed sign-in is delayed.

        Raises:
            HttpError: as in `verify`.
        """
        try:
            return await self.verify(scope)
        except HttpError as error:
            presented = Headers(scope=scope).getlist("authorization")
            if error.status == 401 and presented:
                await self._throttle.delay_failure(address_of(scope), presented[0])
            raise

    async def verify(self, scope: Scope) -> Principal:
        """The principal of a request, without any delay.

        Raises:
            HttpError: no valid token (401); a valid token without permission (403); the journal or
                the keys cannot be read (503).
        """
        headers = Headers(scope=scope)
        presented = headers.getlist("authorization")
        try:
            if presented:
                principal = await self._by_header(presented)
            else:
                principal = await self._without_token(headers)
        except JournalUnavailable:
            raise journal_unavailable() from None
        except HttpError as error:
            if error.status == 403:
                error.headers["WWW-Authenticate"] = self._challenge(INSUFFICIENT_SCOPE, SCOPES)
            raise
        if principal is None:
            challenge = self._challenge("invalid_token")
            raise HttpError(401, "This token is not valid here.", {"WWW-Authenticate": challenge})
        if self._only_member is not None and principal.member not in {None, self._only_member}:
            raise HttpError(403, "This server serves another member.")
        return principal

    async def operator(self, scope: Scope) -> Principal:
        """The operator who sends a request.

        Raises:
            HttpError: as in `caller`; or the caller is not an operator (403).
        """
        principal = await self.caller(scope)
        if principal.operator:
            return principal
        if "authorization" not in Headers(scope=scope):
            raise self._token_required()
        raise HttpError(403, "This needs a token that was created with --operator.")

    async def operator_by_secret(self, secret: str, scope: Scope) -> Principal:
        """The operator whose token was entered in the sign-in form.

        Raises:
            HttpError: it is not an operator's token (401), or the journal cannot be read (503).
        """
        try:
            token = await self._tokens.find(secret)
        except JournalUnavailable:
            raise journal_unavailable() from None
        if token is None or not token.operator:
            await self._throttle.delay_failure(address_of(scope), secret)
            raise HttpError(401, "This is no operator's token.")
        return token.principal

    async def _by_header(self, presented: Sequence[str]) -> Principal | None:
        if len(presented) > 1 or not presented[0].lower().startswith(BEARER):
            return None
        secret = presented[0][len(BEARER) :].strip()
        if secret.startswith(PREFIX):
            token = await self._tokens.find(secret)
            return None if token is None else token.principal
        return None if self._oauth is None else await self._oauth.principal(secret)

    async def _without_token(self, headers: Headers) -> Principal:
        forwarded = any(name in headers for name in FORWARDING_HEADERS)
        if self._local is None or forwarded or self._oauth is not None:
            raise self._token_required()
        if await self._tokens.any_created():
            raise self._token_required()
        return self._local

    def _token_required(self) -> HttpError:
        headers = {"WWW-Authenticate": self._challenge()}
        return HttpError(401, "A token is required: Authorization: Bearer …", headers)

    def _challenge(self, error: str | None = None, scopes: Sequence[str] = ()) -> str:
        """The WWW-Authenticate header (RFC 6750, section 3, and RFC 9728, section 5.1)."""
        parts = [] if error is None else [f'error="{error}"']
        if self._metadata_url is not None:
            parts.append(f'resource_metadata="{self._metadata_url}"')
            parts.append(f'scope="{" ".join(scopes or SCOPES[:1])}"')
        return f"Bearer {', '.join(parts)}".strip()


def address_of(scope: Scope) -> str:
    """The address that a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def journal_unavailable() -> HttpError:
    """The error while the journal cannot be read."""
    return HttpError(
        503,
        "The journal cannot be read, so nobody can be authenticated; try again soon.",
        {"Retry-After": "5"},
    )
