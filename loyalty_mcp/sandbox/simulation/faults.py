"""Injected faults: answers that are refused, lost, late or broken, for testing clients."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

FaultKind = Literal[
    "refuse_before", "drop_after_commit", "status_after_commit", "delay", "malformed"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what goes wrong, where, and how often.

    Attributes:
        method: The HTTP method; `*` for any.
        path: The path as requested; `*` stands for any characters.
        kind: `refuse_before` changes nothing; the others handle the request first.
        status: The status of `refuse_before` and `status_after_commit`.
        times: How often it will still happen.
        delay_seconds: How long `delay` waits before handling the request.
    """

    method: str
    path: str
    kind: FaultKind
    status: int
    times: int
    delay_seconds: float

    def fits(self, method: str, path: str) -> bool:
        """Whether the fault applies to this request."""
        pattern = ".*".join(re.escape(part) for part in self.path.split("*"))
        return self.method in {"*", method} and re.fullmatch(pattern, path, re.DOTALL) is not None


class Faults:
    """The remaining faults, in order."""

    def __init__(self) -> None:
        self.left: tuple[Fault, ...] = ()

    def replace(self, faults: Sequence[Fault]) -> None:
        """Replace all faults; an empty list clears them."""
        self.left = tuple(faults)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that applies, and use it once."""
        for place, fault in enumerate(self.left):
            if fault.fits(method, path):
                rest = (replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
                self.left = (*self.left[:place], *rest, *self.left[place + 1 :])
                return fault
        return None
