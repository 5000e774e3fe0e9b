"""Health, readiness, metrics and logs."""

import json
import logging
import sys

import pytest
from prometheus_client import generate_latest
from starlette.applications import Starlette

from loyalty_mcp.cli.log_format import JsonLines
from loyalty_mcp.web.metrics import BUCKETS, CallMetrics
from tests.conftest import SandboxControl
from tests.web.conftest import RunningServer, Serve


async def test_ready_when_journal_and_brevo_answer(server: RunningServer) -> None:
    """The server is ready when its journal works and Brevo answers."""
    async with server.http() as http:
        answer = await http.get("/ready")

        assert answer.json() == {
            "status": "ready",
            "journal": "works",
            "upstream": "answers",
            "budget": "available",
        }


async def test_not_ready_while_brevo_does_not_answer(
    server: RunningServer, control: SandboxControl
) -> None:
    """While Brevo does not answer, /ready gives 503 and /health 200."""
    fault = {"method": "GET", "path": "/v3/loyalty/config/programs", "kind": "refuse_before"}
    await control.post("/sandbox/faults", {"faults": [{**fault, "status": 503, "times": 50}]})
    async with server.http() as http:
        answer = await http.get("/ready")

        assert (answer.status_code, answer.json()["upstream"]) == (503, "does not answer")
        assert (await http.get("/health")).status_code == 200


async def test_frequent_probes_send_one_request(server: RunningServer) -> None:
    """However often /ready is called, it sends one request a minute."""
    async with server.http() as http:
        for _ in range(50):
            await http.get("/ready")

    assert server.runtime.context.brevo.requests_sent == 1


async def test_metrics_count_calls_budget_and_intents(serve: Serve) -> None:
    """Calls, durations, budget and intents are shown, to operators only."""
    async with serve(confirm="operator") as server:
        ops, agent = (
            await server.token("ops", operator=True),
            await server.token("agent", "support"),
        )
        async with server.client(agent) as client:
            await client.call_tool("get_member_overview", {"member": "101"})
            await client.call_tool("get_member_overview", {"member": "no such"})
            await client.call_tool("debit_points", {"member": "101", "amount": 1, "reason": "x"})
            await client.call_tool("delete_program", {})
        async with server.http(agent) as http:
            assert (await http.get("/metrics")).status_code == 403
        async with server.http(ops) as http:
            answer = await http.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'loyalty_mcp_calls_total{outcome="ok",tool="get_member_overview"} 1.0',
        'loyalty_mcp_calls_total{outcome="error",tool="get_member_overview"} 1.0',
        'loyalty_mcp_calls_total{outcome="waiting_for_operator",tool="debit_points"} 1.0',
        'loyalty_mcp_calls_total{outcome="error",tool="none"} 1.0',
        'loyalty_mcp_call_seconds_count{tool="get_member_overview"} 2.0',
        "loyalty_mcp_upstream_budget_limit 600.0",
        "loyalty_mcp_intents_open 1.0",
        "loyalty_mcp_intents_unknown 0.0",
        "loyalty_mcp_intents_waiting 1.0",
        "loyalty_mcp_journal_up 1.0",
    ):
        assert line in lines


def test_histogram_buckets_are_cumulative() -> None:
    """Each bucket counts all calls up to its bound, and the last one all calls."""
    calls = CallMetrics()
    for seconds in (0.0, *BUCKETS, 1_000.0):
        calls.observe("a", "ok", seconds)

    lines = generate_latest(calls.registry).decode().splitlines()
    counts = [float(line.split()[-1]) for line in lines if "_bucket" in line]
    assert counts == [2, *range(3, len(BUCKETS) + 3)]


def test_a_json_log_line_is_one_object() -> None:
    """A JSON log line is one object with its fields and the traceback."""
    facts = {"path": "/mcp\n{", "status": 200}
    record = logging.LogRecord("n", logging.INFO, "f", 1, "%(path)r %(status)s", (facts,), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert (found["path"], found["status"], found["level"]) == ("/mcp\n{", 200, "INFO")
    try:
        raise ValueError("inside")  # noqa: TRY301 - to have a trace
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "f", 1, "broke", None, sys.exc_info())
    assert "inside" in json.loads(JsonLines().format(record))["exception"]


async def test_secrets_are_never_logged(
    server: RunningServer, sandbox: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    """No token is logged, wherever in the request it is."""
    assert sandbox is not None
    caplog.set_level(logging.DEBUG, "loyalty_mcp")
    token = await server.token("kim")
    async with server.http(token) as http:
        await http.get("/health", params={"token": token})
        await http.post("/mcp", headers={"host": f"{token}.example"})
        await http.post("/approvals/login", data={"token": token})

    assert caplog.records
    assert token not in caplog.text
