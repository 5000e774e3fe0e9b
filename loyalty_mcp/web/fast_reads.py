"""Answer plain reads over HTTP without the MCP library.

Most requests call one read-only tool. For each of them the library builds a session, a context and
an envelope, which a read does not need. Plain calls of this kind are answered here. All other
requests, including malformed ones, go to the library. `docs/decisions/fast-reads.md` says what this
gains and when to delete it.
"""

from typing import Any, Final, Literal, cast

import mcp_types as types
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.brevo.tracing import sdk_installed
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.server.caller_session import CallerSession, CallerSessions
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.server.handlers import PRINCIPAL, tool_result
from loyalty_mcp.web.edge.body_limit import BODY

NAME: Final = b"mcp-name"
ACCEPT: Final = b"accept"
JSON: Final = b"application/json"
ACCEPTED: Final = frozenset((JSON, b"text/event-stream"))
"""Media types that a client must accept, because the library may answer with either."""

CHECKED_HEADERS: Final = frozenset((ACCEPT, b"content-type"))
TOOL_CALL_HEADERS: Final = {
    b"content-type": JSON,
    b"mcp-method": b"tools/call",
    b"mcp-protocol-version": b"2026-07-28",
}


class _StrictModel(BaseModel):
    """A part of a message that allows no other fields."""

    model_config = ConfigDict(extra="forbid")


class _ClientMeta(_StrictModel):
    """The `_meta` of a request, in which the client describes itself."""

    version: Literal["2026-07-28"] = Field(alias=types.PROTOCOL_VERSION_META_KEY)
    capabilities: types.ClientCapabilities = Field(alias=types.CLIENT_CAPABILITIES_META_KEY)
    client: types.Implementation | None = Field(default=None, alias=types.CLIENT_INFO_META_KEY)


class _CallParameters(_StrictModel):
    """The tool and its arguments."""

    name: StrictStr
    arguments: dict[str, Any] = Field(default_factory=dict)
    client_meta: _ClientMeta = Field(alias="_meta")


class ToolCall(_StrictModel):
    """A call of a tool without progress, dialogs or other state."""

    jsonrpc: Literal["2.0"]
    id: StrictInt | StrictStr
    method: Literal["tools/call"]
    params: _CallParameters


class FastReads:
    """Answers plain reads, and passes on all other requests.

    Args:
        library: the MCP library's application.
        sessions: the sessions of callers.
        meta: the `_meta` of every result.
    """

    def __init__(self, library: ASGIApp, sessions: CallerSessions, meta: dict[str, Any]) -> None:
        self._library = library
        self._sessions = sessions
        self._meta = meta

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of an authenticated caller; its body is in the scope."""
        session = self._sessions.of(scope[PRINCIPAL])
        call = parse_plain_read(scope, session)
        # Only the library creates spans.
        if call is None or sdk_installed():
            await self._library(scope, receive, send)
            return
        # A read never opens a dialog, whatever the client supports.
        caller = Caller(session.principal.name, can_ask=False)
        answer = await session.dispatcher.call(call.params.name, call.params.arguments, caller)
        result = tool_result(cast("Answer", answer), self._meta)
        reply = {"jsonrpc": "2.0", "id": call.id, "result": result}
        body = to_json(reply, by_alias=True, exclude_none=True)
        await Response(body, media_type="application/json")(scope, receive, send)


def parse_plain_read(scope: Scope, session: CallerSession) -> ToolCall | None:
    """The call in a request, if it is a plain call of a read-only tool."""
    name = _tool_in_headers(scope)
    tool = None if name is None else session.dispatcher.tools.get(name.decode("latin-1"))
    if tool is None or tool.guarded:
        return None
    try:
        call = ToolCall.model_validate_json(scope[BODY])
    except ValidationError:
        return None
    return call if call.params.name == tool.name else None


def _tool_in_headers(scope: Scope) -> bytes | None:
    """The tool named in the headers, if they are exactly those of a tool call."""
    relevant = [
        header
        for header in scope["headers"]
        if header[0] in CHECKED_HEADERS or header[0].startswith(b"mcp-")
    ]
    values = dict(relevant)
    name, accept = values.pop(NAME, None), values.pop(ACCEPT, b"")
    no_duplicates = len(values) + 2 == len(relevant)
    accepts_both = ACCEPTED.issubset(each.strip() for each in accept.split(b","))
    is_call = (
        scope["method"] == "POST" and no_duplicates and accepts_both and values == TOOL_CALL_HEADERS
    )
    return name if is_call else None
