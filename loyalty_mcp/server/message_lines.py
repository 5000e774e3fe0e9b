"""The JSON-RPC messages in a line of input, including malformed lines.

Some clients send a byte order mark, an unpaired surrogate, an array of messages, or invalid JSON.
The MCP library drops such a line without an answer, and the client waits until its timeout.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from loyalty_mcp.server.lazy_models import built_on_first_use

with built_on_first_use():
    import mcp_types as types

NOT_JSON: Final = "This line is not JSON; send one JSON-RPC message a line, in UTF-8."
NOT_A_MESSAGE: Final = "This is not a JSON-RPC 2.0 message with an id, a method and params."
EMPTY_BATCH: Final = "This batch is empty; send one JSON-RPC message a line."


def messages_in(line: bytes) -> list[str | types.JSONRPCError]:
    """The messages of a line: each as text, or the error to answer with.

    An unpaired surrogate becomes U+FFFD. A batch becomes its messages, each answered separately.
    """
    text = line.decode("utf-8-sig", errors="replace").strip()
    if not text:
        return []
    if _is_message(text):
        return [text]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return [_error(types.PARSE_ERROR, NOT_JSON)]
    return list(_messages_of(value))


def _messages_of(value: Any) -> Iterator[str | types.JSONRPCError]:
    if value == []:
        yield _error(types.INVALID_REQUEST, EMPTY_BATCH)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and _is_whole_float(item.get("id")):
            item["id"] = int(item["id"])
        text = _without_half_surrogates(json.dumps(item, ensure_ascii=False))
        if isinstance(item, dict) and _is_message(text):
            yield text
        else:
            yield _error(types.INVALID_REQUEST, NOT_A_MESSAGE, _id_of(item))


def _is_message(text: str) -> bool:
    """Whether the library parses this text as the intended kind of message."""
    try:
        found = types.jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValueError:
        return False
    # A request with an invalid id would be parsed as a notification, and never be answered.
    return not (isinstance(found, types.JSONRPCNotification) and "id" in json.loads(text))


def _is_whole_float(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _without_half_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _id_of(item: Any) -> str | int | None:
    found = item.get("id") if isinstance(item, dict) else None
    usable = isinstance(found, str | int) and not isinstance(found, bool)
    return found if usable else None


def _error(code: int, message: str, request: str | int | None = None) -> types.JSONRPCError:
    error = types.ErrorData(code=code, message=message)
    return types.JSONRPCError(jsonrpc="2.0", id=request, error=error)
