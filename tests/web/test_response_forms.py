"""An answer over HTTP is JSON, and an event stream only where progress was asked for."""

import json
from typing import Any

import pytest

from tests.conftest import SandboxControl
from tests.web.conftest import INITIALIZE, Serve

CLIENT = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}
DEBIT = {"member": "101", "amount": 10, "reason": "Booked twice"}
YES = {"confirm": {"action": "accept", "content": {"agree": True}}}


def posted(tool: str, *, progress: bool, **params: Any) -> dict[str, Any]:
    """A tool call as an HTTP client posts it."""
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
    """The result in a response, or in the last event of a stream."""
    last = [line for line in text.splitlines() if line.strip()][-1]
    result: dict[str, Any] = json.loads(last.removeprefix("data: "))["result"]
    return result


async def test_a_call_with_a_progress_token_is_streamed(serve: Serve) -> None:
    """With a progress token the answer is an event stream with progress; without, plain JSON."""
    spec = {"program": {"name": "Coffee Club"}, "balances": [{"name": "Beans", "unit": "POINTS"}]}
    async with serve(confirm="off") as server, server.http(timeout=30) as http:
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
async def test_a_suspended_call_resumes_with_or_without_progress(
    serve: Serve, control: SandboxControl, progress: tuple[bool, bool]
) -> None:
    """A dialog's answer is accepted whether or not it carries a progress token."""
    before = await control.balance(101)
    async with serve() as server, server.http(timeout=30) as http:
        first = await http.post(**posted("debit_points", progress=progress[0], arguments=DEBIT))
        asked = result_of(first.text)
        assert asked["resultType"] == "input_required"
        answered = {"requestState": asked["requestState"], "inputResponses": YES}
        second = await http.post(
            **posted("debit_points", progress=progress[1], arguments=DEBIT, **answered)
        )

    assert result_of(second.text)["structuredContent"]["status"] == "applied"
    assert await control.balance(101) == before - 10


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_slash_after_the_path_makes_no_difference(serve: Serve, path: str) -> None:
    """`/mcp/` answers as `/mcp`, without a redirect, in both eras."""
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": CLIENT}}
    headers = {"accept": "application/json, text/event-stream"}
    modern = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list", **headers}
    async with serve() as server, server.http() as http:
        handshake = await http.post(path, json=INITIALIZE, headers=headers)
        listed = await http.post(path, json=listing, headers=modern)

    assert "mcp-session-id" in handshake.headers
    assert len(result_of(listed.text)["tools"]) > 10
