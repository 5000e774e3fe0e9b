"""The authorization server's public keys (JWKS), downloaded and cached."""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

import anyio
import httpx2
import jwt

from loyalty_mcp.web.edge.http_errors import HttpError

log = logging.getLogger(__name__)

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Asymmetric signatures only: no `none`, and no HMAC with a shared secret."""

FRESH_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 10.0
"""Minimum time between two downloads, however many unknown key ids are presented."""

MAX_AGE_SECONDS: Final = 3_600.0
"""How long keys stay valid after their last download if every further download fails."""

MAX_DOCUMENT_BYTES: Final = 262_144
CHUNK_BYTES: Final = 65_536


class SigningKeys:
    """Public keys by id, downloaded again when they are old or an unknown id is presented.

    Args:
        http: client for the download.
        url: the JWKS document.
        clock: monotonic seconds.
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
        self._downloading = anyio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with an id, or the only key if no id is given; None if there is none.

        Raises:
            HttpError: there are no usable keys, and they cannot be downloaded (503).
        """
        if self._should_download(key_id):
            async with self._downloading:
                if self._should_download(key_id):
                    await self._download()
        if not self._keys or self._clock() - self._read_at > MAX_AGE_SECONDS:
            raise HttpError(
                503, "The keys of the authorization server cannot be read.", {"Retry-After": "10"}
            )
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _should_download(self, key_id: str | None) -> bool:
        now = self._clock()
        stale = now - self._read_at > FRESH_SECONDS or key_id not in self._keys
        return stale and now - self._tried_at > RETRY_SECONDS

    async def _download(self) -> None:
        self._tried_at = self._clock()
        try:
            keys = parse_key_set(json.loads(await self._read_document()))
        except (httpx2.HTTPError, OSError, ValueError) as error:
            log.warning("cannot download the OAuth signing keys: %s", type(error).__name__)
            return
        self._keys, self._read_at = keys, self._tried_at

    async def _read_document(self) -> bytes:
        document = bytearray()
        headers = {"accept": "application/json"}
        async with self._http.stream("GET", self._url, headers=headers) as response:
            response.raise_for_status()
            async for part in response.aiter_bytes(CHUNK_BYTES):
                document += part
                if len(document) > MAX_DOCUMENT_BYTES:
                    raise ValueError("the key document is too large")
        return bytes(document)


def parse_key_set(document: Any) -> dict[str | None, jwt.PyJWK]:
    """The keys of a JWKS document that may verify signatures; others are ignored.

    Raises:
        ValueError: the document is not a key set.
    """
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("no key set")  # noqa: TRY004 - handled like malformed JSON
    keys: dict[str | None, jwt.PyJWK] = {}
    for item in document["keys"]:
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(item)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if key.algorithm_name in ALGORITHMS:
            keys[key.key_id] = key
    return keys
