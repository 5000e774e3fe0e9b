"""One server process and its MCP client: used, killed at any moment, and started again."""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError

WRITES_ITS_ID: Final = 'echo $$ > "$0"; exec "$@"'
"""The shell becomes the server, so that its process id is known before it runs."""


SERVER: Final = "tests.storm.skewed_server"


class Lost(Exception):
    """The server died before it answered; nobody knows what it had done."""


class Replica:
    """A server over stdio that comes back whenever it dies.

    Args:
        name: tells its files apart.
        folder: where its log and its process id go.
        settings: its environment.
    """

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        self._pid_file = folder / f"{name}.pid"
        self._log = folder / f"{name}.log"
        self._parameters = StdioServerParameters(
            command="/bin/sh",
            args=["-c", WRITES_ITS_ID, str(self._pid_file), sys.executable, "-m", SERVER],
            env={**settings, "LOYALTY_MCP_LOG_LEVEL": "ERROR"},
        )
        self._client: Client | None = None
        self._up = anyio.Event()
        self._died = anyio.Event()
        self._stopping = False
        self.kills = 0

    async def run(self) -> None:
        """Keep a server running until `stop`."""
        with self._log.open("a") as log:
            while not self._stopping:
                self._died = anyio.Event()
                async with Client(stdio_client(self._parameters, errlog=log)) as client:
                    self._client = client
                    self._up.set()
                    await self._died.wait()
                    self._client, self._up = None, anyio.Event()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call a tool, once the server is up.

        Raises:
            Lost: the server died before it answered.
        """
        await self._up.wait()
        client = self._client
        if client is None:
            raise Lost
        try:
            return await client.call_tool(tool, dict(arguments))
        except (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            raise Lost from None

    @property
    def up(self) -> bool:
        """Whether there is a server to kill."""
        return self._up.is_set()

    def kill(self) -> None:
        """`kill -9`, whatever it is doing."""
        os.kill(self._process_id(), signal.SIGKILL)
        self.kills += 1
        self._died.set()

    async def pause(self, seconds: float) -> None:
        """Stop the process where it is, and let it go on after a while."""
        process = self._process_id()
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
        try:
            await anyio.sleep(seconds)
        finally:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def _process_id(self) -> int:
        return int(self._pid_file.read_text())

    def stop(self) -> None:
        """End the server in good order, and for good."""
        self._stopping = True
        self._died.set()
