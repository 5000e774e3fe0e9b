"""Access tokens of Brevo's OAuth 2.0 client credentials, as an alternative to an API key.

From Brevo's guide "Machine-to-machine (M2M)" and its changelog of 6 and 13 October 2026: the grant
`client_credentials` at `/realms/partner/oauth/token` on the host of the API, a token of about an
hour without a refresh token, sent as `Authorization: Bearer`, and `invalid_scope` for a scope that
the app was not granted.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from time import monotonic
from typing import Final

import httpx2
from pydantic import BaseModel, SecretStr, ValidationError

from loyalty_mcp.brevo.quoting import quoted
from loyalty_mcp.errors import NotAuthorized, nothing_changed

TOKEN_PATH: Final = "/realms/partner/oauth/token"  # noqa: S105 - a path, not a secret
SCOPES: Final = "account:read contacts:read contacts:write loyalty:read loyalty:write"
"""All scopes that the tools can need; `write` does not include `read`."""

RENEWAL_SECONDS: Final = 60.0
"""A token is renewed this long before it expires, so that a request arrives in time."""

DEFAULT_LIFE: Final = 3_600.0
"""Seconds, if an answer does not state the lifetime of its token."""


class _Granted(BaseModel):
    """The answer to a token request."""

    access_token: SecretStr
    expires_in: float = DEFAULT_LIFE


class _Refusal(BaseModel):
    """The body of a failed token request (RFC 6749, section 5.2)."""

    error: str = ""


class ClientCredentials(httpx2.Auth):
    """Adds an access token to each request; it is kept in memory and renewed before it expires.

    A request is sent only with a token; if there is none, it fails as a request that was never
    sent.

    Args:
        http: the client for token requests; its base URL names the host.
        client_id: identifies the app.
        client_secret: authenticates the app.
        timeout: seconds for a token request.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        client_id: str,
        client_secret: str,
        *,
        timeout: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._http = http
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout = timeout
        self._clock = clock
        self._token = ""
        self._ends = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        """The representation with the app only, without secret and token."""
        return f"ClientCredentials({self._client_id!r})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not appear in a text."""
        return tuple(secret for secret in (self._client_secret, self._token) if secret)

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with a token; retry a read once if its token was revoked.

        Raises:
            NotAuthorized: Brevo gives no token for these credentials.
            httpx2.ConnectError: no token could be fetched, so the request was not sent.
        """
        token = await self._current_token()
        request.headers["authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code != httpx2.codes.UNAUTHORIZED:
            return
        self._forget(token)
        if request.method == "GET":
            request.headers["authorization"] = f"Bearer {await self._current_token()}"
            yield request

    def _forget(self, token: str) -> None:
        if self._token == token:
            self._ends = 0.0

    async def _current_token(self) -> str:
        async with self._lock:
            if self._clock() >= self._ends:
                try:
                    async with asyncio.timeout(self._timeout):
                        granted = await self._granted()
                except (TimeoutError, httpx2.RequestError, OSError):
                    raise httpx2.ConnectError("no access token could be fetched") from None
                self._token = granted.access_token.get_secret_value()
                self._ends = self._clock() + granted.expires_in - RENEWAL_SECONDS
            return self._token

    async def _granted(self) -> _Granted:
        answer = await self._ask(SCOPES)
        if not answer.is_success and _error_in(answer) == "invalid_scope":
            # An app with fewer scopes gets those that it has; the API refuses requests that need
            # others.
            answer = await self._ask(None)
        if answer.status_code in {400, 401, 403}:
            said = _error_in(answer)
            quote = f"It said: {quoted(said)}. " if said else ""
            raise nothing_changed(
                NotAuthorized,
                "Brevo gives no access token for these client credentials",
                f"{quote}The operator has to check BREVO_CLIENT_ID and BREVO_CLIENT_SECRET.",
            )
        try:
            return _Granted.model_validate_json(answer.content)
        except ValidationError:
            raise httpx2.ConnectError("the answer holds no access token") from None

    async def _ask(self, scope: str | None) -> httpx2.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        return await self._http.request(
            "POST",
            self._http.base_url.join(TOKEN_PATH),
            data=form if scope is None else {**form, "scope": scope},
            auth=None,
        )


def _error_in(answer: httpx2.Response) -> str:
    try:
        return _Refusal.model_validate_json(answer.content).error
    except ValidationError:
        return ""
