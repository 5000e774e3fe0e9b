"""An answer over HTTP is plain JSON, and a stream only for who wants to hear of progress."""

import json
from typing import Any

import pytest

from tests.conftest import SandboxControl
from tests.web.conftest import Serve

CLIENT = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}
DEBIT = {"member": "101", "amount": 10, "reason": "Booked twice"}
YES = {"confirm": {"action": "accept", "content": {"agree": True}}}


def posted(tool: str, *, progress: bool, **params: Any) -> dict[str, Any]:
    """A call as an HTTP client posts it."""
    meta = {**CLIENT, "progressToken": "p"} if progress else CLIENT
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, **params, "_meta": meta},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    return {"url": "/mcp", "json": body, "headers": headers}


def result_of(text: str) -> dict[str, Any]:
    """The result in an answer, or in the last event of a stream."""
    last = [line for line in text.splitlines() if line.strip()][-1]
    result: dict[str, Any] = json.loads(last.removeprefix("data: "))["result"]
    return result


async def test_who_wants_to_hear_of_progress_has_a_stream(serve: Serve) -> None:
    """The same change answers as JSON, and, asked for its progress, tells it before its end."""
    spec = {"program": {"name": "Coffee Club"}, "balances": [{"name": "Beans", "unit": "POINTS"}]}
    async with serve(confirm="off") as edge, edge.http(timeout=30) as http:
        streamed = await http.post(
            **posted("apply_program", progress=True, arguments={"spec": spec})
        )
        plain = await http.post(**posted("apply_program", progress=False, arguments={"spec": spec}))

    assert streamed.headers["content-type"] == "text/event-stream"
    assert "notifications/progress" in streamed.text
    assert plain.headers["content-type"] == "application/json"
    assert result_of(plain.text)["structuredContent"]["status"] == "applied"
    assert result_of(streamed.text)["structuredContent"]["status"] == "applied"


@pytest.mark.parametrize("progress", [(False, True), (True, False)], ids=["asked late", "at first"])
async def test_a_suspended_call_goes_on_either_way(
    serve: Serve, control: SandboxControl, progress: tuple[bool, bool]
) -> None:
    """A dialog's answer is understood whether or not it comes with a wish for progress."""
    before = await control.balance(101)
    async with serve() as edge, edge.http(timeout=30) as http:
        first = await http.post(**posted("debit_points", progress=progress[0], arguments=DEBIT))
        asked = result_of(first.text)
        assert asked["resultType"] == "input_required"
        answered = {"requestState": asked["requestState"], "inputResponses": YES}
        second = await http.post(
            **posted("debit_points", progress=progress[1], arguments=DEBIT, **answered)
        )

    assert result_of(second.text)["structuredContent"]["status"] == "applied"
    assert await control.balance(101) == before - 10
