"""What tests of the guard share."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from loyalty_mcp.guard import outcome_elsewhere, reconciliation, turn
from loyalty_mcp.guard.reconciliation import Reconciler
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.registry import TOOLS
from tests.guard.guarded_tool import GuardedTool
from tests.guard.one_tool import MOVED, Clock, OneTool, Reads


@pytest.fixture
def one(make_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch) -> OneTool:
    """A clock that stands at NOW, and reads that tell of a movement."""
    monkeypatch.setattr(reconciliation, "LOOK_AGAIN_SECONDS", 0)
    for module in (outcome_elsewhere, turn):
        # A test that waits for somebody else has failed, so it need not wait for long.
        monkeypatch.setattr(module, "WAIT_SECONDS", 1.0)
    clock, reads = Clock(), Reads([MOVED])
    context = replace(make_runtime(timeout=20).context, now=clock.now)
    context.brevo._clock = clock  # type: ignore[assignment] # it tells the time
    tool = replace(TOOLS["credit_points"], reconcile=reads)
    reconciler = Reconciler({"credit_points": tool})
    return OneTool(replace(context, reconciler=reconciler), clock, reads, reconciler)


@pytest.fixture
def tool(one: OneTool) -> GuardedTool:
    """A guard on that server, whose previews show a credit of 5."""
    return GuardedTool(one)
