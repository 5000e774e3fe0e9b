"""What goes wrong, drawn from one seed: faults, late requests, deaths."""

import random
from dataclasses import dataclass
from typing import Any, Final

KINDS: Final = (
    "refuse_before",
    "drop_after_commit",
    "status_after_commit",
    "delay",
    "malformed",
)
PLACES: Final = (
    ("POST", "*/transactions"),
    ("POST", "*/transactions/*/complete"),
    ("POST", "*/transactions/*/cancel"),
    ("GET", "*/transaction-history"),
    ("POST", "*/rewards/attribute"),
    ("POST", "*/rewards/redeem"),
    ("POST", "*/rewards/redeem/*/complete"),
    ("GET", "*/vouchers"),
    ("GET", "*/account-info"),
    ("*", "*"),
)
REFUSALS: Final = (400, 401, 403, 404, 408, 409, 412, 417, 422, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Climate:
    """How bad it gets.

    Args:
        fault_every: after how many changes asked for the faults are drawn anew.
        faults: how many faults are drawn at most.
        death_every: after how many changes asked for a server dies.
        late: the share of changes that are held on their way.
        held: seconds that they are held at most.
    """

    fault_every: int = 3
    faults: int = 4
    death_every: int = 40
    late: float = 0.02
    held: float = 1.8


class Weather:
    """Draws what goes wrong.

    Args:
        seed: of everything that is drawn.
        climate: how bad it gets.
    """

    def __init__(self, seed: int, climate: Climate) -> None:
        self._random = random.Random(seed)
        self._climate = climate
        self.calm = False

    @property
    def fault_every(self) -> int:
        """After how many changes asked for the faults are drawn anew."""
        return self._climate.fault_every

    def faults(self) -> list[dict[str, Any]]:
        """The next set of faults."""
        return [self._fault() for _ in range(self._random.randint(1, self._climate.faults))]

    def _fault(self) -> dict[str, Any]:
        method, path = self._random.choice(PLACES)
        return {
            "method": method,
            "path": path,
            "kind": self._random.choice(KINDS),
            "status": self._random.choice(REFUSALS),
            "times": self._random.randint(1, 4),
            "delay_seconds": round(self._random.uniform(0.05, self._climate.held), 2),
        }

    def turns(self, asked: int) -> bool:
        """Whether the faults are drawn anew at this change."""
        return asked % self._climate.fault_every == 0

    def kills(self, asked: int) -> bool:
        """Whether a server dies at this change."""
        return asked % self._climate.death_every == 0

    def moment(self) -> float:
        """Seconds until a death that was drawn comes."""
        return self._random.uniform(0, 0.5)

    def victim(self, count: int) -> int:
        """Which of the servers dies."""
        return self._random.randrange(count)

    def hold(self, method: str) -> float:
        """Seconds to hold a request on its way: only changes, and only some."""
        if self.calm or method == "GET" or self._random.random() >= self._climate.late:
            return 0
        return self._random.uniform(0.1, self._climate.held)
