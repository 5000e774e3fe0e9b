"""What each tool says on the seeded sandbox: a good answer, a preview, and an error."""

import itertools
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx2

from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.principal import LOCAL
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.server.bootstrap import Runtime, compose
from loyalty_mcp.server.dispatcher import SANDBOX_MARK, Answer
from loyalty_mcp.settings import read_settings
from loyalty_mcp.tools.registry import TOOLS
from tests.conftest import SandboxControl
from tests.memory import MEMORY
from tests.tools.answers.mistakes import MISTAKES
from tests.world import BALANCE, CONFIG, GOOD, World, fill

NOW: Final = datetime(2026, 11, 26, 9, 0, 20, tzinfo=UTC)
"""The moment of every sample; seconds that a slow machine takes do not reach the next minute."""

TEXTS: Final = Path(__file__).parent / "texts"
"""The reviewed texts: a file for each tool, in Markdown."""

RANDOM: Final = (
    (re.compile(r'(confirmation )"[^"]+"'), r'\1"CONFIRMATION"'),
    (re.compile(r"\b[0-9a-f]{32}\b"), "INTENT"),
    (re.compile(r"\b(data) [0-9a-f]{16}\b"), r"\1 MARK"),
)
"""What differs from run to run."""


@dataclass(frozen=True)
class Beginning:
    """The seeded sandbox with one of everything, copied for each sample.

    Args:
        store: of the engine.
        world: the ids of what has no name.
    """

    store: sqlite3.Connection
    world: World


@dataclass(frozen=True)
class Sample:
    """What one tool says.

    Args:
        preview: what a person agrees to; None for a read.
        answer: of a call that does what the tool is for.
        error: of a call with a mistake.
    """

    preview: str | None
    answer: str
    error: str

    @property
    def text(self) -> str:
        """All of it, under headings in Markdown."""
        parts = {"Preview": self.preview, "Answer": self.answer, "Error": self.error}
        return "\n".join(
            f"{title}:\n\n```text\n{text}\n```\n"
            for title, text in parts.items()
            if text is not None
        )


def sample_clock() -> datetime:
    """The moment of every sample."""
    return NOW


def counted_ids(group: int) -> Callable[[], str]:
    """Ids that are the same in every run."""
    numbers = itertools.count(1)
    return lambda: str(uuid.UUID(int=(group << 96) + next(numbers), version=4))


async def beginning_of_samples() -> Beginning:
    """The seeded sandbox with one of everything, at the moment of the samples."""
    app = create_app(clock=sample_clock, new_id=counted_ids(1))
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://sandbox",
        headers={"api-key": "test"},
    )
    control = SandboxControl(http)
    world = await fill(control)
    await control.close()
    return Beginning(app.state.store._connection, world)


@asynccontextmanager
async def _server(beginning: Beginning) -> AsyncIterator[tuple[Runtime, SandboxControl]]:
    """A server on a copy of the beginning, with a journal that is thrown away."""
    app = create_app(SandboxSettings(empty=True), clock=sample_clock, new_id=counted_ids(2))
    beginning.store.backup(app.state.store._connection)
    with TemporaryDirectory(prefix="loyalty-mcp-", dir=MEMORY) as folder:
        settings = read_settings(database_url=f"sqlite:///{folder}/journal.db")
        runtime = compose(settings, app, now=sample_clock)
        http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://sandbox",
            headers={"api-key": "test"},
        )
        yield runtime, SandboxControl(http)
        await http.aclose()
        await runtime.close()
    app.state.store.close()


async def sample_of(name: str, beginning: Beginning) -> Sample:
    """What a tool says: the preview and the outcome of a good call, and the answer to a mistake."""
    async with _server(beginning) as (runtime, control):
        world = beginning.world
        if name == "create_subscription_balance":
            await _open_tea_points(control)
        if name == "check_intent":
            asked = await _called(runtime, "create_program", {"name": "Later"})
            world = replace(world, intent=(asked.structured or {})["intent"])
        if name == "complete_redemption":
            opened = await _agreed(runtime, "redeem_voucher", GOOD["redeem_voucher"](world))
            world = replace(world, redemption=(opened[1].structured or {})["result"]["id"])
        error = await _called(runtime, name, MISTAKES[name](world))
        if not error.failed:
            raise ValueError(f"{name}: the mistake is none")
        good = GOOD[name](world)
        if not TOOLS[name].guarded:
            return Sample(None, _shown(await _called(runtime, name, good)), _shown(error))
        preview, done = await _agreed(runtime, name, good)
        return Sample(_shown(preview), _shown(done), _shown(error))


async def _agreed(runtime: Runtime, name: str, arguments: dict[str, Any]) -> tuple[Answer, Answer]:
    """The preview of a change, and its answer after the agreement."""
    preview = await _called(runtime, name, arguments)
    confirmation = (preview.structured or {})["confirmation"]
    return preview, await _called(runtime, name, {**arguments, "confirmation": confirmation})


async def write_samples() -> None:
    """Write the text of every tool anew; then somebody reads what changed.

    A new tool has a text as soon as it has a good call and a mistake.
    """
    beginning = await beginning_of_samples()
    TEXTS.mkdir(exist_ok=True)
    for name in (name for name in TOOLS if name in GOOD and name in MISTAKES):
        file = text_file(name)
        file.write_text((await sample_of(name, beginning)).text, encoding="utf-8")


def text_file(name: str) -> Path:
    """Where the reviewed text of a tool stands."""
    return TEXTS / f"{name}.md"


async def _open_tea_points(control: SandboxControl) -> None:
    """A second balance, live, which nobody has opened yet."""
    program = await control.program()
    body = {"name": "Tea Points", "unit": "POINTS"}
    await control.post(f"{BALANCE}/{program}/balance-definitions", body)
    await control.post(f"{CONFIG}/{program}/publish", {})


async def _called(runtime: Runtime, name: str, arguments: dict[str, Any]) -> Answer:
    answer = await runtime.dispatcher.call(name, arguments, Caller(LOCAL, can_ask=False))
    if not isinstance(answer, Answer):
        raise TypeError(f"{name} shows a dialog")
    return answer


def _shown(answer: Answer) -> str:
    """The text of an answer, without what differs from run to run."""
    found = answer.text.removeprefix(SANDBOX_MARK)
    for pattern, word in RANDOM:
        found = pattern.sub(word, found)
    return found
