"""What can be watched: health, readiness, metrics, logs."""

import json
import logging
import sys

import pytest
from starlette.applications import Starlette

from loyalty_mcp.cli.log_format import JsonLines
from loyalty_mcp.web.metrics import BUCKETS, Calls
from tests.conftest import SandboxControl
from tests.web.conftest import Edge, Serve


async def test_ready(edge: Edge) -> None:
    """Ready is who can write its journal and reach Brevo."""
    async with edge.http() as http:
        answer = await http.get("/ready")

        assert answer.json() == {"status": "ready", "journal": "works", "upstream": "answers"}


async def test_not_ready(edge: Edge, control: SandboxControl) -> None:
    """While Brevo does not answer, a load balancer is told; the process itself is well."""
    fault = {"method": "GET", "path": "/v3/loyalty/config/programs", "kind": "refuse_before"}
    await control.post("/sandbox/faults", {"faults": [{**fault, "status": 503, "times": 50}]})
    async with edge.http() as http:
        answer = await http.get("/ready")

        assert (answer.status_code, answer.json()["upstream"]) == (503, "does not answer")
        assert (await http.get("/health")).status_code == 200


async def test_asking_often_costs_nothing(edge: Edge) -> None:
    """However often it is asked, readiness spends one request in a minute."""
    async with edge.http() as http:
        for _ in range(50):
            await http.get("/ready")

    assert edge.runtime.context.brevo.requests_sent == 1


async def test_metrics(serve: Serve) -> None:
    """Calls by outcome, time, budget and intents are counted, for operators alone."""
    async with serve(confirm="operator") as edge:
        ops, agent = await edge.token("ops", operator=True), await edge.token("agent", "support")
        async with edge.client(agent) as client:
            await client.call_tool("get_member_overview", {"member": "101"})
            await client.call_tool("get_member_overview", {"member": "no such"})
            await client.call_tool("debit_points", {"member": "101", "amount": 1, "reason": "x"})
            await client.call_tool("delete_program", {})
        async with edge.http(agent) as http:
            assert (await http.get("/metrics")).status_code == 403
        async with edge.http(ops) as http:
            answer = await http.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'loyalty_mcp_calls_total{tool="get_member_overview",outcome="ok"} 1',
        'loyalty_mcp_calls_total{tool="get_member_overview",outcome="error"} 1',
        'loyalty_mcp_calls_total{tool="debit_points",outcome="waiting_for_operator"} 1',
        'loyalty_mcp_calls_total{tool="none",outcome="error"} 1',
        'loyalty_mcp_call_seconds_count{tool="get_member_overview"} 2',
        "loyalty_mcp_upstream_budget_limit 600",
        "loyalty_mcp_intents_open 1",
        "loyalty_mcp_intents_unknown 0",
        "loyalty_mcp_intents_waiting 1",
        "loyalty_mcp_journal_up 1",
    ):
        assert line in lines


def test_histogram() -> None:
    """Buckets count upwards, and the last one holds everything."""
    calls = Calls()
    for seconds in (0.0, *BUCKETS, 1_000.0):
        calls.observe("a", "ok", seconds)

    counts = [int(line.split()[-1]) for line in calls.lines() if "_bucket" in line]
    assert counts == [2, *range(3, len(BUCKETS) + 3)]


def test_json_lines() -> None:
    """A log line for machines is one JSON object, with its facts by name and its trace inside."""
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


async def test_the_log_holds_no_secret(
    edge: Edge, sandbox: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a token nor a query, where one may stand by mistake, is ever logged."""
    assert sandbox is not None
    caplog.set_level(logging.DEBUG, "loyalty_mcp")
    token = await edge.token("kim")
    async with edge.http(token) as http:
        await http.get("/health", params={"token": token})
        await http.post("/mcp", headers={"host": f"{token}.example"})
        await http.post("/approvals/login", data={"token": token})

    assert caplog.records
    assert token not in caplog.text
