"""What `hostile.py` measures against: attackers in a process of their own, told what to do.

`python benchmarks/attackers.py PORT TOKEN SHARE` reads lines of standard input. A line with names
of attacks, joined by commas, starts them; an empty one ends them, and is answered with one line of
JSON: how many attempts were made and which statuses came back.

The process gives way to others (nice 19), and every attack has a fixed rate: on one machine, an
attacker that is as fast as it can be takes the processor from the server and from the client that
measures, and shows nothing of either.
"""

import asyncio
import json
import os
import resource
import secrets
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

from load import call_request

Attempt = Callable[[], Coroutine[None, None, None]]

HOST = "127.0.0.1"
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 12)]
"""Where they come from; the client that measures has another address of loopback."""

HEAD = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SLOW_SECONDS = 0.5
"""Between two parts of a head or body that never ends."""

OTHER_FILES = 1_000
"""Open files of the attackers beside the many connections."""

MOST_CONNECTIONS = 10_000
READ = "get_subscription_balances"


@dataclass
class Target:
    """What is attacked, and what came of it.

    Args:
        port: on loopback.
        token: of the caller who wants too much.
        share: of the usual connections and rates; 1 for all.
    """

    port: int
    token: str
    share: float
    attempts: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    def some(self, number: float) -> int:
        """That many connections, or attempts a second, times the share."""
        return max(1, round(number * self.share))

    async def exchange(self, *parts: bytes, pause: float = 0.0) -> None:
        """A connection of its own: send the parts, and note the status that comes back."""
        self.attempts += 1
        source = (ADDRESSES[0], 0)
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port, local_addr=source)
        except OSError:
            self.statuses["not connected"] += 1
            return
        status, answer = "open", asyncio.ensure_future(_status(reader))
        try:
            for part in parts:
                if answer.done():
                    break
                with suppress(OSError):
                    writer.write(part)
                    await writer.drain()
                if pause:
                    await asyncio.wait([answer], timeout=pause)
            status = await answer
        finally:
            answer.cancel()
            self.statuses[status] += 1
            writer.close()


async def _status(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n")).split(b" ")[1].decode()
    except (OSError, asyncio.IncompleteReadError):
        return "closed"


async def paced(target: Target, rate: float, attempt: Attempt) -> None:
    """Start so many attempts a second, whether or not the ones before have ended."""
    loop = asyncio.get_running_loop()
    begun, number, limit = loop.time(), 0, target.some(500)
    async with asyncio.TaskGroup() as group:
        under_way: set[asyncio.Task[None]] = set()
        while True:
            due = int((loop.time() - begun) * target.some(rate))
            for _ in range(min(due - number, limit - len(under_way))):
                task = group.create_task(attempt())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            number = due
            await asyncio.sleep(0.01)


async def held(target: Target, connections: int, attempt: Attempt) -> None:
    """Keep so many attempts going; one that ends is begun again."""

    async def again() -> None:
        while True:
            await attempt()
            await asyncio.sleep(SLOW_SECONDS)

    async with asyncio.TaskGroup() as group:
        for _ in range(target.some(connections)):
            group.create_task(again())


async def slow_headers(target: Target) -> None:
    """500 heads that grow by a line every half second."""
    parts = [HEAD, *[b"X-Slow: 1\r\n"] * 10_000]
    await held(target, 500, lambda: target.exchange(*parts, pause=SLOW_SECONDS))


async def slow_bodies(target: Target) -> None:
    """200 bodies of a caller with a token that grow by a byte every half second."""
    head = HEAD + b"Authorization: Bearer " + target.token.encode()
    head += b"\r\nContent-Length: 100000\r\n\r\n"
    parts = [head, *[b" "] * 10_000]
    await held(target, 200, lambda: target.exchange(*parts, pause=SLOW_SECONDS))


async def huge_headers(target: Target) -> None:
    """Each second 100 heads of 128 KiB, and five URLs of 4 MiB."""
    large = HEAD + b"X: " + b"x" * 131_072 + b"\r\n\r\n"
    url = b"GET /health?" + b"x" * 4_194_304 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    await asyncio.gather(
        paced(target, 100, lambda: target.exchange(large)),
        paced(target, 5, lambda: target.exchange(url)),
    )


async def connections(target: Target) -> None:
    """From ten addresses, 2,000 new ones a second; half of them begin a head."""
    loop = asyncio.get_running_loop()
    open_ones: deque[socket.socket] = deque()
    begun, most = loop.time(), target.some(connections_at_once())
    made = 0
    try:
        while True:
            due = int((loop.time() - begun) * target.some(2_000))
            for _ in range(due - made):
                made += 1
                open_ones.append(_connect(target, ADDRESSES[made % len(ADDRESSES)], half=made % 2))
                if len(open_ones) > most:
                    open_ones.popleft().close()
            await asyncio.sleep(0.005)
    finally:
        for each in open_ones:
            target.statuses[_fate(each)] += 1
            each.close()


def _connect(target: Target, source: str, half: int) -> socket.socket:
    target.attempts += 1
    connection = socket.socket()
    connection.setblocking(False)
    with suppress(OSError):
        connection.bind((source, 0))
    with suppress(OSError):
        connection.connect_ex((HOST, target.port))
        if half:
            connection.send(HEAD)
    return connection


def _fate(connection: socket.socket) -> str:
    try:
        return "closed" if connection.recv(1) == b"" else "answered"
    except BlockingIOError:
        return "open"
    except OSError:
        return "closed"


async def bad_tokens(target: Target) -> None:
    """500 requests a second, each with another token that has the right form."""

    async def guess() -> None:
        token = f"lmcp_{secrets.token_urlsafe(32)}".encode()
        await target.exchange(
            HEAD + b"Authorization: Bearer " + token + b"\r\nContent-Length: 2\r\n\r\n{}"
        )

    await paced(target, 500, guess)


async def greedy_caller(target: Target) -> None:
    """500 calls a second of one caller, of whom ten are allowed."""
    arguments = {"program": "VIP Club", "member": "101"}
    request = call_request(target.port, READ, arguments)
    line, _, rest = request.partition(b"\r\n")
    authorization = b"\r\nauthorization: Bearer " + target.token.encode() + b"\r\n"
    await paced(target, 500, lambda: target.exchange(line + authorization + rest))


ATTACKS: dict[str, Callable[[Target], Coroutine[None, None, None]]] = {
    "slow headers": slow_headers,
    "slow bodies": slow_bodies,
    "huge headers": huge_headers,
    "many connections": connections,
    "a flood of bad tokens": bad_tokens,
    "one greedy caller": greedy_caller,
}


async def serve(port: int, token: str, share: float) -> None:
    """Do what the lines of standard input say."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := (await lines.readline()).decode():
        target = Target(port, token, share)
        attack = asyncio.gather(*(ATTACKS[name](target) for name in line.strip().split(",")))
        await lines.readline()
        attack.cancel()
        with suppress(asyncio.CancelledError):
            await attack
        print(json.dumps({"attempts": target.attempts, **target.statuses}), flush=True)


def connections_at_once() -> int:
    """10,000, or fewer where fewer files may be open, after raising that limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    unlimited = resource.RLIM_INFINITY
    allowed = wanted if hard == unlimited else min(wanted, hard)
    if soft != unlimited and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed - OTHER_FILES


if __name__ == "__main__":
    os.nice(19)
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
