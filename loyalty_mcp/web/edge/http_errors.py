"""A refusal at the edge: one exception, and one way to say it."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

WORDS: Final = {
    400: "invalid_request",
    401: "invalid_token",
    403: "forbidden",
    408: "request_timeout",
    413: "content_too_large",
    421: "misdirected_request",
    429: "too_many_requests",
    503: "unavailable",
}


class Refusal(Exception):
    """A request that goes no further.

    Args:
        status: of HTTP.
        sentence: why, and what would be right; never with anything the caller sent.
        headers: such as the challenge.
        word: in the manner of OAuth; by the status where it is left out.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        headers: Mapping[str, str] | None = None,
        word: str | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})
        self.word = word or WORDS[status]


def refused(refusal: Refusal) -> Response:
    """A refusal as an answer."""
    body = {"error": refusal.word, "error_description": str(refusal)}
    return JSONResponse(body, refusal.status, refusal.headers)


async def on_refusal(_request: Request, error: Exception) -> Response:
    """The handler of refusals for an application."""
    if not isinstance(error, Refusal):
        raise error
    return refused(error)
