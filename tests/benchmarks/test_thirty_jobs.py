"""The thirty jobs of the benchmark with our tools: they succeed and give the requested facts."""

import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any, cast

import anyio.from_thread
import anyio.to_thread
import pytest
from mcp import Client

from tests.benchmarks.test_benchmarks import SCRIPTS
from tests.conftest import YES, Connect, Mode, text_of

THIRTY = 30


class Talk:
    """What a script calls: a tool call whose person agrees to every dialog.

    Args:
        client: of our server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.read: list[str] = []

    def __call__(self, tool: str, **arguments: Any) -> Any:
        """Call a tool from a script's thread; returns its answer as data."""
        result = anyio.from_thread.run(partial(self._client.call_tool, tool, arguments))
        assert not result.is_error, text_of(result)
        self.read.append(text_of(result))
        return result.structured_content


@pytest.fixture
def mode() -> Mode:
    """The era of the protocol that the benchmark measures."""
    return "legacy"


@pytest.fixture(scope="module")
def scripts() -> Iterator[Any]:
    """The benchmark's modules, imported from their own folder."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(SCRIPTS)
        yield import_module("tasks")
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(SCRIPTS)):
            del sys.modules[name]


@pytest.mark.parametrize("number", range(THIRTY))
async def test_facts_of_a_job_are_answered(connect: Connect, scripts: Any, number: int) -> None:
    """The text for the model contains the requested facts."""
    assert len(scripts.JOBS) == THIRTY
    job = scripts.JOBS[number]
    pinned = {"member": job.member} if job.member else {}
    async with connect(lambda _: YES, role=job.user, **pinned) as client:
        talk = Talk(client)
        await anyio.to_thread.run_sync(cast("Any", job.ours), talk)

        scripts.check_facts(job, "ours", talk.read)
