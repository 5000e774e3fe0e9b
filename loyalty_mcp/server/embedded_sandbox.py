"""The embedded sandbox: an ASGI application whose engine is created by the first request.

Many sessions never send one, and loading the engine takes a sixth of the start-up time.
"""

from collections.abc import Callable
from typing import Any

Engine = Any
"""The ASGI application of the sandbox; its state holds the store."""


class EmbeddedSandbox:
    """An ASGI application that creates its engine when the first request arrives.

    Args:
        create_engine: creates the engine; called at most once.
    """

    def __init__(self, create_engine: Callable[[], Engine]) -> None:
        self._create_engine = create_engine
        self._engine: Engine = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._engine is None:
            self._engine = self._create_engine()
        await self._engine(scope, receive, send)

    def close(self) -> None:
        """Close the engine's store, if an engine was created."""
        if self._engine is not None:
            self._engine.state.store.close()
