"""What the client needs of the network: a request goes out, a whole answer comes back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx2

KEY: Final = "api-key"
ACCEPTED: Final = "application/json"


class NeverSent(Exception):
    """The request did not leave: a change that met this did not happen."""


class AnswerLost(Exception):
    """The request may have arrived; its answer did not."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer, read whole.

    Args:
        status: of HTTP.
        headers: by their names in small letters.
        content: the body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class Exchange(ABC):
    """Sends requests to one API root, with the key.

    Args:
        base_url: the API root, without a slash at the end.
        api_key: sent with every request; fit for a header.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        self.host = urlsplit(base_url).hostname or ""
        self._key = api_key

    def __repr__(self) -> str:
        """Only where it speaks to: the key must not show."""
        return f"{type(self).__name__}({self.host!r})"

    @abstractmethod
    async def send(self, method: str, target: str, content: bytes | None) -> HttpAnswer:
        """Send a request.

        Args:
            method: of HTTP.
            target: the path below the API root, with its query.
            content: a JSON body; None for none.

        Raises:
            NeverSent: it did not leave.
            AnswerLost: it may have arrived.
        """

    def without_key(self, text: str) -> str:
        """`text`, in which nobody finds the key."""
        return text.replace(self._key, "***")

    @abstractmethod
    async def aclose(self) -> None:
        """Let the connections go."""


class Borrowed(Exchange):
    """An exchange through an HTTP client of the library: by a proxy, or with an engine in process.

    Args:
        base_url: the API root, without a slash at the end.
        api_key: sent with every request.
        timeout: seconds for each step of a request.
        transport: an in-process application or a function; None for the network.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(base_url, api_key)
        self._http = httpx2.AsyncClient(
            base_url=base_url,
            headers={KEY: api_key, "accept": ACCEPTED},
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            trust_env=transport is None,
        )

    async def send(self, method: str, target: str, content: bytes | None) -> HttpAnswer:
        """Send a request."""
        headers = {} if content is None else {"content-type": "application/json"}
        try:
            found = await self._http.request(method, target, content=content, headers=headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NeverSent from error
        except (httpx2.RequestError, OSError) as error:
            raise AnswerLost from error
        return HttpAnswer(found.status_code, found.headers, found.content)

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._http.aclose()
