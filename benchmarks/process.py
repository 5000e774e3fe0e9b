"""A program that serves on a port of its own, and what it weighs."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUDGET = 1_000_000_000
"""Requests an hour that no run uses up; with a budget, its headers are a part of every answer."""


@dataclass(frozen=True)
class Process:
    """A program that listens.

    Args:
        number: of the process.
        port: on loopback.
    """

    number: int
    port: int

    @property
    def resident(self) -> int:
        """Resident memory, in KiB."""
        status = Path(f"/proc/{self.number}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def listening(
    command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """A program, from when it listens until the block ends.

    Args:
        command: what starts it; it is told its port in there.
        port: where it listens.
        environment: what it is told; None for all that we were.
    """
    process = subprocess.Popen(  # noqa: S603 - a command of our own
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield Process(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")


@contextmanager
def sandbox(database: Path | None = None) -> Iterator[Process]:
    """The engine.

    Args:
        database: the file that keeps its data; None for all in memory.
    """
    port = free_port()
    words = ["sandbox", "--port", str(port), "--rate-limit", str(BUDGET)]
    if database is not None:
        words += ["--database", str(database)]
    with listening((sys.executable, "-m", "loyalty_mcp", *words), port) as process:
        yield process
