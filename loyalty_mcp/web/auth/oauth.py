"""OAuth 2.1 resource server: verify access tokens and map their scopes to a principal."""

import logging
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import httpx2
import jwt

from loyalty_mcp.errors import BadSetting
from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.intents.roles import Role, role_of_scopes
from loyalty_mcp.settings import Settings
from loyalty_mcp.web.auth.signing_keys import ALGORITHMS, SigningKeys
from loyalty_mcp.web.edge.http_errors import HttpError

log = logging.getLogger(__name__)

READ: Final = "loyalty:read"
WRITE: Final = "loyalty:write"
ADMIN: Final = "loyalty:admin"
SCOPES: Final = (READ, WRITE, ADMIN)
INSUFFICIENT_SCOPE: Final = "insufficient_scope"

ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
"""`typ` of access tokens by RFC 9068, section 2.1."""

PLAIN_TYPES: Final = frozenset({"", "jwt", "application/jwt"})
"""`typ` of access tokens from servers that do not follow RFC 9068."""

MAX_TOKEN_LENGTH: Final = 16_384
MAX_NAME_LENGTH: Final = 150
LEEWAY_SECONDS: Final = 30


class OAuth:
    """Verifies access tokens.

    Args:
        keys: the authorization server's public keys.
        issuer: required value of `iss`.
        audience: required in `aud`.
        member_claim: the claim that names a member; its token reaches only that member.
        require_at_jwt: whether only tokens of the type `at+jwt` are accepted.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        audience: str,
        member_claim: str,
        require_at_jwt: bool = False,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._member_claim = member_claim
        self._types = ACCESS_TOKEN_TYPES | (frozenset() if require_at_jwt else PLAIN_TYPES)

    async def principal(self, token: str) -> Principal | None:
        """The principal of an access token; None if the token is not valid.

        Raises:
            HttpError: the token has none of our scopes (403), or cannot be verified (503).
        """
        claims = await self._verify(token)
        if claims is None:
            return None
        subject = claims["sub"]
        if not _is_name(subject):
            return None
        scopes = scopes_of(claims)
        name = f"oauth:{subject}"
        if not scopes.intersection(SCOPES):
            raise HttpError(
                403, f"This needs one of the scopes {', '.join(SCOPES)}.", code=INSUFFICIENT_SCOPE
            )
        if self._member_claim in claims:
            member = claims[self._member_claim]
            # `bool` is a subclass of `int`, but not a member.
            member_id = str(member) if type(member) is int else member
            valid = _is_name(member_id)
            return Principal(name, Role.MEMBER, member=member_id) if valid else None
        if ADMIN in scopes:
            return Principal(name, role_of_scopes(admin=True))
        return Principal(name, role_of_scopes(admin=False), read_only=WRITE not in scopes)

    async def _verify(self, token: str) -> Mapping[str, Any] | None:
        """The claims of a valid token."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or "crit" in header:
                return None
            if str(header.get("typ") or "").lower() not in self._types:
                return None
            key = await self._keys.find(header.get("kid"))
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
            log.info("access token refused: %s", type(error).__name__)
            return None
        return claims


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH


def scopes_of(claims: Mapping[str, Any]) -> set[str]:
    """The scopes of a token: `scope` (RFC 9068), or `scp`, which some servers use."""
    value = claims.get("scope", claims.get("scp", ""))
    if isinstance(value, str):
        return set(value.split())
    return (
        {scope for scope in value if isinstance(scope, str)} if isinstance(value, list) else set()
    )


def open_oauth(settings: Settings, http: httpx2.AsyncClient) -> OAuth | None:
    """The verifier for the settings; None if OAuth is not configured.

    Raises:
        BadSetting: one of the settings is missing.
    """
    required = {
        "LOYALTY_MCP_OAUTH_ISSUER": settings.oauth_issuer,
        "LOYALTY_MCP_OAUTH_AUDIENCE": settings.oauth_audience,
        "LOYALTY_MCP_OAUTH_JWKS_URL": settings.oauth_jwks_url,
    }
    missing = [name for name, value in required.items() if value is None]
    if len(missing) == len(required):
        return None
    if missing:
        raise BadSetting(f"{missing[0]} is missing: OAuth needs issuer, audience and JWKS URL.")
    issuer, audience, url = (value or "" for value in required.values())
    return OAuth(
        SigningKeys(http, url),
        issuer=issuer,
        audience=audience,
        member_claim=settings.oauth_member_claim,
        require_at_jwt=settings.oauth_require_at_jwt,
    )
