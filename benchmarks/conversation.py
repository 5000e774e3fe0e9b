"""A conversation with a server over standard input and output, as bare JSON lines."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from contenders import Contender

PROTOCOL = "2025-11-25"


class Conversation:
    """One server, started and greeted; ended with the block.

    Args:
        contender: what is started.
        agrees: whether there is a person who is shown dialogs, and agrees to each.
    """

    def __init__(self, contender: Contender, *, agrees: bool = False) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - a command of our own
            contender.command,
            env=contender.whole_environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self.ask(
            "initialize",
            protocolVersion=PROTOCOL,
            capabilities={"elicitation": {}} if agrees else {},
            clientInfo={"name": "benchmark", "version": "1"},
        )
        self._say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self) -> Self:
        """Go on talking."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the server by ending its input."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def resident(self) -> int:
        """Resident memory of the server, in KiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1])

    def ask(self, method: str, **params: Any) -> Any:
        """A request, and its result."""
        self._number += 1
        self._say({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            message = json.loads(line)
            if message.get("method") == "elicitation/create":
                agreed = {"action": "accept", "content": {"agree": True}}
                self._say({"jsonrpc": "2.0", "id": message["id"], "result": agreed})
            elif message.get("id") == self._number:
                assert "result" in message, message
                return message["result"]
        raise EOFError("the server ended")

    def call(self, tool: str, **arguments: Any) -> Any:
        """A tool call that has to succeed, and its result."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        assert not result.get("isError"), result
        return result

    def _say(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()
