"""Log records as lines: text for people, or one JSON object each for machines."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from loyalty_mcp.settings import LogFormat

CHATTY: Final = ("httpx2", "httpcore2", "mcp", "sqlalchemy", "uvicorn")


class TextLines(logging.Formatter):
    """Formats a record as text; an HTTP request is identified by its id."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - name given by logging
        """The first line of the record."""
        line = super().formatMessage(record)
        request_id = getattr(record, "request_id", None)
        return line if request_id is None else f"{line} [request {request_id}]"


class JsonLines(logging.Formatter):
    """Formats each record as one JSON object with the parts of the message by name."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "request_id"):
            line["request_id"] = record.request_id
        if isinstance(record.args, Mapping):
            line = {**record.args, **line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def log_to_stderr(level: str, style: LogFormat = "text") -> None:
    """Log to standard error, because standard output carries the protocol."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler])
    # Our lines do not use these values, so logging need not compute them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
