"""One read tool over standard input and output, one call at a time."""

import time
from contextlib import ExitStack
from functools import partial

from contenders import folder, peers, product, stub
from conversation import Conversation
from figure import Figure, compared_with_all, interleaved, microseconds
from world import balance_read, members, seeded


def figures(*, quick: bool) -> list[Figure]:
    """What one balance read costs, its one upstream request included."""
    rounds, calls = (10, 50) if quick else (30, 200)
    with ExitStack() as stack:
        upstream = stack.enter_context(stub())
        state = stack.enter_context(folder())
        program, _ = seeded(upstream)
        member = members(upstream)[0]
        contenders = {"loyalty-mcp": product(state, upstream), **peers(upstream)}
        servers = {
            name: stack.enter_context(Conversation(found)) for name, found in contenders.items()
        }
        makers = {
            name: partial(one_call, server, *balance_read(name, program, member), calls)
            for name, server in servers.items()
        }
        for make in makers.values():
            make()  # fills caches and opens connections
        found = interleaved(rounds, makers)
    what = "read over stdio, one at a time"
    return compared_with_all(what, found, "loyalty-mcp", microseconds, {"high_level": 0.85})


def one_call(server: Conversation, tool: str, arguments: dict[str, object], calls: int) -> float:
    """Seconds for one of so many calls."""
    begun = time.perf_counter()
    for _ in range(calls):
        server.call(tool, **arguments)
    return (time.perf_counter() - begun) / calls
