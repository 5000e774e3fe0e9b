"""A thousand times more movements, members and intents: what a call costs then."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import archive
import crowd
from contenders import folder, product
from conversation import Conversation
from exchange import Exchange, request
from figure import Figure, compared, microseconds, milliseconds
from process import sandbox
from world import balance_path, seeded

from loyalty_mcp.guard.reconciliation import MANY as LEFT
from loyalty_mcp.guard.reconciliation import UNSETTLED

TIMES = 1_000
"""How often a thousand movements, a hundred members and a thousand intents are repeated."""

GOAL = 2
DRAWN = random.Random(1)  # noqa: S311 - whom it is about is no secret

Call = Callable[[], Awaitable[object]]
Calls = dict[str, Call]
"""What is measured, by name."""


def figures(*, quick: bool) -> list[Figure]:
    """The same call on a small file and on one that is a thousand times larger."""
    rounds, calls = (10, 20) if quick else (20, 40)
    times = TIMES // 10 if quick else TIMES
    with folder() as files, asyncio.Runner() as runner:
        found = runner.run(_movements(files, times, rounds, calls))
        return found + runner.run(_intents(files, times, rounds, calls))


async def _movements(files: Path, times: int, rounds: int, calls: int) -> list[Figure]:
    """Calls on the engine, and through the server in front of it."""
    small, large = files / "small.db", files / "large.db"
    crowd.founded(small)
    crowd.multiplied(small, large, times)
    crowd.check(small, large, times)
    async with AsyncExitStack() as stack:
        few = await stack.enter_async_context(_engine(small, 1, files / "few"))
        many = await stack.enter_async_context(_engine(large, times, files / "many"))
        of = crowd.MEMBERS * crowd.MOVEMENTS
        return await _compared(few, many, (of, times * of), "movements", rounds, calls)


async def _intents(files: Path, times: int, rounds: int, calls: int) -> list[Figure]:
    """Calls on the journal."""
    small, large = files / "few-intents.db", files / "many-intents.db"
    await archive.founded(small)
    archive.multiplied(small, large, times)
    async with AsyncExitStack() as stack:
        few = await stack.enter_async_context(_journal(small))
        many = await stack.enter_async_context(_journal(large))
        of = archive.INTENTS
        return await _compared(few, many, (of, times * of), "intents", rounds, calls)


@asynccontextmanager
async def _engine(file: Path, times: int, state: Path) -> AsyncIterator[Calls]:
    """What is asked of a sandbox file, each time about another member."""
    members = crowd.contacts_of(times)
    with sandbox(file) as engine:
        upstream = f"http://127.0.0.1:{engine.port}/v3"
        program, balance = seeded(upstream)
        with Conversation(product(state, upstream)) as server:
            async with Exchange(engine.port) as http:

                async def read() -> None:
                    path = f"/v3{balance_path(program, DRAWN.choice(members))}"
                    answer = await http.ask(request("GET", path))
                    assert answer.status == 200, answer

                async def view() -> None:
                    member = str(DRAWN.choice(members))
                    server.call("get_member_overview", program="VIP Club", member=member)

                async def move() -> None:
                    path = f"/v3/loyalty/balance/programs/{program}/transactions"
                    member = DRAWN.choice(members)
                    body = {"contactId": member, "balanceDefinitionId": balance, "amount": 5}
                    made = await http.ask(request("POST", path, json.dumps(body).encode()))
                    draft = json.loads(made.body)["id"]
                    done = await http.ask(request("POST", f"{path}/{draft}/complete"))
                    assert done.status == 200, done

                yield {"balance read": read, "member overview": view, "credit in two phases": move}


@asynccontextmanager
async def _journal(file: Path) -> AsyncIterator[Calls]:
    """What is asked of a journal."""
    journal = archive.opened(file)

    async def guarded() -> None:
        intent = archive.an_intent(DRAWN.randrange(archive.INTENTS), datetime.now(UTC))
        await archive.carry_out(journal, intent)

    async def listed() -> None:
        assert len(await journal.find()) > 1

    async def recovered() -> None:
        start = archive.opened(file)
        await start.find(states=UNSETTLED, limit=LEFT)
        await start.prune(datetime.now(UTC))
        await start.close()

    yield {
        "journal of a guarded call": guarded,
        "intents list": listed,
        "recovery at the start": recovered,
    }
    await journal.close()


async def _compared(
    few: Calls, many: Calls, sizes: tuple[int, int], of: str, rounds: int, calls: int
) -> list[Figure]:
    """Each call on both, round by round."""
    small, large = (f"{size:,} {of}" for size in sizes)
    show = milliseconds if of == "intents" else microseconds
    figures = []
    for name, call in few.items():
        both = {small: call, large: many[name]}
        for each in both.values():
            await each()  # settles what fell due, and fills caches
        found: dict[str, list[float]] = {small: [], large: []}
        for _ in range(rounds):
            for size in DRAWN.sample([*both], 2):
                found[size].append(await _one(both[size], calls))
        figures.append(compared(f"{name}, {large}", found, large, small, show, GOAL))
    return figures


async def _one(call: Call, calls: int) -> float:
    """Seconds for one of so many calls."""
    begun = time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - begun) / calls
