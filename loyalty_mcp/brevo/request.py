"""A request to the Brevo Loyalty API, described and not yet sent."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from loyalty_mcp.brevo.types import number

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ReplyT = TypeVar("ReplyT", bound=BaseModel)
ReplyT_co = TypeVar("ReplyT_co", bound=BaseModel, covariant=True)

SAFE_PATH: Final = re.compile(r"(/[A-Za-z0-9._~%+-]+)+")
DOTS: Final = {".": "%2E", "..": "%2E%2E"}
"""Path segments that have a special meaning in URLs, escaped."""


class UnsafePathError(ValueError):
    """A path contains an unchecked id that could change its meaning."""


@dataclass(frozen=True)
class Request(Generic[ReplyT_co]):
    """One call of the API: what to send, and the type of its reply.

    Args:
        method: the HTTP method.
        path: the path below the API root; every id in it is already checked or quoted.
        reply: the model of a successful answer; `Done` if the API returns no body.
        query: parameters in the API's spelling; none of them is None.
        body: the JSON object in the API's spelling; None for no body.
        reads: whether the call changes nothing and may be retried.

    Raises:
        UnsafePathError: a segment could change the meaning of the path.
    """

    method: Method
    path: str
    reply: type[ReplyT_co]
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None
    reads: bool

    def __post_init__(self) -> None:
        if SAFE_PATH.fullmatch(self.path) is None or not DOTS.keys().isdisjoint(
            self.path.split("/")
        ):
            raise UnsafePathError("a path holds a segment that is no id")

    @cached_property
    def target(self) -> str:
        """The path with its query, as they are sent."""
        if not self.query:
            return self.path
        spelled = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in self.query.items()
        }
        return f"{self.path}?{urlencode(spelled, quote_via=quote)}"

    @cached_property
    def content(self) -> bytes | None:
        """The body as JSON; None for no body."""
        if self.body is None:
            return None
        return json.dumps(self.body, default=_json_value).encode()

    @cached_property
    def cache_key(self) -> str:
        """The key of equal requests."""
        return f"{self.method} {self.target} {(self.content or b'').decode()}"


def _json_value(value: Any) -> Any:
    """`value` as a type that `json` can write."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True, mode="json")
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with a value; null has another meaning for the API and is never sent."""
    return {name: value for name, value in fields.items() if value is not None}


def segment(text: str) -> str:
    """`text` as one path segment, with any characters."""
    return DOTS.get(text) or quote(text, safe="")


def get(path: str, reply: type[ReplyT], query: Mapping[str, Any] | None = None) -> Request[ReplyT]:
    """Read `path`."""
    return Request("GET", path, reply, given(query or {}), None, reads=True)


def ask(path: str, reply: type[ReplyT], body: Mapping[str, Any]) -> Request[ReplyT]:
    """Read by POST: some reads of the API have a body."""
    return Request("POST", path, reply, {}, given(body), reads=True)


def post(path: str, reply: type[ReplyT], body: Mapping[str, Any] | None = None) -> Request[ReplyT]:
    """Create or act at `path`; without `body`, only the path is sent."""
    return Request("POST", path, reply, {}, None if body is None else given(body), reads=False)


def put(path: str, reply: type[ReplyT], body: Mapping[str, Any]) -> Request[ReplyT]:
    """Replace what is at `path`."""
    return Request("PUT", path, reply, {}, given(body), reads=False)


def patch(path: str, reply: type[ReplyT], body: Mapping[str, Any]) -> Request[ReplyT]:
    """Change the given fields of what is at `path`."""
    return Request("PATCH", path, reply, {}, given(body), reads=False)


def delete(
    path: str, reply: type[ReplyT], query: Mapping[str, Any] | None = None
) -> Request[ReplyT]:
    """Delete what is at `path`."""
    return Request("DELETE", path, reply, given(query or {}), None, reads=False)
