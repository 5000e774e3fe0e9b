"""Servers started by the documents' commands, as separate processes."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

TRIES = 400
SERVING = re.compile(r"serving on (http://[^/]+)/mcp")


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with its standard error in a file; it is terminated and has to exit cleanly."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def sandbox(arguments: Sequence[str], port: int, folder: Path, path: str) -> Iterator[str]:
    """The engine on a port, by the command itself; its address."""
    command = [sys.executable, "-m", "loyalty_mcp", *arguments, "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with running(command, folder / "sandbox.log", {"PATH": path}) as process:
        answers(f"{address}/sandbox/clock", process)
        yield address


@contextmanager
def service(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The server over HTTP on a port that is free; its address."""
    log = folder / "service.log"
    with running([*command, "--port", "0"], log, environment) as process:
        pause = threading.Event()
        for _ in range(TRIES):
            if found := SERVING.search(log.read_text(encoding="utf-8")):
                break
            assert process.poll() is None, log.read_text(encoding="utf-8")
            pause.wait(0.05)
        else:
            pytest.fail(f"it does not serve: {log.read_text(encoding='utf-8')}")
        answers(f"{found[1]}/health", process)
        yield found[1]


def answers(address: str, process: "subprocess.Popen[bytes]") -> None:
    """Return once something answers."""
    pause = threading.Event()
    for _ in range(TRIES):
        assert process.poll() is None
        try:
            httpx2.get(address)
        except httpx2.TransportError:
            pause.wait(0.05)
        else:
            return
    pytest.fail(f"{address} does not answer")
