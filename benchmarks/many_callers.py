"""Many callers over HTTP, with one upstream request each."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from contenders import Contender, folder, peers, product, stub
from figure import Figure, compared_with_all, interleaved, milliseconds, per_second
from load import Load, call_request, loaded
from process import free_port, listening
from world import balance_read, members, seeded

FEW, MANY = 8, 64
OURS, EIGHT = "loyalty-mcp", "loyalty-mcp at 8"
DELAY = 0.020


def figures(*, quick: bool) -> list[Figure]:
    """Calls a second for one core, and what a slow upstream makes of them."""
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    fast = measured(0.0, rounds, seconds, (FEW, MANY))
    slow = measured(DELAY, rounds, seconds, (MANY,))
    rates = {name: [each.rate for each in found] for (name, n), found in fast.items() if n == MANY}
    rates[EIGHT] = [each.rate for each in fast[OURS, FEW]]
    waits = {name: [each.latency for each in found] for (name, _), found in slow.items()}
    waits["the delay"] = [DELAY] * rounds
    at_least: dict[str, float] = {"high_level": 3, "wrapping": 2.5, EIGHT: 1}
    late = "HTTP, 64 callers, upstream 20 ms: median"
    return [
        *compared_with_all("HTTP, 64 callers", rates, OURS, per_second, at_least, at_least=True),
        *compared_with_all(late, waits, OURS, milliseconds, {"the delay": 1.6}),
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
    port = free_port()
    ours = contender.name == OURS
    words = ("serve", "--http", "--port", str(port)) if ours else (str(port),)
    command = (*contender.command, *words)
    with listening(command, port, contender.whole_environment) as process:
        yield process.port
