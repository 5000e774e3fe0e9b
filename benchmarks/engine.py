"""The sandbox as an engine: movements and reads a second, every answer on the disk first."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import crowd
from contenders import folder
from exchange import Exchange, request
from figure import Figure, compared, interleaved, per_second
from process import free_port, listening, sandbox
from raw import Raw
from world import balance_path, seeded

CLIENTS = 64
SQLITE, ECHO = "raw SQLite, one thread", "bare ASGI echo"

Repeated = Callable[[Exchange, int], Awaitable[None]]
"""What a client does again and again on its connection, with a member of its own."""


def figures(*, quick: bool) -> list[Figure]:
    """Pairs of draft and completion, and balance reads, beside what lies below the engine."""
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    with ExitStack() as stack:
        files = stack.enter_context(folder())
        crowd.founded(files / "engine.db")
        crowd.founded(files / "raw.db")
        engine = stack.enter_context(sandbox(files / "engine.db"))
        raw = stack.enter_context(closing(Raw(files / "raw.db")))
        port = free_port()
        command = (sys.executable, str(Path(__file__).parent / "echo.py"), str(port))
        stack.enter_context(listening(command, port))
        program, balance = seeded(f"http://127.0.0.1:{engine.port}/v3")
        move, read = partial(moved, program, balance), partial(was_read, program)
        echoed = partial(moved_nowhere, program, balance)
        pairs = interleaved(
            rounds,
            {
                "the engine": lambda: rate(engine.port, move, seconds),
                SQLITE: lambda: raw.pairs(seconds),
                ECHO: lambda: rate(port, echoed, seconds),
            },
        )
        reads = interleaved(
            rounds,
            {
                "the engine": lambda: rate(engine.port, read, seconds),
                SQLITE: lambda: raw.reads(seconds),
                ECHO: lambda: rate(port, read, seconds),
            },
        )
    return [
        compared(what, found, "the engine", other, per_second)
        for what, found in (
            (f"engine: pairs on the disk, {CLIENTS} clients", pairs),
            (f"engine: balance reads, {CLIENTS} clients", reads),
        )
        for other in (SQLITE, ECHO)
    ]


def rate(port: int, repeated: Repeated, seconds: float) -> float:
    """How often a second so many clients got through, each waiting for its answers."""

    async def client(number: int, ends: float) -> int:
        done = 0
        async with Exchange(port) as http:
            while time.perf_counter() < ends:
                await repeated(http, crowd.FIRST + number)
                done += 1
        return done

    async def run() -> int:
        ends = time.perf_counter() + seconds
        return sum(await asyncio.gather(*(client(number, ends) for number in range(CLIENTS))))

    begun = time.perf_counter()
    done = asyncio.run(run())
    return done / (time.perf_counter() - begun)


def draft(program: str, balance: str, member: int) -> bytes:
    """The first request of a pair."""
    body = {"contactId": member, "balanceDefinitionId": balance, "amount": 5}
    path = f"/v3/loyalty/balance/programs/{program}/transactions"
    return request("POST", path, json.dumps(body).encode())


def completion(program: str, transaction: str) -> bytes:
    """The second request of a pair."""
    path = f"/v3/loyalty/balance/programs/{program}/transactions/{transaction}/complete"
    return request("POST", path)


async def moved(program: str, balance: str, http: Exchange, member: int) -> None:
    """A credit in two phases."""
    made = await http.ask(draft(program, balance, member))
    done = await http.ask(completion(program, json.loads(made.body)["id"]))
    assert json.loads(done.body)["status"] == "completed", done


async def moved_nowhere(program: str, balance: str, http: Exchange, member: int) -> None:
    """The same two requests, to somebody who does nothing with them."""
    for each in (draft(program, balance, member), completion(program, balance)):
        answer = await http.ask(each)
        assert answer.status == 200, answer


async def was_read(program: str, http: Exchange, member: int) -> None:
    """A balance read."""
    answer = await http.ask(request("GET", f"/v3{balance_path(program, member)}"))
    assert answer.status == 200, answer
