"""The probe determines how the API behaves, stores it for the account, and cleans up."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from loyalty_mcp.cli.commands import main
from loyalty_mcp.cli.doctor import Finding
from loyalty_mcp.cli.probe import REQUESTS, probe, probed
from loyalty_mcp.server.bootstrap import Runtime
from loyalty_mcp.tools.account_behaviour import AccountBehaviour, known_facts
from tests.conftest import Connect, SandboxControl

pytestmark = pytest.mark.anyio

DEBIT: dict[str, Any] = {"member": "101", "amount": 10, "reason": "Correction"}


async def findings(runtime: Runtime, control: SandboxControl) -> dict[str, Finding]:
    """The findings of a probe; waiting advances the sandbox's clock."""

    async def wait(seconds: float) -> None:
        if seconds:
            await control.post("/sandbox/clock", {"advance_seconds": seconds})

    return {item.check: item for item in await probe(runtime.context, wait)}


def faults(found: dict[str, Finding]) -> list[str]:
    """The failed checks."""
    return [name.removeprefix("probe: ") for name, item in found.items() if not item.good]


async def test_the_sandbox_as_it_is_holds_what_is_assumed(
    make_runtime: Callable[..., Runtime], control: SandboxControl
) -> None:
    """Every finding is good, the state is unchanged, and it takes about 30 requests."""
    runtime, before = make_runtime(), await control.state_hash()

    found = await findings(runtime, control)

    assert faults(found) == []
    assert len(found) == 9
    assert await control.state_hash() == before
    assert runtime.context.brevo.requests_sent <= 30
    assert (await known_facts(runtime.context)) == AccountBehaviour(marks_shown=True)


@pytest.mark.parametrize(
    ("switch", "fault", "fact"),
    [
        ({"no_meta_in_history": True}, "meta", {"marks_shown": False}),
        ({"ttl_minutes": True}, "ttl", {"ttl_unit": "minutes"}),
        ({"history_lag": 5}, "read your writes", {}),
        ({"drafts_in_balance": True}, "open draft", {"drafts_counted": True}),
        ({"complete_twice": "ignored"}, "second completion", {"second_completion": "ignored"}),
        ({"complete_twice": "applied"}, "second completion", {"second_completion": "applied"}),
        ({"filters_ignored": True}, "filters", {}),
        ({"history_oldest_first": True}, "history", {"newest_first": False}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
async def test_each_other_answer_of_the_api_is_found(
    make_runtime: Callable[..., Runtime],
    control: SandboxControl,
    switch: dict[str, Any],
    fault: str,
    fact: dict[str, Any],
) -> None:
    """One finding fails, it is stored for the account, and the state is unchanged."""
    runtime, before = make_runtime(), await control.state_hash()
    await control.post("/sandbox/switches", switch)

    found = await findings(runtime, control)

    assert faults(found) == [fault]
    known = await known_facts(runtime.context)
    assert {name: getattr(known, name) for name in fact} == fact
    assert (known.history_lag.total_seconds() >= 5) is ("history_lag" in switch)
    assert await control.state_hash() == before
    assert runtime.context.brevo.requests_sent <= REQUESTS


async def test_what_cannot_be_removed_is_said(
    make_runtime: Callable[..., Runtime], control: SandboxControl
) -> None:
    """A failed deletion is reported, and the next probe reports it again."""
    runtime = make_runtime()
    fault = {"method": "DELETE", "path": "*/programs/*", "kind": "refuse_before", "times": 9}
    await control.post("/sandbox/faults", {"faults": [fault]})
    first = (await findings(runtime, control))["probe: clean-up"]
    await control.post("/sandbox/faults", {"faults": []})
    second = (await findings(runtime, control))["probe: clean-up"]

    assert "not deleted: the membership" in first.found
    assert "program " in first.found
    assert "1 program(s) of an earlier probe" in second.found


async def test_a_read_only_set_up_is_not_probed(
    make_runtime: Callable[..., Runtime], control: SandboxControl
) -> None:
    """Nothing is sent."""
    runtime, before = make_runtime(read_only=True), await control.state_hash()

    (only,) = await probed(runtime.context)

    assert not only.good
    assert "read-only" in only.found
    assert await control.state_hash() == before


def test_a_probe_asks_first() -> None:
    """Without agreement nothing is done; with --yes nobody is asked."""
    asked = CliRunner().invoke(main, ["doctor", "--probe"], input="n\n")
    done = CliRunner().invoke(main, ["doctor", "--probe", "--yes"])

    assert asked.exit_code == 1
    assert "Go on?" in asked.stderr
    assert "meta" not in asked.stdout
    assert done.exit_code == 0, done.stdout
    assert "probe: meta: is kept and shown" in done.stdout


@pytest.mark.parametrize(
    "switch",
    [
        {"no_meta_in_history": True},
        {"ttl_minutes": True},
        {"drafts_in_balance": True},
        {"complete_twice": "applied"},
        {"filters_ignored": True},
        {"history_oldest_first": True},
    ],
    ids=lambda value: next(iter(value)),
)
async def test_a_lost_completion_moves_points_once_whatever_the_api_does(
    make_runtime: Callable[..., Runtime],
    control: SandboxControl,
    connect: Connect,
    switch: dict[str, Any],
) -> None:
    """After a probe, a completion that was carried out but refused is reported correctly."""
    await control.post("/sandbox/switches", switch)
    async with connect(confirm="off") as client:
        await findings(make_runtime(), control)
        before = await control.balance(101)
        fault = {
            "method": "POST",
            "path": "*/complete",
            "kind": "status_after_commit",
            "status": 400,
        }
        await control.post("/sandbox/faults", {"faults": [fault]})
        answer = await client.call_tool("debit_points", DEBIT)

    assert answer.structured_content["status"] == "applied"
    assert await control.balance(101) == before - 10


async def test_a_history_that_lags_denies_nothing(
    make_runtime: Callable[..., Runtime], control: SandboxControl, connect: Connect
) -> None:
    """A completion that was carried out but refused is unknown until the history shows it."""
    await control.post("/sandbox/switches", {"history_lag": 5})
    runtime = make_runtime()
    await findings(runtime, control)
    fault = {"method": "POST", "path": "*/complete", "kind": "status_after_commit", "status": 400}
    async with connect(confirm="off") as client:
        await control.post("/sandbox/faults", {"faults": [fault]})
        answer = await client.call_tool("debit_points", DEBIT)
        await control.post("/sandbox/clock", {"advance_seconds": 60})
        later = await client.call_tool(
            "check_intent", {"intent": answer.structured_content["intent"]}
        )

    assert answer.structured_content["status"] == "unknown"
    assert later.structured_content["status"] == "applied"
