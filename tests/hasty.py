"""An event loop that never waits: when nothing is ready, its clock jumps to the next timer."""

import asyncio
import selectors
from typing import Any, Final


class _Jumping:
    """A selector that hands the time it would have waited to its loop instead."""

    def __init__(self, loop: "HastyLoop") -> None:
        self._real = selectors.DefaultSelector()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = self._real.select(timeout if timeout is None else 0)
        if not ready and timeout is not None and timeout > 0:
            self._loop.ahead += timeout
        return ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class HastyLoop(asyncio.SelectorEventLoop):
    """For code without threads and sockets, where every wait is a timer."""

    def __init__(self) -> None:
        self.ahead = 0.0
        super().__init__(_Jumping(self))  # type: ignore[arg-type] # it has what a selector has

    def time(self) -> float:
        """The loop's clock: the real one, and all that was jumped over."""
        return super().time() + self.ahead


HASTY: Final = ("asyncio", {"loop_factory": HastyLoop})
"""For the fixture `anyio_backend`."""
