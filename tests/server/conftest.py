"""What tests of the server share: a clock that can be turned."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from loyalty_mcp.brevo.client import utc_now
from loyalty_mcp.server.bootstrap import Runtime


class Clock:
    """The time, as far as it was turned."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._stopped: datetime | None = None

    def __call__(self) -> datetime:
        """Tell the time."""
        return (self._stopped or utc_now()) + self._ahead

    def stop(self) -> None:
        """From now on only what is turned passes."""
        self._stopped = utc_now()

    def advance(self, seconds: float) -> None:
        """Turn it on."""
        self._ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    """The clock of every server in a test."""
    return Clock()


@pytest.fixture
def make_runtime(make_runtime: Callable[..., Runtime], clock: Clock) -> Callable[..., Runtime]:
    """A factory of runtimes whose clock the test can turn."""

    def make(**flags: Any) -> Runtime:
        made = make_runtime(**flags)
        object.__setattr__(made.context, "now", clock)
        return made

    return make
