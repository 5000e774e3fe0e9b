"""Errors that end a request at the edge, and their JSON."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ERROR_CODES: Final = {
    400: "invalid_request",
    401: "invalid_token",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "content_too_large",
    421: "misdirected_request",
    429: "too_many_requests",
    503: "unavailable",
}


class HttpError(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        description: what is wrong and what would be right; never anything the caller sent.
        headers: extra response headers, such as the authentication challenge.
        code: machine-readable code in the style of OAuth; by default derived from the status.
    """

    def __init__(
        self,
        status: int,
        description: str,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.headers = dict(headers or {})
        self.code = code or ERROR_CODES[status]


def error_response(error: HttpError) -> Response:
    """The response for an error."""
    body = {"error": error.code, "error_description": str(error)}
    return JSONResponse(body, error.status, error.headers)


async def handle_http_error(_request: Request, error: Exception) -> Response:
    """Exception handler for `HttpError` in a Starlette application."""
    if not isinstance(error, HttpError):
        raise error
    return error_response(error)


async def handle_routing_error(_request: Request, error: Exception) -> Response:
    """Exception handler for Starlette's own errors (404, 405), in our format."""
    status = getattr(error, "status_code", 500)
    body = {
        "error": ERROR_CODES.get(status, "error"),
        "error_description": "There is nothing at this path, or it does not have this method.",
    }
    return JSONResponse(body, status, getattr(error, "headers", None))
