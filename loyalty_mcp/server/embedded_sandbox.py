"""The embedded sandbox: an application that makes its engine at the first request.

A session often ends without one, and the engine takes as long to load as a sixth of the start.
"""

from collections.abc import Callable
from typing import Any

Application = Any
"""An ASGI application whose state holds the store of its engine."""


class Embedded:
    """An ASGI application that is made when it is first needed.

    Args:
        make: makes it; called at most once.
    """

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._made: Application = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._made is None:
            self._made = self._make()
        await self._made(scope, receive, send)

    def close(self) -> None:
        """Let the engine's data go, if there ever was one."""
        if self._made is not None:
            self._made.state.store.close()
