"""Log records as lines: for people, or one JSON object each for machines."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from loyalty_mcp.settings import LogFormat

CHATTY: Final = ("httpx2", "httpcore2", "mcp", "sqlalchemy", "uvicorn")


class JsonLines(logging.Formatter):
    """One JSON object a line; what a message was made of stands in it by name."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(record.args, Mapping):
            line = {**record.args, **line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def log_to_stderr(level: str, style: LogFormat = "text") -> None:
    """Standard output is the protocol; everything else goes to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if style == "json" else text)
    logging.basicConfig(level=level, handlers=[handler])
    # What no line of ours says need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
