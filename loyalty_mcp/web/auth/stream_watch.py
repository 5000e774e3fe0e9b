"""End the event streams of callers whose token was revoked or has expired."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from starlette.types import Scope

from loyalty_mcp.intents.principal import Principal
from loyalty_mcp.web.edge.http_errors import HttpError
from loyalty_mcp.web.edge.open_streams import OpenStream, OpenStreams

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""Time between two checks. A token in the cache may be a second old, so a stream ends at most three
seconds after its token was revoked, however many streams there are."""

UNCHECKED_SECONDS: Final = 30.0
"""How long a stream stays open while its token cannot be checked."""


class StreamWatch:
    """Checks the permission of open streams repeatedly.

    Args:
        streams: the open streams.
        verify: the principal of a request; raises `HttpError`, with status 503 if it cannot be
            determined now.
        sleep: waits for a number of seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        streams: OpenStreams,
        verify: Callable[[Scope], Awaitable[Principal]],
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._streams = streams
        self._verify = verify
        self._sleep = sleep
        self._clock = clock
        self._unchecked_since: dict[OpenStream, float] = {}

    async def run(self) -> None:
        """Check all streams repeatedly, until cancelled."""
        while True:
            await self._sleep(CHECK_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Check each open stream once, and close those whose caller no longer has permission."""
        streams = self._streams.current()
        unchecked: dict[OpenStream, float] = {}
        for stream in streams:
            try:
                await self._verify(stream.request)
            except HttpError as error:
                since = self._unchecked_since.get(stream, self._clock())
                if error.status == 503 and self._clock() - since < UNCHECKED_SECONDS:
                    unchecked[stream] = since
                    continue
                log.info("closed an event stream: %s", error)
                stream.close(error)
            # Verifying thousands of signatures in a row would block all other work.
            await anyio.lowlevel.checkpoint()
        self._unchecked_since = unchecked
