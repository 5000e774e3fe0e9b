"""A hostile load: `python benchmarks/hostile.py [--quick] [--write docs/operations.md]`.

Attackers do their worst while a good client, with tokens of its own, keeps asking. It has to be
answered always, its median may double at most, and the server's memory stays bounded. Quiet and
attacked spells take turns, so that what slows the machine weighs on both. `attackers.py` says what
the attackers do, and at which rate.

Exit code 1 if an answer was missing or the memory grew beyond its bound.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from statistics import median

from attackers import ATTACKS, READ, connections_at_once
from contenders import folder, product, stub
from exchange import Exchange
from figure import Figure, mebibytes, milliseconds, ratio, table
from load import call_request
from page import machine
from process import Process, free_port, listening
from world import members, seeded

from loyalty_mcp.intents.access_token import Token, digest_of, new_secret
from loyalty_mcp.intents.lazy_journal import LazyJournal

MARKS = ("<!-- hostile load -->", "<!-- end of hostile load -->")
EVERYTHING = "everything at once"
GOOD_TOKENS = 20
"""The good client is twenty callers in turn, so that its own rate is within the limits."""

PAUSE = 0.01
"""Seconds between an answer and the next question."""

REQUESTS_A_CONNECTION = 20
"""The good client connects anew after so many: getting in is a part of being served."""

PATIENCE = 10.0
SETTLE = 0.7
"""Seconds in which the server gets rid of the connections of an attack, before the next spell."""

GOAL = 2.0
MEMORY_GOAL = 2.0


@dataclass
class Spells:
    """What the good client saw of one attack: seconds for an answer, round by round.

    Args:
        quiet: the medians of the spells without an attack.
        attacked: those of the spells with it.
        answers: how many came.
        missing: how many did not.
        attempts: what the attackers tried, and what they got.
    """

    quiet: list[float] = field(default_factory=list)
    attacked: list[float] = field(default_factory=list)
    answers: int = 0
    missing: int = 0
    attempts: Counter[str] = field(default_factory=Counter)


class Attackers:
    """The process of the attackers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, names: str) -> None:
        """Start attacks."""
        self._tell(names)

    def end(self) -> Counter[str]:
        """End them; gives what they tried and got."""
        self._tell("")
        assert self._process.stdout is not None
        return Counter(json.loads(self._process.stdout.readline()))

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@contextmanager
def attackers(port: int, token: str, share: float) -> Iterator[Attackers]:
    """The attackers of a server, until the block ends."""
    script = Path(__file__).parent / "attackers.py"
    command = [sys.executable, str(script), str(port), token, str(share)]
    with subprocess.Popen(  # noqa: S603 - a command of our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Attackers(process)
        finally:
            process.terminate()


class GoodClient:
    """Asks one question after another, and remembers how long each answer took.

    Args:
        port: of the server.
        tokens: taken in turn.
        contacts: the members asked for.
    """

    def __init__(self, port: int, tokens: list[str], contacts: list[int]) -> None:
        self._port = port
        requests = [
            call_request(port, READ, {"program": "VIP Club", "member": str(contact)})
            for contact in contacts
        ]
        self._questions = cycle(
            request.replace(b"\r\n", f"\r\nauthorization: Bearer {token}\r\n".encode(), 1)
            for request, token in zip(requests, cycle(tokens), strict=False)
        )

    def ask_for(self, seconds: float) -> tuple[list[float], int]:
        """Ask for so long; returns the seconds of each answer, and how many were missing."""
        return asyncio.run(self._ask_for(seconds))

    async def _ask_for(self, seconds: float) -> tuple[list[float], int]:
        took: list[float] = []
        missing = 0
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            async with Exchange(self._port) as http:
                for _ in range(REQUESTS_A_CONNECTION):
                    begun = time.perf_counter()
                    answered = await self._is_answered(http)
                    took.append(time.perf_counter() - begun)
                    missing += not answered
                    await asyncio.sleep(PAUSE)
        return took, missing

    async def _is_answered(self, http: Exchange) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await http.ask(next(self._questions))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False
        return answer.status == 200 and b'"isError":true' not in answer.body


def measured(share: float) -> tuple[list[Figure], dict[str, Spells]]:
    """What the good client saw of each attack, and the memory of the server.

    Args:
        share: of the attackers' usual rates; below 1, there is one short round.
    """
    quick = share < 1
    rounds = 1 if quick else 3
    quiet, attacked, crowded = (0.1, 0.25, 0.25) if quick else (0.7, 1.0, 5.5)
    with ExitStack() as stack:
        upstream = stack.enter_context(stub())
        seeded(upstream)
        state = stack.enter_context(folder())
        address = f"sqlite:///{state / 'journal.db'}"
        greedy, *good = asyncio.run(tokens(address, GOOD_TOKENS + 1))
        server = product(state, upstream, database_url=address)
        port = free_port()
        command = (*server.command, "serve", "--http", "--port", str(port))
        process = stack.enter_context(listening(command, port, server.whole_environment))
        enemy = stack.enter_context(attackers(port, greedy, share))
        client = GoodClient(port, good, members(upstream)[:GOOD_TOKENS])
        client.ask_for(quiet)
        before, peak = process.resident, Peak(process)
        found: dict[str, Spells] = {}
        for _ in range(rounds):
            for name in (*ATTACKS, EVERYTHING):
                spells = found.setdefault(name, Spells())
                names = ",".join(ATTACKS) if name == EVERYTHING else name
                listen(client, spells, spells.quiet, quiet)
                enemy.begin(names)
                seconds = crowded if "connections" in names else attacked
                listen(client, spells, spells.attacked, seconds)
                peak.look()
                spells.attempts += enemy.end()
                time.sleep(SETTLE * share)
        return [*figures(found), memory(before, peak)], found


def listen(client: GoodClient, spells: Spells, kept: list[float], seconds: float) -> None:
    """One spell."""
    took, missing = client.ask_for(seconds)
    kept.append(median(took))
    spells.answers += len(took) - missing
    spells.missing += missing


class Peak:
    """The most memory a process has had.

    Args:
        process: the process.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self.most = process.resident

    def look(self) -> None:
        """Look again. Linux keeps the peak of a process, which nothing escapes."""
        status = Path(f"/proc/{self._process.number}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if "VmHWM" in line)
        self.most = int(line.split()[1])


async def tokens(address: str, number: int) -> list[str]:
    """New tokens in a journal, each for a caller of its own."""
    journal, now, made = LazyJournal(lambda: address), datetime.now(UTC), []
    try:
        for each in range(number):
            made.append(new_secret())
            digest = digest_of(made[-1])
            kept = Token(f"caller-{each}", digest, "full", None, operator=False, created_at=now)
            await journal.open().tokens.add(kept)
    finally:
        await journal.close()
    return made


def figures(found: dict[str, Spells]) -> list[Figure]:
    """The medians of the good client, with and without each attack."""
    return [
        Figure(
            f"{name}: median of a good client",
            milliseconds(median(spells.attacked)),
            "without the attack",
            milliseconds(median(spells.quiet)),
            ratio(spells.attacked, spells.quiet),
            GOAL,
        )
        for name, spells in found.items()
    ]


def memory(before: int, peak: Peak) -> Figure:
    """The server's memory at its peak."""
    shown = mebibytes(peak.most), "before the attacks", mebibytes(before)
    return Figure("resident memory at the peak", *shown, peak.most / before, MEMORY_GOAL)


def answers(found: dict[str, Spells]) -> str:
    """How many answers the good client got, in a sentence."""
    got = sum(spells.answers for spells in found.values())
    missing = sum(spells.missing for spells in found.values())
    return f"The good client got {got:,} of {got + missing:,} answers."


def attacks(share: float) -> str:
    """The attacks and their rates, as a list."""
    lines = [f"- {name}: {_described(attack.__doc__ or '')}" for name, attack in ATTACKS.items()]
    most = f"{round(connections_at_once() * share):,} at once"
    return "\n".join(lines).replace("many connections:", f"many connections ({most}):")


def _described(docstring: str) -> str:
    text = " ".join(docstring.split())
    return text[0].lower() + text[1:]


def tried(found: dict[str, Spells]) -> str:
    """What the attackers tried and got, a line for each attack."""
    return "\n".join(f"{name}: {dict(spells.attempts)}" for name, spells in found.items())


def write(document: Path, text: str) -> None:
    """Put a text between the marks of a document.

    Raises:
        ValueError: it has no marks.
    """
    begin, end = MARKS
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{document} has no marks for the hostile load")
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> int:
    """Attack, measure, and print what came of it."""
    parser = argparse.ArgumentParser(description="A hostile load, and a good client in it.")
    parser.add_argument("--quick", action="store_true", help="a twentieth of it, for a few seconds")
    parser.add_argument("--write", type=Path, help="a document with marks")
    asked = parser.parse_args()
    if asked.write and asked.quick:
        parser.error("--write takes the whole load: a part of it would look like the whole")
    share = 0.05 if asked.quick else 1.0
    lines, found = measured(share)
    text = f"{table(lines)}\n\n{answers(found)}\nMeasured on {machine()}.\n\n{attacks(share)}"
    print(text)
    print(tried(found), file=sys.stderr)
    if asked.write is not None:
        write(asked.write, text)
    missing = any(spells.missing for spells in found.values())
    return int(missing or lines[-1].verdict == "no")


if __name__ == "__main__":
    sys.exit(main())
