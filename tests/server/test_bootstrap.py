"""The composition root: what a start loads, and what runs beside the server."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from mcp import Client
from starlette.applications import Starlette

from loyalty_mcp.intents.journal import Journal
from loyalty_mcp.server.bootstrap import Runtime, compose, journal_address, journal_file
from loyalty_mcp.settings import read_settings
from tests.hasty import HastyLoop

FIRST_ANSWERS = """
import sys
import anyio
from mcp import Client
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.settings import read_settings

async def main():
    runtime = compose(read_settings(api_key="any"))
    async with Client(runtime.server()) as client:
        await client.list_tools()
        await client.list_prompts()
        print(sorted({"sqlalchemy", "loyalty_mcp.sandbox"} & set(sys.modules)))

anyio.run(main)
"""


@pytest.fixture
def _journal() -> None:
    """The journal of an account, as an earlier run left it."""

    async def create() -> None:
        journal = Journal(journal_address(read_settings(api_key="any")))
        await journal.counts(datetime.now(UTC))
        await journal.close()

    anyio.run(create)


class NotingReconciler:
    """Notes that it was asked to reconcile what an earlier run left."""

    def __init__(self) -> None:
        self.asked = anyio.Event()

    async def reconcile_abandoned(self, _context: Any) -> None:
        """Note it."""
        self.asked.set()


def watched(runtime: Runtime, **changed: Any) -> tuple[Runtime, NotingReconciler]:
    """A runtime with a reconciler that only notes."""
    reconciler: Any = NotingReconciler()
    context = replace(runtime.context, reconciler=reconciler)
    return replace(runtime, context=context, **changed), reconciler


@pytest.mark.usefixtures("_journal")
def test_a_journal_does_not_delay_the_first_answers() -> None:
    """With a key and a journal of an earlier run, the menu is answered before SQL is loaded."""
    assert journal_file(read_settings(api_key="any")).exists()
    run = subprocess.run(
        [sys.executable, "-c", FIRST_ANSWERS],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, run.stdout) == (0, "[]\n"), run.stderr


async def test_without_a_journal_none_is_created(sandbox: Starlette) -> None:
    """A first run has nothing to reconcile, and creates no journal for it."""
    settings = read_settings(api_key="any")
    runtime = replace(compose(settings, sandbox), reconcile_after=0)
    with anyio.move_on_after(0.2):
        await runtime.reconcile_earlier_run()
    await runtime.close()

    assert not journal_file(settings).exists()


@pytest.mark.usefixtures("_journal")
async def test_what_an_earlier_run_left_is_reconciled_while_serving() -> None:
    """A server with a key and a journal reconciles without being asked to."""
    runtime, reconciler = watched(compose(read_settings(api_key="any")), reconcile_after=0)
    async with Client(runtime.server()):
        with anyio.fail_after(30):
            await reconciler.asked.wait()


@pytest.mark.usefixtures("_journal")
def test_reconciliation_leaves_time_for_the_first_answers() -> None:
    """For some seconds after the start, nothing but answers is worked on."""

    async def seconds_waited() -> float:
        runtime, reconciler = watched(compose(read_settings(api_key="any")))
        began = anyio.current_time()
        await runtime.reconcile_earlier_run()
        await runtime.close()
        assert reconciler.asked.is_set()
        return anyio.current_time() - began

    waited = anyio.run(seconds_waited, backend_options={"loop_factory": HastyLoop})

    assert waited >= 2
