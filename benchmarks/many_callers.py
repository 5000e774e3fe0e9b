"""Many callers over HTTP, with one upstream request each."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from contenders import Contender, folder, peers, product, stub
from figure import Figure, compared, interleaved, milliseconds, per_second
from load import Load, call_request, loaded
from world import balance_read, members, seeded

FEW, MANY = 8, 64
DELAY = 0.020


def figures(*, quick: bool) -> list[Figure]:
    """Calls a second for one core, and what a slow upstream makes of them."""
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    fast = measured(0.0, rounds, seconds, (FEW, MANY))
    slow = measured(DELAY, rounds, seconds, (MANY,))
    rates = {
        f"{name}": [each.rate for each in found] for (name, n), found in fast.items() if n == MANY
    }
    rates["loyalty-mcp at 8"] = [each.rate for each in fast["loyalty-mcp", FEW]]
    waits = {name: [each.latency for each in found] for (name, _), found in slow.items()}
    waits["the delay"] = [DELAY] * rounds
    what = "HTTP, 64 callers"
    late = "HTTP, 64 callers, upstream 20 ms: median"
    return [
        compared(what, rates, "loyalty-mcp", "high_level", per_second, 3, at_least=True),
        compared(what, rates, "loyalty-mcp", "wrapping", per_second, 2.5, at_least=True),
        compared(what, rates, "loyalty-mcp", "loyalty-mcp at 8", per_second, 1, at_least=True),
        compared(late, waits, "loyalty-mcp", "the delay", milliseconds, 1.6),
        compared(late, waits, "loyalty-mcp", "high_level", milliseconds),
        compared(late, waits, "loyalty-mcp", "wrapping", milliseconds),
    ]


def measured(
    delay: float, rounds: int, seconds: float, callers: tuple[int, ...]
) -> dict[tuple[str, int], list[Load]]:
    """What the callers of each contender saw, by name and number of callers."""
    found: dict[tuple[str, int], list[Load]] = {}
    with ExitStack() as stack:
        upstream = stack.enter_context(stub(delay))
        state = stack.enter_context(folder())
        program, _ = seeded(upstream)
        asked = members(upstream)[:MANY]
        makers = {}
        for contender in (product(state, upstream), *peers(upstream).values()):
            if contender.name == "low_level":
                continue
            port = stack.enter_context(served(contender))
            requests = [
                call_request(port, *balance_read(contender.name, program, member))
                for member in asked
            ]
            loaded(port, requests, seconds=0.5)
            for number in callers:
                kept = found.setdefault((contender.name, number), [])

                def make(
                    port: int = port,
                    requests: list[bytes] = requests[:number],
                    kept: list[Load] = kept,
                ) -> float:
                    kept.append(loaded(port, requests, seconds=seconds))
                    return kept[-1].rate

                makers[f"{contender.name} {number}"] = make
        interleaved(rounds, makers)
    return found


@contextmanager
def served(contender: Contender) -> Iterator[int]:
    """A contender over HTTP; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    ours = contender.name == "loyalty-mcp"
    words = ("serve", "--http", "--port", str(port)) if ours else (str(port),)
    process = subprocess.Popen(  # noqa: S603 - a command of our own
        (*contender.command, *words),
        env=contender.whole_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")
