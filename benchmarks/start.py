"""Start to the first `tools/list`, and what is resident then."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
from contenders import Contender, folder, peers, product
from conversation import Conversation
from figure import Figure, compared, compared_with_all, interleaved, mebibytes, milliseconds

from loyalty_mcp.intents.journal import Journal

NOWHERE = "http://127.0.0.1:9/v3"
"""Nothing is asked of the upstream at the start."""


WITH_KEY = "loyalty-mcp, key and journal"
"""As users have it: an API key is set, and an earlier run has left a journal."""

GOALS_OF_TIME = {"low_level": 1.1, "wrapping": 0.6}
GOALS_OF_MEMORY = {"low_level": 1.2, "wrapping": 0.8}


def figures(*, quick: bool) -> list[Figure]:
    """How long a client waits for the menu, and what that costs in memory."""
    rounds = 5 if quick else 15
    with folder() as state, folder() as used:
        leave_a_journal(used)
        ours = {"loyalty-mcp": product(state), WITH_KEY: product(used, NOWHERE)}
        contenders = {**ours, **peers(NOWHERE)}
        for contender in contenders.values():
            started(contender)  # so that every file was read once
        memory: dict[str, list[float]] = {name: [] for name in contenders}

        def measured(name: str) -> float:
            took, resident = started(contenders[name])
            memory[name].append(resident)
            return took

        seconds = interleaved(rounds, {name: partial(measured, name) for name in contenders})
    return [
        figure
        for what, found, show, goals in (
            ("start to tools/list", seconds, milliseconds, GOALS_OF_TIME),
            ("resident memory", memory, mebibytes, GOALS_OF_MEMORY),
        )
        for figure in both(what, found, show, goals)
    ]


def both(
    what: str,
    found: Mapping[str, list[float]],
    show: Callable[[float], str],
    goals: Mapping[str, float],
) -> list[Figure]:
    """Ours beside every peer; with a key and a journal, beside the bare low-level server."""
    others = {name: values for name, values in found.items() if name != WITH_KEY}
    used = compared(
        f"{what}, with a key and a journal", found, WITH_KEY, "low_level", show, goals["low_level"]
    )
    return [*compared_with_all(what, others, "loyalty-mcp", show, goals), used]


def leave_a_journal(state: Path) -> None:
    """Create the journal that an earlier run of the product leaves."""
    journal = Journal(f"sqlite:///{state / 'loyalty-mcp' / 'journal.db'}")

    async def create() -> None:
        await journal.counts(datetime.now(UTC))
        await journal.close()

    anyio.run(create)


def started(contender: Contender) -> tuple[float, float]:
    """Seconds to the menu, and KiB resident then."""
    with Conversation(contender) as server:
        tools = server.ask("tools/list")["tools"]
        took = time.perf_counter() - server.started
        assert len(tools) >= 8, contender.name
        return took, float(server.resident)
