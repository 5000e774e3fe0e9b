"""OAuth 2.1, the resource server's part: whose access token is good here, and for what."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import httpx2
import jwt

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.settings import Settings
from loyalty_mcp.web.edge.http_errors import Refusal

log = logging.getLogger(__name__)

READ: Final = "loyalty:read"
WRITE: Final = "loyalty:write"
ADMIN: Final = "loyalty:admin"
SCOPES: Final = (READ, WRITE, ADMIN)

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures with a private key alone: `none` is no signature, and a shared secret is shared."""

LONGEST: Final = 16_384
SUBJECT: Final = 150
LEEWAY_SECONDS: Final = 30
KEYS_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 10.0
"""Between two looks at the keys, however many unknown key ids are sent."""

KEYS_BYTES: Final = 262_144


class Keys:
    """The public keys of the authorization server, by id; read again when they may have changed.

    Args:
        http: fetches them.
        url: where they are.
        clock: seconds that only go forwards.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        url: str,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._http = http
        self._clock = clock
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._reading = anyio.Lock()

    async def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of that id; the only one, if none is named.

        Raises:
            Refusal: there are no keys, and none can be fetched (503).
        """
        if self._wanted(key_id):
            async with self._reading:
                if self._wanted(key_id):
                    await self._read()
        if not self._keys:
            raise Refusal(
                503, "The keys of the authorization server cannot be read.", {"Retry-After": "10"}
            )
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _wanted(self, key_id: str | None) -> bool:
        now = self._clock()
        old = now - self._read_at > KEYS_SECONDS or key_id not in self._keys
        return old and now - self._tried_at > PAUSE_SECONDS

    async def _read(self) -> None:
        self._tried_at = self._clock()
        try:
            response = await self._http.get(self._url, headers={"accept": "application/json"})
            response.raise_for_status()
            found = _keys_in(json.loads(response.content[:KEYS_BYTES]))
        except (httpx2.HTTPError, OSError, ValueError) as error:
            log.warning("the keys of the authorization server: %s", type(error).__name__)
            return
        self._keys, self._read_at = found, self._tried_at


def _keys_in(document: Any) -> dict[str | None, jwt.PyJWK]:
    """The keys of a document that may check signatures; the others are passed over."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("no key set")  # noqa: TRY004 - its one caller treats it as bad content
    found: dict[str | None, jwt.PyJWK] = {}
    for item in document["keys"]:
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(item)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if key.algorithm_name in ALGORITHMS:
            found[key.key_id] = key
    return found


class OAuth:
    """Checks access tokens.

    Args:
        keys: of the authorization server.
        issuer: who has to have issued them.
        audience: whom they have to be for.
        member_claim: the claim that names a member; who has it reaches that member alone.
    """

    def __init__(self, keys: Keys, *, issuer: str, audience: str, member_claim: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._member_claim = member_claim

    async def principal(self, token: str) -> Principal | None:
        """Whom an access token stands for; None if it is not good here.

        Raises:
            Refusal: it is good, but for none of our scopes (403); or it cannot be checked (503).
        """
        claims = await self._claims(token)
        if claims is None:
            return None
        subject, member = claims["sub"], claims.get(self._member_claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT:
            return None
        granted = scopes_of(claims)
        name = f"oauth:{subject}"
        if not granted.intersection(SCOPES):
            raise Refusal(
                403, f"This needs one of the scopes {', '.join(SCOPES)}.", word=SCOPE_WORD
            )
        if member is not None:
            said = str(member) if isinstance(member, int | str) else ""
            return Principal(name, "member", member=said) if 0 < len(said) <= SUBJECT else None
        if ADMIN in granted:
            return Principal(name, "full")
        return Principal(name, "support", read_only=WRITE not in granted)

    async def _claims(self, token: str) -> Mapping[str, Any] | None:
        if len(token) > LONGEST:
            return None
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or "crit" in header:
                return None
            key = await self._keys.key(header.get("kid"))
            if key is None or key.algorithm_name != header["alg"]:
                return None
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            log.info("an access token is refused: %s", type(error).__name__)
            return None
        return claims


SCOPE_WORD: Final = "insufficient_scope"


def scopes_of(claims: Mapping[str, Any]) -> set[str]:
    """The scopes of a token: `scope` as words (RFC 9068), or `scp` as some servers say it."""
    said = claims.get("scope", claims.get("scp", ""))
    if isinstance(said, str):
        return set(said.split())
    return {word for word in said if isinstance(word, str)} if isinstance(said, list) else set()


def open_oauth(settings: Settings, http: httpx2.AsyncClient) -> OAuth | None:
    """The check that the settings describe; None if they describe none.

    Raises:
        BadSetting: a part is missing.
    """
    parts = {
        "LOYALTY_MCP_OAUTH_ISSUER": settings.oauth_issuer,
        "LOYALTY_MCP_OAUTH_AUDIENCE": settings.oauth_audience,
        "LOYALTY_MCP_OAUTH_JWKS_URL": settings.oauth_jwks_url,
    }
    missing = [name for name, value in parts.items() if value is None]
    if len(missing) == len(parts):
        return None
    if missing:
        raise BadSetting(f"{missing[0]} is missing: OAuth needs issuer, audience and JWKS URL.")
    issuer, audience, url = (value or "" for value in parts.values())
    return OAuth(
        Keys(http, url),
        issuer=issuer,
        audience=audience,
        member_claim=settings.oauth_member_claim,
    )
