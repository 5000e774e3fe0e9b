"""Whether a server that answers for long keeps anything of it: resident memory, early and late."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, islice
from typing import Any

from contenders import folder, product, stub
from exchange import Exchange
from figure import Figure, mebibytes
from load import call_request
from process import Process, free_port, listening
from world import members, seeded

GOAL = 1.05
CALLERS = 16
NOBODY = 1_000_000
"""Contact ids from here on belong to nobody."""


def figures(*, quick: bool) -> list[Figure]:
    """The same server after its first calls, and after ten times as many."""
    early, late = (2_000, 20_000) if quick else (10_000, 100_000)
    with ExitStack() as stack:
        upstream = stack.enter_context(stub())
        state = stack.enter_context(folder())
        seeded(upstream)
        port = free_port()
        server = product(state, upstream, confirm="token")
        command = (*server.command, "serve", "--http", "--port", str(port))
        process = stack.enter_context(listening(command, port, server.whole_environment))
        calls = endless(members(upstream)[:64])
        before = resident_after(process, islice(calls, early))
        after = resident_after(process, islice(calls, late - early))
    what = f"resident memory after {late:,} calls over HTTP"
    against = f"after {early:,}"
    return [Figure(what, mebibytes(after), against, mebibytes(before), after / before, GOAL)]


def resident_after(process: Process, calls: Iterator[tuple[str, dict[str, Any]]]) -> float:
    """KiB resident after some calls, from several callers at once."""

    async def caller() -> None:
        async with Exchange(process.port) as http:
            for tool, arguments in calls:
                answer = await http.ask(call_request(process.port, tool, arguments))
                assert answer.status == 200, answer
                assert (b'"isError":true' in answer.body) == (tool == "find_member"), answer

    async def run() -> None:
        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    asyncio.run(run())
    return float(process.resident)


def endless(contacts: list[int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of twenty calls, eighteen read, one previews a change and one asks for nobody."""
    for number in count():
        member = str(contacts[number % len(contacts)])
        asked = {"program": "VIP Club", "member": member}
        match number % 20:
            case 0:
                reason = f"Correction {number}"
                yield "credit_points", {**asked, "amount": 1 + number % 900, "reason": reason}
            case 10:
                yield "find_member", {"member": str(NOBODY + number)}
            case 1 | 6 | 11 | 16:
                yield "get_member_overview", asked
            case 2 | 7 | 12 | 17:
                yield "list_transaction_history", {**asked, "balance": "Purchase Points"}
            case 3 | 8 | 13 | 18:
                yield "list_vouchers", asked
            case _:
                yield "get_subscription_balances", asked
