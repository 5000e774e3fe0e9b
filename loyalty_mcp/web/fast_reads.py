"""A read over HTTP that is answered straight, past the machinery of the MCP library.

Most requests are one plain message: call a tool that changes nothing. The library makes a session,
a context and an envelope for each, which a read has no use for; that was two fifths of its work.
What is plainly such a message is answered here. All else, and all that is not quite right, goes to
the library, which alone refuses.
"""

from typing import Any, Final, Literal, cast

import mcp_types as types
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.brevo.tracing import watched
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.server.caller_session import CallerSession, CallerSessions
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.server.handlers import PRINCIPAL, tool_result
from loyalty_mcp.web.edge.body_limit import BODY

NAME: Final = b"mcp-name"
ACCEPT: Final = b"accept"
JSON: Final = b"application/json"
TAKEN: Final = frozenset((JSON, b"text/event-stream"))
"""What a client has to take: the library may answer in either way."""

LOOKED_AT: Final = frozenset((ACCEPT, b"content-type"))
CALLED: Final = {
    b"content-type": JSON,
    b"mcp-method": b"tools/call",
    b"mcp-protocol-version": b"2026-07-28",
}


class _Exactly(BaseModel):
    """A part of a message in which nothing else stands."""

    model_config = ConfigDict(extra="forbid")


class _Envelope(_Exactly):
    """What a client says of itself."""

    version: Literal["2026-07-28"] = Field(alias=types.PROTOCOL_VERSION_META_KEY)
    capabilities: types.ClientCapabilities = Field(alias=types.CLIENT_CAPABILITIES_META_KEY)
    client: types.Implementation | None = Field(default=None, alias=types.CLIENT_INFO_META_KEY)


class _Parameters(_Exactly):
    """The tool, and what it is given."""

    name: StrictStr
    arguments: dict[str, Any] = Field(default_factory=dict)
    envelope: _Envelope = Field(alias="_meta")


class _Message(_Exactly):
    """A call of a tool that waits for nothing and goes on with nothing."""

    jsonrpc: Literal["2.0"]
    id: StrictInt | StrictStr
    method: Literal["tools/call"]
    params: _Parameters


class FastReads:
    """Answers plain reads; an application answers everything else.

    Args:
        others: the MCP library.
        desks: what each caller gets.
        meta: what stands beside every answer.
    """

    def __init__(self, others: ASGIApp, sessions: CallerSessions, meta: dict[str, Any]) -> None:
        self._others = others
        self._sessions = sessions
        self._meta = meta

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a known caller, whose body is there."""
        session = self._sessions.of(scope[PRINCIPAL])
        message = plain_read(scope, session)
        # A span is the library's to make.
        if message is None or watched():
            await self._others(scope, receive, send)
            return
        # A read asks nobody, whatever the client could show.
        caller = Caller(session.principal.name, can_ask=False)
        answer = await session.dispatcher.call(
            message.params.name, message.params.arguments, caller
        )
        result = tool_result(cast("Answer", answer), self._meta)
        reply = {"jsonrpc": "2.0", "id": message.id, "result": result}
        body = to_json(reply, by_alias=True, exclude_none=True)
        await Response(body, media_type="application/json")(scope, receive, send)


def plain_read(scope: Scope, session: CallerSession) -> _Message | None:
    """The message of a request, if it plainly calls a tool that changes nothing."""
    name = _named(scope)
    tool = None if name is None else session.dispatcher.tools.get(name.decode("latin-1"))
    if tool is None or tool.guarded:
        return None
    try:
        message = _Message.model_validate_json(scope[BODY])
    except ValidationError:
        return None
    return message if message.params.name == tool.name else None


def _named(scope: Scope) -> bytes | None:
    """The tool that the headers name, if they say just what a call of one says."""
    relevant = [
        header
        for header in scope["headers"]
        if header[0] in LOOKED_AT or header[0].startswith(b"mcp-")
    ]
    said = dict(relevant)
    name, accepted = said.pop(NAME, None), said.pop(ACCEPT, b"")
    once = len(said) + 2 == len(relevant)
    takes = TAKEN.issubset(each.strip() for each in accepted.split(b","))
    plain = scope["method"] == "POST" and once and takes and said == CALLED
    return name if plain else None
