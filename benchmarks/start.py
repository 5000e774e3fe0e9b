"""Start to the first `tools/list`, and what is resident then."""

import time
from functools import partial

from contenders import Contender, folder, peers, product
from conversation import Conversation
from figure import Figure, compared_with_all, interleaved, mebibytes, milliseconds

NOWHERE = "http://127.0.0.1:9/v3"
"""Nothing is asked of the upstream at the start."""


def figures(*, quick: bool) -> list[Figure]:
    """How long a client waits for the menu, and what that costs in memory."""
    rounds = 5 if quick else 15
    with folder() as state:
        contenders = {"loyalty-mcp": product(state), **peers(NOWHERE)}
        for contender in contenders.values():
            started(contender)  # so that every file was read once
        memory: dict[str, list[float]] = {contender.name: [] for contender in contenders.values()}

        def measured(contender: Contender) -> float:
            took, resident = started(contender)
            memory[contender.name].append(resident)
            return took

        seconds = interleaved(
            rounds, {name: partial(measured, found) for name, found in contenders.items()}
        )
    what, ours = "start to tools/list", "loyalty-mcp"
    times = compared_with_all(
        what, seconds, ours, milliseconds, {"low_level": 1.15, "wrapping": 0.6}
    )
    weights = {"low_level": 1.2, "wrapping": 0.8}
    return [*times, *compared_with_all("resident memory", memory, ours, mebibytes, weights)]


def started(contender: Contender) -> tuple[float, float]:
    """Seconds to the menu, and KiB resident then."""
    with Conversation(contender) as server:
        tools = server.ask("tools/list")["tools"]
        took = time.perf_counter() - server.started
        assert len(tools) >= 8, contender.name
        return took, float(server.resident)
