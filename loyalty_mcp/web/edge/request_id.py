"""The id of a request, in its answer and in every log line about it."""

import logging
import re
import secrets
from contextvars import ContextVar
from typing import Final

from starlette.datastructures import Headers

HEADER: Final = "x-request-id"
ACCEPTED: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_CURRENT: ContextVar[str | None] = ContextVar("request_id", default=None)


def start_request(headers: Headers) -> str:
    """Set the id for the rest of this task: the one in the headers, or a new one.

    Args:
        headers: of the request. An id is ignored unless it is a plain word of 8 to 64 characters.
    """
    given = headers.getlist(HEADER)
    usable = len(given) == 1 and ACCEPTED.fullmatch(given[0]) is not None
    request_id = given[0] if usable else secrets.token_hex(8)
    _CURRENT.set(request_id)
    return request_id


class RequestIdFilter(logging.Filter):
    """Adds `request_id` to log records that are written while a request is handled."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id, and keep the record."""
        request_id = _CURRENT.get()
        if request_id is not None:
            record.request_id = request_id
        return True
