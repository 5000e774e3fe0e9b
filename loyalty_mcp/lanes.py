"""Lanes to the upstream: a pool of HTTP connections that costs the same however many there are.

The HTTP library's own pool looks at every idle connection on every request, which at 64 of them is
a quarter of all the work of a call.
"""

import httpx2


class Lanes(httpx2.AsyncBaseTransport):
    """Keeps one transport of one connection for each request under way; the last used goes first.

    Answers are read whole, so that a lane is free as soon as its answer is there. There are as
    many lanes as were ever busy at once; whoever sends bounds that.
    """

    def __init__(self) -> None:
        self._trust = httpx2.create_ssl_context()
        self._lanes: list[httpx2.AsyncHTTPTransport] = []
        self._free: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and read its answer."""
        lane = self._free.pop() if self._free else self._opened()
        try:
            response = await lane.handle_async_request(request)
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
            return response
        finally:
            self._free.append(lane)

    def _opened(self) -> httpx2.AsyncHTTPTransport:
        one = httpx2.Limits(max_connections=1, max_keepalive_connections=1)
        lane = httpx2.AsyncHTTPTransport(verify=self._trust, limits=one)
        self._lanes.append(lane)
        return lane

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._lanes:
            await lane.aclose()
