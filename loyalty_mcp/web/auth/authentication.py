"""Who sends a request: by a static token, by OAuth, or by being on this machine."""

from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

from loyalty_mcp.errors import JournalUnavailable
from loyalty_mcp.intents.access_token import PREFIX
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.web.auth.oauth import SCOPE_WORD, SCOPES, OAuth
from loyalty_mcp.web.auth.throttle import Slowdown
from loyalty_mcp.web.auth.token_cache import TokenBook
from loyalty_mcp.web.edge.headers import valued
from loyalty_mcp.web.edge.http_errors import Refusal

BEARER: Final = "bearer "
NO_JOURNAL: Final = "The journal cannot be read, so nobody can be let in; try again soon."


class Identity:
    """Finds out who calls.

    Args:
        book: static tokens.
        oauth: access tokens of an authorization server; None for none.
        anonymous: who calls where no way to be known is set up; None where that is not allowed.
        slowdown: of failed attempts.
        metadata_url: where clients read how to get an access token; None without OAuth.
        only_member: the one member of this server; whoever is bound to another is refused.
    """

    def __init__(
        self,
        book: TokenBook,
        oauth: OAuth | None,
        anonymous: Principal | None,
        slowdown: Slowdown,
        *,
        metadata_url: str | None = None,
        only_member: str | None = None,
    ) -> None:
        self._book = book
        self._oauth = oauth
        self._anonymous = anonymous
        self._slowdown = slowdown
        self._metadata_url = metadata_url
        self._only_member = only_member

    async def caller(self, scope: Scope) -> Principal:
        """Who sends the request.

        Raises:
            Refusal: nobody we know (401), or somebody who may not (403); 503 if it cannot be told.
        """
        presented = valued(scope, b"authorization")
        try:
            found = await self._presented(presented) if presented else await self._nobody()
        except JournalUnavailable:
            raise Refusal(503, NO_JOURNAL, {"Retry-After": "5"}) from None
        except Refusal as refusal:
            if refusal.status == 403:
                refusal.headers["WWW-Authenticate"] = self._challenge(SCOPE_WORD, SCOPES)
            raise
        if found is None:
            await self._slowdown.failed(address_of(scope))
            raise Refusal(
                401,
                "This token is not good here.",
                {"WWW-Authenticate": self._challenge("invalid_token")},
            )
        if self._only_member is not None and found.member not in {None, self._only_member}:
            raise Refusal(403, "This server serves another member.")
        return found

    async def operator(self, scope: Scope) -> Principal:
        """Who sends the request, if it is an operator.

        Raises:
            Refusal: nobody we know (401), or no operator (403).
        """
        found = await self.caller(scope)
        if found.operator:
            return found
        if not valued(scope, b"authorization"):
            raise self._unknown()
        raise Refusal(403, "This needs a token that was made with --operator.")

    async def operator_of(self, secret: str, scope: Scope) -> Principal:
        """The operator whose token was typed into the page.

        Raises:
            Refusal: it is no operator's token (401).
        """
        try:
            token = await self._book.find(secret)
        except JournalUnavailable:
            raise Refusal(503, NO_JOURNAL, {"Retry-After": "5"}) from None
        if token is None or not token.operator:
            await self._slowdown.failed(address_of(scope))
            raise Refusal(401, "That is no operator's token.")
        return token.principal

    async def _presented(self, headers: Sequence[str]) -> Principal | None:
        if len(headers) > 1 or not headers[0].lower().startswith(BEARER):
            return None
        secret = headers[0][len(BEARER) :].strip()
        if secret.startswith(PREFIX):
            token = await self._book.find(secret)
            return None if token is None else token.principal
        return None if self._oauth is None else await self._oauth.principal(secret)

    async def _nobody(self) -> Principal:
        if self._anonymous is None or self._oauth is not None or await self._book.used():
            raise self._unknown()
        return self._anonymous

    def _unknown(self) -> Refusal:
        return Refusal(
            401, "Bring a token: Authorization: Bearer …", {"WWW-Authenticate": self._challenge()}
        )

    def _challenge(self, error: str | None = None, scopes: Sequence[str] = ()) -> str:
        parts = [] if error is None else [f'error="{error}"']
        if self._metadata_url is not None:
            parts.append(f'resource_metadata="{self._metadata_url}"')
            parts.append(f'scope="{" ".join(scopes or SCOPES[:1])}"')
        return f"Bearer {', '.join(parts)}".strip()


def address_of(scope: Scope) -> str:
    """Where a request comes from, as far as this machine can tell."""
    client = scope.get("client")
    return str(client[0]) if client else ""
