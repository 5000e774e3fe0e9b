"""Long work tells how far it is, and goes on whether or not anybody listens."""

from typing import Any

from mcp import Client
from mcp.shared.dispatcher import ProgressFnT

from loyalty_mcp.tools.progress import report, reporting_to
from tests.conftest import Connect

SPEC: dict[str, Any] = {
    "program": {"name": "Coffee Club"},
    "balances": [{"name": "Beans", "unit": "POINTS"}],
}


async def test_applying_a_program_tells_each_step(connect: Connect) -> None:
    """A client that asks for progress is told what is being made, step by step."""
    reports: list[tuple[float, float | None, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))

    async with connect(confirm="off") as client:
        result = await applied(client, listen)

    assert result["status"] == "applied"
    assert [progress for progress, _, _ in reports] == list(range(len(reports)))
    assert len(reports) == 2
    assert all(message for _, _, message in reports)


async def applied(client: Client, listen: ProgressFnT) -> dict[str, Any]:
    """What applying the program answers."""
    found = await client.call_tool("apply_program", {"spec": SPEC}, progress_callback=listen)
    return dict(found.structured_content or {})


async def test_a_listener_that_fails_stops_nothing() -> None:
    """Work goes on to its end although nobody can be told of it."""
    reports: list[int] = []

    async def broken(done: int, _total: int, _now: str) -> None:
        reports.append(done)
        raise ConnectionError("gone")

    finished = 0
    with reporting_to(broken):
        for step in range(3):
            await report(step, 3, "a step")
            finished += 1

    assert reports == [0, 1, 2]
    assert finished == 3


async def test_a_listener_is_told_only_inside_its_block() -> None:
    """After the block, and without any listener, reports go nowhere and raise nothing."""
    reports: list[tuple[int, int, str]] = []

    async def listen(done: int, total: int, now: str) -> None:
        reports.append((done, total, now))

    await report(0, 2, "before")
    with reporting_to(listen):
        await report(1, 2, "inside")
    await report(2, 2, "after")

    assert reports == [(1, 2, "inside")]
