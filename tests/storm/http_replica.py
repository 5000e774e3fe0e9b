"""One server process over HTTP: a client of its own for each call, killed and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
from anyio.abc import Process
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.ports import free_port
from tests.storm.replica import SERVER, Lost, Replica

SECONDS = 90.0


class HttpReplica(Replica):
    """A server over HTTP that comes back whenever it dies.

    Args:
        name: tells its files apart.
        folder: where its log goes.
        settings: its environment.
    """

    def __init__(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(name, folder, settings)
        self._port = free_port()
        self._environment = {**os.environ, **settings}
        self._process: Process | None = None

    async def run(self) -> None:
        """Keep a server running until `stop`."""
        command = [
            sys.executable,
            "-m",
            SERVER,
            "serve",
            "--http",
            "--port",
            str(self._port),
        ]
        while not self._stopping:
            self._died = anyio.Event()
            async with await anyio.open_process(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            ) as process:
                self._process = process
                await self._until_it_ends(process)
                if self._stopping and process.returncode is None:
                    process.terminate()
                    await process.wait()

    async def _until_it_ends(self, process: Process) -> None:
        """Read its log, so that it never waits for us; the first line about its address is `up`."""
        with self._log.open("ab") as log, anyio.CancelScope() as reading:

            async def ended() -> None:
                await self._died.wait()
                reading.cancel()

            async with anyio.create_task_group() as group:
                group.start_soon(ended)
                assert process.stderr is not None
                async for chunk in process.stderr:
                    log.write(chunk)
                    if b"serving on http://" in chunk:
                        self._up.set()
                group.cancel_scope.cancel()
        self._up = anyio.Event()

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        """Call a tool, once the server is up.

        Raises:
            Lost: the server died before it answered.
        """
        await self._up.wait()
        url = f"http://127.0.0.1:{self._port}/mcp"
        found: list[types.CallToolResult] = []
        try:
            async with (
                httpx2.AsyncClient(timeout=SECONDS) as http,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                found.append(await client.call_tool(tool, dict(arguments)))
        except (MCPError, httpx2.HTTPError, OSError, ExceptionGroup):
            if not found:
                raise Lost from None
        return found[0]

    def _process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9`, whatever it is doing."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            self.kills += 1
            self._died.set()
