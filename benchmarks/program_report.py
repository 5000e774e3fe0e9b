"""The report of a program with 100,000 members: requests, our own time, and memory.

The engine answers each page once and the answers are kept, so that only our own work is measured
afterwards. What the report says is compared with a direct count in the engine's database.
"""

import asyncio
import sqlite3
import time
import tracemalloc
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import crowd
from contenders import folder
from figure import Figure, milliseconds

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.context import Context
from loyalty_mcp.tools.reports.balance_pages import MEMBERS_A_PAGE
from loyalty_mcp.tools.reports.get_program_report import get_program_report
from loyalty_mcp.tools.reports.program_figures import ProgramReport

TIMES: Final = 1_000
"""How often a hundred members are repeated."""

SECONDS: Final = 2.0
MEBIBYTES: Final = 16.0
"""What the report may hold at once beside what was there before: some pages, never all."""

VALUES: Final = (
    "SELECT COALESCE((SELECT SUM(o.remaining) FROM open_lots o WHERE o.member = b.member"
    " AND o.definition = b.definition), 0) / 1000000.0 FROM balances b"
)
TIERS: Final = ("Bronze", "Silver", "Gold")


class KeptAnswers:
    """An ASGI application that asks another one once, and then answers from memory.

    Args:
        app: the application that answers first.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._kept: dict[bytes, list[Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        target = scope["raw_path"] + b"?" + scope["query_string"]
        if target not in self._kept:
            self._kept[target] = []

            async def keep(message: Any) -> None:
                self._kept[target].append(message)

            await self._app(scope, receive, keep)
        for message in self._kept[target]:
            await send(message)


def figures(*, quick: bool) -> list[Figure]:
    """Time and memory of one report; a wrong report stops the run."""
    times = TIMES // 10 if quick else TIMES
    with folder() as files:
        small, large = files / "small.db", files / "large.db"
        crowd.founded(small)
        crowd.multiplied(small, large, times)
        return asyncio.run(_measured(large))


async def _measured(file: Path) -> list[Figure]:
    app = create_app(SandboxSettings(database=file, rate_limit=0))
    runtime = compose(read_settings(timeout=300), KeptAnswers(app))
    program = await runtime.context.references.program(None)
    balance = (await runtime.context.references.balances(program))[0].id

    report = await _reported(runtime.context, program, balance)
    _check(report, file)
    began = time.process_time()
    assert await _reported(runtime.context, program, balance) == report
    seconds = time.process_time() - began
    tracemalloc.start()
    await _reported(runtime.context, program, balance)
    held = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()

    await runtime.close()
    app.state.store.close()
    what = f"report of {report.members:,} members in {report.requests} requests"
    return [
        Figure(
            f"{what}: our own time",
            milliseconds(seconds),
            "the goal",
            milliseconds(SECONDS),
            seconds / SECONDS,
            1,
        ),
        Figure(
            f"{what}: memory held at once",
            f"{held:.1f} MiB",
            "the goal",
            f"{MEBIBYTES:.0f} MiB",
            held / MEBIBYTES,
            1,
        ),
    ]


async def _reported(context: Context, program: str, balance: str) -> ProgramReport:
    report = await get_program_report.run(context, program, balance, {"Gold": 600})
    assert isinstance(report, ProgramReport)
    return report


def _check(report: ProgramReport, file: Path) -> None:
    """Compare the report with a direct count.

    Raises:
        AssertionError: they differ.
    """
    with closing(sqlite3.connect(file)) as connection:
        values = [value for (value,) in connection.execute(VALUES)]
    assert report.members == len(values)
    assert report.points_outstanding == sum(values)
    assert report.requests == -(-len(values) // MEMBERS_A_PAGE)
    tiers = Counter(TIERS[(value >= 300) + (value >= 500)] for value in values)
    assert {tier.name: tier.members for tier in report.tiers} == dict(tiers)
    moves = {(move.origin, move.target): move.members for move in report.would_move or ()}
    assert moves == {("Gold", "Silver"): sum(500 <= value < 600 for value in values)}
