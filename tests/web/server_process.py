"""The real server as a process of its own, and raw exchanges with it over sockets."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

TIMEOUT: Final = 30.0


@dataclass
class ServerProcess:
    """A server process that listens on loopback.

    Args:
        process: the process.
        scheme: `http` or `https`.
        port: where it listens.
        log: the lines it has written to standard error so far.
        reader: the thread that reads the log.
    """

    process: subprocess.Popen[str]
    scheme: str
    port: int
    log: list[str]
    reader: threading.Thread

    @property
    def url(self) -> str:
        """The server's address, without a path."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """An open connection from a loopback address."""
        address = ("127.0.0.1", self.port)
        return socket.create_connection(address, TIMEOUT, source_address=(source, 0))

    def exchange(self, *parts: bytes) -> bytes:
        """Everything the server answers to raw bytes, until it closes the connection."""
        with self.connect() as connection:
            return answer_to(connection, *parts)

    def stop(self) -> int:
        """Tell it to stop; returns its exit code, when the log is complete."""
        self.process.terminate()
        code = self.process.wait(TIMEOUT)
        self.reader.join()
        return code

    def resident_bytes(self) -> int:
        """Resident memory of the process."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - no file
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def answer_to(connection: socket.socket, *parts: bytes) -> bytes:
    """Send raw bytes, and return everything that comes back until the connection is closed."""
    try:
        for part in parts:
            connection.sendall(part)
    except OSError:
        pass  # refused before everything was sent; the answer says so
    answer = bytearray()
    try:
        while received := connection.recv(65_536):
            answer += received
    except ConnectionResetError:
        pass  # closed while our last bytes were on their way
    return bytes(answer)


def status_of(answer: bytes) -> int:
    """The status of a raw answer; 0 if there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextmanager
def server_process(
    *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """A server process on a free port, until the block ends.

    Args:
        flags: of `loyalty-mcp serve --http`.
        environment: variables to add.
    """
    command = [sys.executable, "-m", "loyalty_mcp", "serve", "--http", "--port", "0", *flags]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    ) as process:
        log: list[str] = []
        serving = threading.Event()

        def read_log() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                log.append(line)
                if "serving on" in line:
                    serving.set()
            serving.set()

        # Nobody else reads the pipe, and a full one would stop the server.
        reader = threading.Thread(target=read_log, daemon=True)
        reader.start()
        try:
            serving.wait(TIMEOUT)
            found = re.search(r"serving on (https?)://[^/]+:(\d+)/mcp", "".join(log))
            assert found is not None, "".join(log)
            yield ServerProcess(process, found[1], int(found[2]), log, reader)
        finally:
            process.kill()
            reader.join()
