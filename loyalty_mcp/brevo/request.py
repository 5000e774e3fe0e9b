"""A request to the Brevo Loyalty API, described and not yet sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ReplyT = TypeVar("ReplyT", bound=BaseModel)
ReplyT_co = TypeVar("ReplyT_co", bound=BaseModel, covariant=True)

SAFE_PATH = re.compile(r"(/[A-Za-z0-9._~%+-]+)+")


class UnsafePathError(ValueError):
    """A path would leave its place: an id reached it that no id type has checked."""


@dataclass(frozen=True)
class Request(Generic[ReplyT_co]):
    """One call of the API: what to send, and the type of its reply.

    Args:
        method: the HTTP method.
        path: the path below the API root; every id in it is already checked or quoted.
        reply: the model of a successful answer; `Done` where the API answers nothing.
        query: parameters in the API's spelling; none of them is None.
        body: the JSON object in the API's spelling; None for no body.
        reads: whether the call changes nothing, so that it may be sent again.

    Raises:
        UnsafePathError: if the path has a segment that could lead elsewhere.
    """

    method: Method
    path: str
    reply: type[ReplyT_co]
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None
    reads: bool

    def __post_init__(self) -> None:
        if SAFE_PATH.fullmatch(self.path) is None or ".." in self.path.split("/"):
            raise UnsafePathError("a path holds a segment that is no id")

    @cached_property
    def target(self) -> str:
        """The path with its query, as they stand on the wire."""
        if not self.query:
            return self.path
        spelled = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in self.query.items()
        }
        return f"{self.path}?{urlencode(spelled, quote_via=quote)}"


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value: the API tells absent from null, and we never send null."""
    return {name: value for name, value in fields.items() if value is not None}


def segment(text: str) -> str:
    """`text` as one path segment, whatever it holds."""
    return quote(text, safe="")


def get(path: str, reply: type[ReplyT], query: Mapping[str, Any] | None = None) -> Request[ReplyT]:
    """Read `path`."""
    return Request("GET", path, reply, given(query or {}), None, reads=True)


def ask(path: str, reply: type[ReplyT], body: Mapping[str, Any]) -> Request[ReplyT]:
    """Read by POST: the API takes some questions in a body and changes nothing."""
    return Request("POST", path, reply, {}, given(body), reads=True)


def post(path: str, reply: type[ReplyT], body: Mapping[str, Any] | None = None) -> Request[ReplyT]:
    """Create or act at `path`; without `body` nothing is sent but the path."""
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
